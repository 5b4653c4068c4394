/**
 * Standard Webhooks signatures (https://github.com/standard-webhooks/standard-webhooks, symmetric `v1`): what GitLab >= 19.0
 * sends, and what this relay sends on. The key is the base64 part of `whsec_...`, decoded; the signed text is
 * `<id>.<timestamp>.<raw body>`.
 */
import { createHmac, timingSafeEqual } from "node:crypto";

const PREFIX = "whsec_";
const VERSION = "v1,";

/** The key's bytes; null if the text is not `whsec_` followed by standard base64 of 24 to 64 bytes. */
export function decodeSigningToken(token: string): Uint8Array | null {
  if (!token.startsWith(PREFIX)) return null;
  const encoded = token.slice(PREFIX.length);
  const key = Buffer.from(encoded, "base64");
  return key.length >= 24 && key.length <= 64 && key.toString("base64") === encoded ? key : null;
}

/** A body in one piece, or in parts that are not joined before they are known to be right. */
export type SignedBody = Uint8Array | readonly Uint8Array[];

function digest(key: Uint8Array, id: string, timestamp: string, body: SignedBody): string {
  const hmac = createHmac("sha256", key).update(`${id}.${timestamp}.`);
  if (body instanceof Uint8Array) hmac.update(body);
  else for (const part of body) hmac.update(part);
  return hmac.digest("base64");
}

/**
 * The value of `webhook-signature`: one `v1,` signature per key, separated by spaces, so that the receiver may rotate.
 * @param timestamp Unix seconds
 */
export function sign(keys: readonly Uint8Array[], id: string, timestamp: number, body: Uint8Array): string {
  return keys.map((key) => `${VERSION}${digest(key, id, String(timestamp), body)}`).join(" ");
}

export interface SignedHeaders {
  readonly id: string;
  readonly timestamp: string;
  readonly signature: string;
}

export interface Freshness {
  /** Time of receipt, so that a late replay from the queue is judged by when it came in: wall clock, milliseconds. */
  readonly receivedAt: number;
  readonly toleranceSeconds: number;
}

export type Verdict = "valid" | "mismatch" | "expired" | "malformed";

/**
 * Checks a signature on the raw bytes. Any key may match any of the signatures sent; every comparison takes constant time.
 *
 * Signatures are compared as text, as the reference libraries of Standard Webhooks do: another alphabet, missing padding or
 * characters that a lenient decoder skips are a mismatch. A missing id is malformed.
 */
export function verify(
  keys: readonly Uint8Array[],
  headers: SignedHeaders,
  body: SignedBody,
  { receivedAt, toleranceSeconds }: Freshness,
): Verdict {
  if (headers.id === "" || !/^\d{1,12}$/.test(headers.timestamp)) return "malformed";
  const sent = headers.signature.split(" ").filter((s) => s.startsWith(VERSION));
  if (sent.length === 0) return "malformed";
  const offered = sent.map((s) => Buffer.from(s.slice(VERSION.length), "latin1"));
  let matched = false;
  for (const key of keys) {
    const wanted = Buffer.from(digest(key, headers.id, headers.timestamp, body), "latin1");
    for (const signature of offered) {
      if (signature.length === wanted.length && timingSafeEqual(signature, wanted)) matched = true;
    }
  }
  if (!matched) return "mismatch";
  const ageSeconds = Math.abs(receivedAt / 1000 - Number(headers.timestamp));
  return ageSeconds <= toleranceSeconds ? "valid" : "expired";
}
