/**
 * Is this webhook from one certain GitLab: decides for the ladder (401), on the raw bytes, before anything is parsed. Which of several
 * GitLabs it is from follows from this, see senders.ts.
 *
 * Two credentials exist: the secret token (X-Gitlab-Token) and the signature (webhook-signature, Standard Webhooks). For each
 * request one of them is
 *   configured   if a shared one is set, or the request came in under a hook key and a master secret gives that hook its own;
 *   sent         if its header is there and not empty.
 * A credential that is not both configured and sent is not looked at: a token that GitLab sends while only signatures are
 * configured is neither right nor wrong. Of those that are looked at (`credentials` in relay.yaml):
 *
 *   looked at          | all (default)                | any
 *   -------------------+------------------------------+------------------------------
 *   none               | refused                      | refused
 *   token              | accepted if it is right      | accepted if it is right
 *   signature          | accepted if it is right      | accepted if it is right
 *   both               | accepted if both are right   | accepted if one is right
 *
 * A token is right if it equals any shared token, or the token that any master secret gives this hook. A signature is right if
 * any of the values sent fits any key, and its timestamp is within the tolerance of the time of receipt; one whose webhook-id
 * or webhook-timestamp is missing is wrong. All comparisons look at every candidate and take constant time for each.
 *
 * A wrong answer that no body can change is given before the body is read.
 */
import { hash, timingSafeEqual } from "node:crypto";
import { deriveSecretToken, deriveSigningToken, splitSecrets } from "../../lib/secrets.ts";
import { decodeSigningToken, verify, type SignedBody } from "../../lib/signature.ts";
import type { RequestHeaders } from "./request.ts";
import { headerOf } from "./request.ts";

export type Credential = "token" | "signature";

export type Authentication =
  | { readonly ok: true; readonly verifiedBy: readonly Credential[] }
  /** `reason` is for the log; a caller is told the same sentence whatever was wrong. */
  | { readonly ok: false; readonly reason: string };

/** What the headers alone say. */
export interface Claimed {
  /** Set if no body can make the request valid. */
  readonly refused: string | null;
  readonly token: "right" | "wrong" | "unchecked";
  /** Keys that the signature is to be checked with; empty: it is not looked at. */
  readonly keys: readonly Uint8Array[];
}

export interface Authenticator {
  claim(headers: RequestHeaders, hookKey: string | null): Claimed;
  /** @param receivedAt wall clock of receipt, milliseconds */
  judge(claimed: Claimed, headers: RequestHeaders, body: SignedBody, receivedAt: number): Authentication;
}

export interface Credentials {
  readonly secretTokens: readonly string[];
  readonly signingTokens: readonly string[];
  /** Comma separated. */
  readonly masterSecret: string;
  readonly credentials: "all" | "any";
  readonly signatureToleranceSeconds: number;
  /**
   * Host of the GitLab's address, with its port if it has one: secrets of hooks are derived for it as well as for the one that the
   * request names. Whoever knows one of them was given it for this GitLab. @default the one that the request names alone
   */
  readonly host?: string;
}

