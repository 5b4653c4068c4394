/**
 * The body of a webhook as a JSON object. A push lists twenty commits and a pipeline all its jobs, which is most of such a body: what the
 * relay takes of it on receipt does without them, so that they are checked and not parsed.
 */
import { isAscii, isUtf8 } from "node:buffer";
import { isObject, list, type Json } from "../../lib/json.ts";
import { withoutArray } from "../../lib/json-array.ts";
import { mayListItsBefore } from "../event/test-delivery.ts";

/** Names of long lists, with the opening bracket. Behind a comma that quote can begin nothing but a string. */
const LONG_LISTS = ["commits", "builds"].map((name) => ({
  name,
  start: Buffer.from(`,"${name}":[`, "latin1"),
}));

/**
 * The JSON object that a body holds; null if it holds anything else. Must be UTF-8 without byte order mark, as RFC 8259 asks
 * of JSON that is sent; GitLab sends it so. Depth does not matter.
 */
export function parsePayload(body: Uint8Array): Json | null {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const isPlain = isAscii(bytes);
  return isPlain || isUtf8(bytes) ? parsed(bytes, isPlain) : null;
}

/**
 * As parsePayload(), but the commits of a push and the jobs of a pipeline may be missing: an empty list stands in their place. They are
 * there if they decide whether the push is a test.
 */
export function parseFacts(body: Uint8Array): Json | null {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const isPlain = isAscii(bytes);
  if (!isPlain && !isUtf8(bytes)) return null;
  return withoutLongList(bytes, isPlain) ?? parsed(bytes, isPlain);
}

/** Null: there is no such list, or it is needed, or the body may not be JSON. */
function withoutLongList(bytes: Buffer, isPlain: boolean): Json | null {
  for (const { name, start } of LONG_LISTS) {
    const at = bytes.indexOf(start);
    if (at < 0) continue;
    const open = at + start.length - 1;
    const cut = withoutArray(bytes, open);
    if (cut === null) return null;
    const payload = parsed(cut.rest, isPlain || isAscii(cut.rest));
    // It may be the list of something inside, or not the only one.
    if (payload === null || !isEmptyList(payload[name])) return null;
    return mayListItsBefore(payload, bytes.subarray(open, cut.end)) ? null : payload;
  }
  return null;
}

function isEmptyList(value: unknown): boolean {
  return Array.isArray(value) && list(value).length === 0;
}

/** Null if it is no object. ASCII, which most bodies are, is decoded and parsed several times faster. */
function parsed(bytes: Buffer, isPlain: boolean): Json | null {
  try {
    const value: unknown = JSON.parse(bytes.toString(isPlain ? "latin1" : "utf8"));
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}
