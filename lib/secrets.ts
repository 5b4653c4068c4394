/**
 * Secrets per hook, derived from one master secret: nothing is stored, the relay and the installer compute the same.
 * The hook key (`p<project id>`, `g<group id>`, or `system` for the instance's own) is the last part of the hook's URL.
 */
import { createHmac, scryptSync } from "node:crypto";

/** An instance has one system hook of ours; its secrets differ from those of other instances by the host. */
export const SYSTEM_HOOK_KEY = "system";

const HOOK_KEY = /^(?:[pg][1-9]\d{0,18}|system)$/;

export function isHookKey(text: string): boolean {
  return HOOK_KEY.test(text);
}

export function projectHookKey(projectId: number): string {
  return `p${projectId}`;
}

export function groupHookKey(groupId: number): string {
  return `g${groupId}`;
}

function derive(master: string, purpose: string, instanceHost: string, hookKey: string): Buffer {
  return createHmac("sha256", master).update(`${purpose}/v1/${instanceHost}/${hookKey}`).digest();
}

/** Secret token of one hook: base64url without padding. `instanceHost` as in the instance's URL, with its port if it has one. */
export function deriveSecretToken(master: string, instanceHost: string, hookKey: string): string {
  return derive(master, "token", instanceHost, hookKey).toString("base64url");
}

/** Signing token of one hook: `whsec_` and standard base64 of 32 bytes. */
export function deriveSigningToken(master: string, instanceHost: string, hookKey: string): string {
  return `whsec_${derive(master, "signing", instanceHost, hookKey).toString("base64")}`;
}

/** Makes a key of secrets, slowly. */
export type StretchKey = (secrets: readonly string[]) => Buffer;

/** scrypt, some 40 ms: a weak secret cannot be guessed at speed from what was made with its key. */
export function stretchKey(secrets: readonly string[]): Buffer {
  return scryptSync(JSON.stringify(secrets), "gitlab-hook-relay/fingerprint/v1", 32);
}

/**
 * Names sets of values that must not be shown, to tell whether they changed: 16 hex digits that stand in a hook's description.
 * Everybody who may read a project's hooks sees them, so the key is stretched, once per program run.
 * @param secrets every configured secret
 * @param stretch tests that run the program many times remember the keys
 */
export function createFingerprint(
  secrets: readonly string[],
  stretch: StretchKey = stretchKey,
): (parts: readonly string[]) => string {
  const key = stretch(secrets);
  return function fingerprint(parts) {
    return createHmac("sha256", key).update(JSON.stringify(parts)).digest("hex").slice(0, 16);
  };
}

/** Splits a comma separated list of secrets; blanks around the items and empty items do not count. */
export function splitSecrets(text: string): string[] {
  return text
    .split(",")
    .map((s) => s.trim())
    .filter((s) => s !== "");
}