export function createAuthenticator(settings: Credentials): Authenticator {
  const sharedTokens = settings.secretTokens.map((token) => digestOf(Buffer.from(token, "utf8")));
  const sharedKeys = settings.signingTokens.map(keyOf);
  const masters = splitSecrets(settings.masterSecret);
  const needsAll = settings.credentials === "all";

  /** What each master secret gives the hook: under the host that the request names, and under the one of the settings. */
  function derived<T>(headers: RequestHeaders, hookKey: string | null, give: Derive<T>): readonly T[] {
    if (masters.length === 0 || hookKey === null) return [];
    const named = new Set([instanceHost(headers), settings.host]);
    return [...named].flatMap((host) =>
      typeof host === "string" ? masters.map((master) => give(master, host, hookKey)) : [],
    );
  }

  return {
    claim(headers, hookKey) {
      const sentToken = headerOf(headers, "x-gitlab-token");
      const sentSignature = headerOf(headers, "webhook-signature");
      const digests =
        sentToken === null ? [] : [...derived(headers, hookKey, digestOfToken), ...sharedTokens];
      const keys = sentSignature === null ? [] : [...derived(headers, hookKey, keyOfHook), ...sharedKeys];
      const token =
        sentToken === null || digests.length === 0
          ? "unchecked"
          : isAnyOf(Buffer.from(sentToken, "latin1"), digests)
            ? "right"
            : "wrong";
      let refused: string | null = null;
      if (token === "wrong" && (needsAll || keys.length === 0)) refused = "the secret token is wrong";
      else if (token === "unchecked" && keys.length === 0)
        refused =
          sentToken === null && sentSignature === null
            ? "neither a secret token nor a signature was sent"
            : "no secret is configured for what was sent";
      return { refused, token, keys };
    },

    judge(claimed, headers, body, receivedAt) {
      if (claimed.refused !== null) return { ok: false, reason: claimed.refused };
      if (claimed.keys.length === 0) return { ok: true, verifiedBy: ["token"] };
      const signature = verify(
        claimed.keys,
        {
          id: headerOf(headers, "webhook-id") ?? "",
          timestamp: headerOf(headers, "webhook-timestamp") ?? "",
          signature: headerOf(headers, "webhook-signature") ?? "",
        },
        body,
        { receivedAt, toleranceSeconds: settings.signatureToleranceSeconds },
      );
      const verifiedBy: Credential[] = [];
      if (claimed.token === "right") verifiedBy.push("token");
      if (signature === "valid") verifiedBy.push("signature");
      if (signature === "valid" || (!needsAll && claimed.token === "right")) return { ok: true, verifiedBy };
      return { ok: false, reason: `the signature is wrong (${signature})` };
    },
  };
}

type Derive<T> = (master: string, host: string, hookKey: string) => T;

const digestOfToken: Derive<Buffer> = (...hook) => digestOf(Buffer.from(deriveSecretToken(...hook), "utf8"));
const keyOfHook: Derive<Uint8Array> = (...hook) => keyOf(deriveSigningToken(...hook));

/** Instances whose host is remembered: reading an address takes as long as hashing an id. */
const MAX_HOSTS = 100;
const hosts = new Map<string, string | null>();

/** Host of `X-Gitlab-Instance`, with its port if it has one: what hook secrets are derived for. Null if it says none. */
export function instanceHost(headers: RequestHeaders): string | null {
  const instance = headerOf(headers, "x-gitlab-instance");
  if (instance === null) return null;
  let host = hosts.get(instance);
  if (host === undefined) {
    host = hostOf(instance);
    if (hosts.size >= MAX_HOSTS) hosts.clear();
    hosts.set(instance, host);
  }
  return host;
}

function hostOf(instance: string): string | null {
  try {
    return new URL(instance.includes("://") ? instance : `https://${instance}`).host;
  } catch {
    return null;
  }
}

function keyOf(token: string): Uint8Array {
  return decodeSigningToken(token) as Uint8Array;
}

const DIGEST_BYTES = 32;

function digestOf(bytes: Uint8Array, into = Buffer.allocUnsafeSlow(DIGEST_BYTES)): Buffer {
  // One character per byte: as its own buffer it takes three times as long.
  into.write(hash("sha256", bytes, "binary"), "latin1");
  return into;
}

/** Of the token that is being compared. */
const sentDigest = Buffer.alloc(DIGEST_BYTES);

/** Digests have one length, so that the comparison tells nothing about the length of a secret either. */
function isAnyOf(sent: Uint8Array, wanted: readonly Buffer[]): boolean {
  const digest = digestOf(sent, sentDigest);
  let found = false;
  for (const candidate of wanted) if (timingSafeEqual(digest, candidate)) found = true;
  return found;
}
