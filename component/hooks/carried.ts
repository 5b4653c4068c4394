/**
 * What a hook carries that GitLab never shows, as far as it can be told, and what of it a write would lose. Pure.
 *
 * GitLab wipes the secret token and all custom headers when a hook's address changes. A run that holds what it must write back
 * may change the address; one that does not must leave the hook alone. Signing tokens survive a change of the address.
 */
import { createFingerprint, SYSTEM_HOOK_KEY } from "../../lib/secrets.ts";
import { markerIn, UNKNOWN_FINGERPRINT, type WantedHook } from "./desired.ts";
import type { Hook } from "../gitlab/types.ts";

/** A variable that holds what a hook carries. */
export type SecretVariable =
  | "GITLAB_WEBHOOK_MASTER_SECRET"
  | "GITLAB_WEBHOOK_SECRET"
  | "GITLAB_WEBHOOK_SIGNING_TOKEN"
  | "HOOKS_CUSTOM_HEADERS";

export interface Carried {
  /** Null: the instance does not say (before 19.0), and the marker does not rule it out. */
  readonly token: boolean | null;
  readonly signing: boolean | null;
  readonly headers: boolean;
}

let plainFingerprint: ((parts: readonly string[]) => string) | null = null;

/** The fingerprint of a hook without any secret; its key is stretched once, and only where somebody asks. */
function withoutSecrets(url: string): string {
  plainFingerprint ??= createFingerprint(["", "", "[]"]);
  return plainFingerprint([url, "", "", "[]"]);
}

/** What the hook carries. @param url the address that the configuration asks for: a slash at its end may not be the hook's */
export function carriedBy(hook: Hook, url: string): Carried {
  const marker = markerIn(hook["description"]);
  const told = (attribute: string): boolean | null => {
    const value = hook[attribute];
    return typeof value === "boolean" ? value : null;
  };
  const plain = (): boolean =>
    marker !== null &&
    marker.fingerprint !== UNKNOWN_FINGERPRINT &&
    [hook.url, url].some((address) => withoutSecrets(address) === marker.fingerprint);
  return {
    token: told("token_present") ?? (plain() ? false : null),
    signing: told("signing_token_present"),
    headers: (marker?.headerNames ?? "") !== "",
  };
}

/** Kinds that the hook carries, or may carry, and that this run does not hold. Nothing if it is to take them away. */
export interface Lacking {
  readonly token: boolean;
  readonly signing: boolean;
  readonly headers: boolean;
}

export function lackingFor(wanted: WantedHook, carried: Carried): Lacking {
  const keeps = !wanted.removesSecrets;
  return {
    token: keeps && wanted.token === null && carried.token !== false,
    signing: keeps && wanted.signingToken === null && carried.signing === true,
    headers: keeps && Object.keys(wanted.headers).length === 0 && carried.headers,
  };
}

/** The hook ends in its own key, as only a run with the master secret writes it. */
export function endsInOwnKey(hook: Hook): boolean {
  if (!URL.canParse(hook.url)) return false;
  const last = new URL(hook.url).pathname.replace(/\/+$/, "").split("/").at(-1) ?? "";
  return last === ownKey(hook);
}

/** `p7` or `g3`: the key of the project or group that the hook says it belongs to; a system hook says nothing. */
export function ownKey(hook: Hook): string {
  if (typeof hook["project_id"] === "number") return `p${hook["project_id"]}`;
  return typeof hook["group_id"] === "number" ? `g${hook["group_id"]}` : SYSTEM_HOOK_KEY;
}

/** The variables that would hold what is lacking. */
export function variablesOf(lacking: Lacking, hook: Hook): SecretVariable[] {
  // Nearly every hook, and reading an address takes its time.
  if (!lacking.token && !lacking.signing && !lacking.headers) return [];
  const token = endsInOwnKey(hook) ? "GITLAB_WEBHOOK_MASTER_SECRET" : "GITLAB_WEBHOOK_SECRET";
  const signing = endsInOwnKey(hook) ? "GITLAB_WEBHOOK_MASTER_SECRET" : "GITLAB_WEBHOOK_SIGNING_TOKEN";
  const names = [
    ...(lacking.token ? [token] : []),
    ...(lacking.signing ? [signing] : []),
    ...(lacking.headers ? ["HOOKS_CUSTOM_HEADERS"] : []),
  ] as SecretVariable[];
  return [...new Set(names)];
}
