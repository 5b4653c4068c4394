/**
 * The memory of deliveries whose events are gone: which event ids are known by the digest of their dedupe key, within a window of
 * time. Events that are still there are found in the table of events.
 *
 * An id is remembered as its 16 bytes in open-addressed tables. There is one generation of tables per eighth of the window, by the
 * time in the id, so that expiry drops whole generations. A generation is cut into 64 small tables that grow by half at four
 * fifths full: while one grows, only a sixty-fourth of the generation exists twice. That makes 20 to 30 bytes for each delivery.
 */
import { DIGEST_MASK, ID_BYTES, formatId, orderOf, timeOfOrder } from "../../../event/event-id.ts";
import type { IdWords } from "../../../event/event-id.ts";

/** Tables of a generation: 64. */
const PART_BITS = 6;
const GENERATIONS = 8;
const WORDS = ID_BYTES / 4;
const FIRST_CAPACITY = 4;
const FULL = 0.8;
const GROWTH = 1.5;

interface Part {
  /** WORDS words for each place; a place whose first word is 0 is empty, as no id is that old. */
  words: Uint32Array;
  capacity: number;
  count: number;
}

type Generation = (Part | undefined)[];

export class DedupeMemory {
  readonly windowMs: number;
  readonly #spanMs: number;
  /** By number, which is the time of the ids in it divided by the span. */
  readonly #generations = new Map<number, Generation>();
  #count = 0;

  /** @param windowMs how long a delivery is remembered */
  constructor(windowMs: number) {
    this.windowMs = windowMs;
    this.#spanMs = Math.max(1, Math.ceil(windowMs / GENERATIONS));
  }

  /** Deliveries in memory. */
  get size(): number {
    return this.#count;
  }

  /** Bytes of the tables. */
  get bytes(): number {
    let bytes = 0;
    for (const generation of this.#generations.values()) {
      for (const part of generation) bytes += part?.words.byteLength ?? 0;
    }
    return bytes;
  }

  /** Remembers an id; one whose digest is known in the same generation is left out. */
  add(w0: number, w1: number, w2: number, w3: number): void {
    const number = Math.floor(timeOfOrder(orderOf(w0, w1)) / this.#spanMs);
    let generation = this.#generations.get(number);
    if (generation === undefined) {
      generation = [];
      this.#generations.set(number, generation);
    }
    const index = partOf(w2);
    const part = (generation[index] ??= emptyPart(FIRST_CAPACITY));
    if (part.count + 1 > part.capacity * FULL) grow(part);
    const at = placeOf(part, w1, w2, w3);
    if (part.words[at] !== 0) return;
    part.words[at] = w0;
    part.words[at + 1] = w1;
    part.words[at + 2] = w2;
    part.words[at + 3] = w3;
    part.count++;
    this.#count++;
  }

  /**
   * The id of the event that this delivery was stored as, not longer ago than the window; null if it was not.
   * @param digest from digestOf()
   */
  find(digest: IdWords, now: number): string | null {
    const [, w1 = 0, w2 = 0, w3 = 0] = digest;
    const index = partOf(w2);
    let newest = -1;
    let found: string | null = null;
    for (const [number, generation] of this.#generations) {
      const part = generation[index];
      if (part === undefined || number <= newest) continue;
      const at = placeOf(part, w1, w2, w3);
      const { words } = part;
      if (words[at] === 0) continue;
      if (timeOfOrder(orderOf(words[at]!, words[at + 1]!)) < now - this.windowMs) continue;
      newest = number;
      found = formatId(words[at]!, words[at + 1]!, words[at + 2]!, words[at + 3]!);
    }
    return found;
  }

  /** Every id that is remembered, oldest generation first; an id's words are valid until the next one is asked for. */
  *ids(): Generator<IdWords> {
    for (const [, generation] of [...this.#generations].toSorted(([a], [b]) => a - b))
      for (const part of generation) {
        const words = part?.words ?? new Uint32Array(0);
        for (let at = 0; at < words.length; at += WORDS)
          if (words[at] !== 0) yield words.subarray(at, at + WORDS);
      }
  }

  /** Forgets generations that the window has left behind. */
  expire(now: number): void {
    for (const [number, generation] of this.#generations) {
      if ((number + 1) * this.#spanMs >= now - this.windowMs) continue;
      for (const part of generation) this.#count -= part?.count ?? 0;
      this.#generations.delete(number);
    }
  }
}

function partOf(w2: number): number {
  return w2 >>> (32 - PART_BITS);
}

function emptyPart(capacity: number): Part {
  return { words: new Uint32Array(capacity * WORDS), capacity, count: 0 };
}

/** Index of the first word of the id with this digest, or of the empty place where it belongs. */
function placeOf(part: Part, w1: number, w2: number, w3: number): number {
  const { words, capacity } = part;
  const rest = w1 & DIGEST_MASK;
  let place = Math.floor((w3 / 0x1_0000_0000) * capacity);
  for (;;) {
    const at = place * WORDS;
    if (words[at] === 0) return at;
    if (words[at + 3] === w3 && words[at + 2] === w2 && (words[at + 1]! & DIGEST_MASK) === rest) return at;
    place = place + 1 === capacity ? 0 : place + 1;
  }
}

function grow(part: Part): void {
  const old = part.words;
  part.capacity = Math.ceil(part.capacity * GROWTH);
  part.words = new Uint32Array(part.capacity * WORDS);
  for (let from = 0; from < old.length; from += WORDS) {
    if (old[from] === 0) continue;
    const at = placeOf(part, old[from + 1]!, old[from + 2]!, old[from + 3]!);
    part.words.set(old.subarray(from, from + WORDS), at);
  }
}
