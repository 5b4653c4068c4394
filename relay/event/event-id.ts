/**
 * Event ids: 26 characters of lower-case Crockford base32, which are 128 bits:
 *
 *   48 bits  wall clock of storing, milliseconds        } together the order of storing
 *   10 bits  count within that millisecond              }
 *   70 bits  beginning of SHA-256 of the dedupe key     } the memory of the delivery
 *
 * So an id alone says when the event came and which delivery it was, and whoever remembers the id (16 bytes) can tell a duplicate
 * and name the original. Ids of one relay only ever ascend, even if the clock is set back; a clock that was more than MAX_LEAD_MS
 * ahead is not believed any longer, and the ids begin anew at the present time. A ULID has random bits where these have the digest.
 */
import { hash } from "node:crypto";

/** An id as four words, the first the most significant. */
export type IdWords = Uint32Array;

export const ID_LENGTH = 26;
export const ID_BYTES = 16;
/** How far ids may be ahead of the wall clock after it was set back. */
export const MAX_LEAD_MS = 86_400_000;
/** Bits of the second word that belong to the digest. */
export const DIGEST_MASK = 0x3f;

const ALPHABET = Buffer.from("0123456789abcdefghjkmnpqrstvwxyz", "latin1");
const VALUES = new Int8Array(128).fill(-1);
ALPHABET.forEach((code, value) => {
  VALUES[code] = value;
});
/** Orders that one millisecond holds. */
export const ORDERS_PER_MS = 1024;
/** What the key of a stored event begins with; its id follows. */
export const EVENT_KEY = "event:";

/** An id without its time: the part that only depends on the dedupe key. */
export function digestOf(dedupeKey: string): IdWords {
  // One character per byte: no buffer is made for it.
  const digest = hash("sha256", dedupeKey, "binary");
  const words = new Uint32Array(4);
  words[1] = digest.charCodeAt(0) & DIGEST_MASK;
  words[2] = wordAt(digest, 1);
  words[3] = wordAt(digest, 5);
  return words;
}

function wordAt(bytes: string, at: number): number {
  return (
    ((bytes.charCodeAt(at) << 24) |
      (bytes.charCodeAt(at + 1) << 16) |
      (bytes.charCodeAt(at + 2) << 8) |
      bytes.charCodeAt(at + 3)) >>>
    0
  );
}

/** The order of storing as a number: grows with the id, except for its digest. */
export function orderOf(w0: number, w1: number): number {
  return (w0 * 0x10000 + (w1 >>> 16)) * ORDERS_PER_MS + ((w1 >>> 6) & 0x3ff);
}

/** Wall clock in milliseconds that an order stands for. */
export function timeOfOrder(order: number): number {
  return Math.floor(order / ORDERS_PER_MS);
}

/** Hands out orders that ascend. */
export class OrderSource {
  #last = 0;

  /** An order that was handed out before, by an earlier process. */
  seen(order: number): void {
    if (order > this.#last) this.#last = order;
  }

  /** @param now wall clock, milliseconds */
  next(now: number): number {
    const present = now * ORDERS_PER_MS;
    const ahead = this.#last - present;
    this.#last = ahead < 0 || ahead > MAX_LEAD_MS * ORDERS_PER_MS ? present : this.#last + 1;
    return this.#last;
  }
}

/** The id of an event with this order and digest. */
export function idWords(order: number, digest: IdWords): IdWords {
  const time = timeOfOrder(order);
  const count = order - time * ORDERS_PER_MS;
  const high = Math.floor(time / 0x10000);
  const low = time - high * 0x10000;
  return Uint32Array.of(high, ((low << 16) | (count << 6) | digest[1]!) >>> 0, digest[2]!, digest[3]!);
}

const scratch = Buffer.alloc(EVENT_KEY.length + ID_LENGTH);
scratch.write(EVENT_KEY, 0, "latin1");

/** Writes the id's characters behind the prefix of `scratch`: one flat string per key, where joining two would keep both. */
function fillScratch(w0: number, w1: number, w2: number, w3: number): void {
  let carry = 0;
  let bits = 2;
  let at = EVENT_KEY.length;
  for (let index = 0; index < 16; index++) {
    const word = index < 4 ? w0 : index < 8 ? w1 : index < 12 ? w2 : w3;
    carry = ((carry << 8) | ((word >>> (24 - (index & 3) * 8)) & 0xff)) & 0xffff;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      scratch[at++] = ALPHABET[(carry >>> bits) & 31]!;
    }
  }
}

export function formatId(w0: number, w1: number, w2: number, w3: number): string {
  fillScratch(w0, w1, w2, w3);
  return scratch.toString("latin1", EVENT_KEY.length, EVENT_KEY.length + ID_LENGTH);
}

/** The key under which an event is stored: `event:<id>`. */
export function formatEventKey(w0: number, w1: number, w2: number, w3: number): string {
  fillScratch(w0, w1, w2, w3);
  return scratch.toString("latin1", 0, EVENT_KEY.length + ID_LENGTH);
}

/** The id in the key of an event. */
export function idOfKey(key: string): string {
  return key.slice(EVENT_KEY.length);
}

/** Reads the id that begins at `from` in `text`; null if there is none. */
export function parseId(text: string, from = 0): IdWords | null {
  const words = new Uint32Array(4);
  return parseIdInto(text, from, words) ? words : null;
}

/** As parseId(), into words that the caller reuses; they are undefined if it returns false. */
export function parseIdInto(text: string, from: number, into: IdWords): boolean {
  if (text.length < from + ID_LENGTH) return false;
  let carry = 0;
  let bits = -2;
  let word = 0;
  let filled = 0;
  for (let index = 0; index < ID_LENGTH; index++) {
    const code = text.charCodeAt(from + index);
    const value = code < 128 ? VALUES[code]! : -1;
    if (value < 0 || (index === 0 && value > 7)) return false;
    carry = ((carry << 5) | value) & 0x1fff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      word = ((word << 8) | ((carry >>> bits) & 0xff)) >>> 0;
      if ((++filled & 3) === 0) into[(filled >>> 2) - 1] = word;
    }
  }
  return true;
}
