/** An event as a command that sends it again by hand. The secret is left out: it is a variable for the operator to fill in. */
import type { EventMeta } from "../../event/event.ts";

/** Headers that curl makes itself, or that are signatures and times of the original request. */
const LEFT_OUT = new Set([
  "host",
  "content-length",
  "connection",
  "accept-encoding",
  "transfer-encoding",
  "expect",
  "webhook-signature",
  "webhook-timestamp",
]);

export interface CurlOptions {
  /** Where webhooks go, without a hook's key. */
  readonly url: string;
  /** File with the secret token that the relay made; null: a variable stands for it. */
  readonly secretFile: string | null;
  /** Null: it comes from a file of the event's name, as the page's download saves it. */
  readonly body: string | null;
}

const BY_HAND: CurlOptions = { url: "$RELAY_URL/webhooks/gitlab", secretFile: null, body: null };

/**
 * A command for a POSIX shell.
 * @param headers as they may be shown
 */
export function curlCommand(
  meta: EventMeta,
  headers: readonly (readonly [string, string])[],
  masked: string,
  { url, secretFile, body }: CurlOptions = BY_HAND,
): string {
  const kept = headers.filter(([name, value]) => !LEFT_OUT.has(name) && value !== masked);
  const lines = kept.map(([name, value]) => `  -H ${quote(`${name}: ${value}`)}`);
  const address = `${url}${meta.hookKey === null ? "" : `/${meta.hookKey}`}`;
  const secret = secretFile === null ? "$GITLAB_WEBHOOK_SECRET" : `$(cat ${quote(secretFile)})`;
  return [
    `curl -X POST ${url === BY_HAND.url ? `"${address}"` : quote(address)}`,
    ...lines,
    `  -H "X-Gitlab-Token: ${secret}"`,
    body === null ? `  --data-binary @${meta.id}.json` : `  --data-binary ${quote(body)}`,
  ].join(" \\\n");
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
