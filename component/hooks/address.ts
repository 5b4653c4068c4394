/**
 * Which addresses of hooks are the same. Pure.
 *
 * People and tools spell one address in several ways, and a hook that was taken for another's would get a second one beside it. What
 * never leads elsewhere does not count: letter case and a dot at the end of the host, its Unicode form, default ports, slashes that are
 * doubled or at the end, the percent-encoding of letters that need none, user info and fragments. Everything else does: the scheme,
 * the path's letter case, `%2F`, the query.
 */
import { createHash } from "node:crypto";

const HOOK_KEY_AT_END = /\/(?:[pg][1-9]\d{0,18}|system)$/;

/** The relay's address with a hook's own key as last part of the path. */
export function withHookKey(url: string, hookKey: string): string {
  const parsed = new URL(url);
  parsed.pathname = `${parsed.pathname.replace(/\/+$/, "")}/${hookKey}`;
  return parsed.href;
}

/** The relay's address, whichever hook it was taken from. */
export function withoutHookKey(url: string): string {
  const parsed = new URL(url);
  const path = parsed.pathname.replace(/\/+$/, "");
  if (HOOK_KEY_AT_END.test(path)) parsed.pathname = path.replace(HOOK_KEY_AT_END, "");
  return parsed.href;
}

/** Equal for two spellings of one address. Null if it is no address. */
export function bareAddress(url: string): string | null {
  const parts = partsOf(url);
  return parts === null ? null : `${parts.origin}${parts.path}${parts.search}`;
}

/** The same for all hooks of one relay: as `bareAddress`, and hook keys do not count. */
export function normalisedUrl(url: string): string | null {
  const parts = partsOf(url);
  if (parts === null) return null;
  const path = parts.path.replace(HOOK_KEY_AT_END, "");
  return `${parts.origin}${path}${parts.search}`;
}

/** Tells relays apart by their addresses, whatever the hook's key. */
export function digestOfRelay(url: string): string {
  const address = normalisedUrl(url) ?? url;
  return createHash("sha256").update(address).digest("hex").slice(0, 8);
}

interface AddressParts {
  readonly origin: string;
  /** Without slashes at its end. */
  readonly path: string;
  readonly search: string;
}

function partsOf(url: string): AddressParts | null {
  if (!URL.canParse(url)) return null;
  const { protocol, hostname, port, pathname, search } = new URL(url);
  const host = hostname.endsWith(".") ? hostname.slice(0, -1) : hostname;
  return {
    origin: `${protocol}//${host}${port === "" ? "" : `:${port}`}`,
    path: plainlyEncoded(pathname)
      .replace(/\/{2,}/g, "/")
      .replace(/\/$/, ""),
    search: plainlyEncoded(search),
  };
}

/** Percent-encoding as RFC 3986 normalises it: letters, digits and `-._~` as they are, the other bytes in capitals. */
function plainlyEncoded(text: string): string {
  if (!text.includes("%")) return text;
  return text.replace(/%[0-9a-f]{2}/gi, (code) => {
    const character = String.fromCharCode(Number.parseInt(code.slice(1), 16));
    return /[\w.~-]/.test(character) ? character : code.toUpperCase();
  });
}
