/**
 * Where each live key's frame stands. Keys that are ids in disguise (PackedKeys, types.ts) are kept as four words in an open-addressed
 * table, some 36 bytes each; all others in a Map, at some 130 bytes each. Numbers stand in chunks that are never copied.
 */
import type { PackedKeys } from "./types.ts";

/** A Map holds no more than 2^24 entries; intake is refused before that. */
export const MAX_KEYS = 16_000_000;

const CHUNK_SHIFT = 13;
const CHUNK_SLOTS = 1 << CHUNK_SHIFT;
const CHUNK_MASK = CHUNK_SLOTS - 1;
/** Of a slot: segment number (0: free), offset of the frame, bytes of the value and IS_PACKED, then the id, or the bytes of the key. */
const WORDS = 7;
const OFFSET = 1;
const VALUE_BYTES = 2;
/** In a slot of a key that is not packed: the bytes of the key. In a free slot: the next free one. */
const ID = 3;
/** A bit that no length of a value has. */
const IS_PACKED = 0x8000_0000;
const FIRST_PLACES = 1024;
const FULL = 0.7;

export class KeyIndex {
  readonly #packed: PackedKeys | null;
  readonly #slots = new Map<string, number>();
  readonly #chunks: Uint32Array[] = [];
  /** Slots of packed keys at the place that the last word of their id says, or behind it; 0: empty. */
  #places = new Uint32Array(FIRST_PLACES);
  #packedCount = 0;
  /** Slot 0 is not used: it stands for "none". */
  #used = 1;
  #free = 0;
  readonly #words = new Uint32Array(4);

  /** @param packed null: every key is kept as it is */
  constructor(packed: PackedKeys | null = null) {
    this.#packed = packed;
  }

  get size(): number {
    return this.#slots.size + this.#packedCount;
  }

  /** The key's slot, valid until the next change; undefined if the key is not live. */
  find(key: string): number | undefined {
    if (this.#packed?.parse(key, this.#words) !== true) return this.#slots.get(key);
    const slot = this.findPacked(this.#words);
    return slot === 0 ? undefined : slot;
  }

  /** The slot of the packed key with this id; 0: it is not live. */
  findPacked(id: Uint32Array): number {
    return this.#places[this.#placeOf(id)]!;
  }

  has(key: string): boolean {
    return this.find(key) !== undefined;
  }

  *keys(): Generator<string> {
    yield* this.#slots.keys();
    if (this.#packed === null) return;
    for (const slot of this.#places) {
      if (slot === 0 || this.segmentOf(slot) === 0) continue;
      const chunk = this.#chunkOf(slot);
      const at = atOf(slot) + ID;
      yield this.#packed.format(chunk.subarray(at, at + 4));
    }
  }

  segmentOf(slot: number): number {
    return this.#chunkOf(slot)[atOf(slot)]!;
  }

  offsetOf(slot: number): number {
    return this.#chunkOf(slot)[atOf(slot) + OFFSET]!;
  }

  valueBytesOf(slot: number): number {
    return this.#chunkOf(slot)[atOf(slot) + VALUE_BYTES]! & ~IS_PACKED;
  }

  /** Bytes of the key as stored. */
  keyBytesOf(slot: number): number {
    return this.#isPacked(slot) ? this.#packed!.bytes : this.#chunkOf(slot)[atOf(slot) + ID]!;
  }

  /** Points the slot to another frame of its key. */
  place(slot: number, segment: number, offset: number, valueBytes: number): void {
    const chunk = this.#chunkOf(slot);
    const at = atOf(slot);
    chunk[at] = segment;
    chunk[at + OFFSET] = offset;
    chunk[at + VALUE_BYTES] = (chunk[at + VALUE_BYTES]! & IS_PACKED) | valueBytes;
  }

  /** A new slot for a key that is not live; place() it. @param keyBytes length of the key as stored */
  add(key: string, keyBytes: number): number {
    if (this.#packed?.parse(key, this.#words) === true) return this.addPacked(this.#words);
    const slot = this.#take();
    this.#chunkOf(slot)[atOf(slot) + VALUE_BYTES] = 0;
    this.#chunkOf(slot)[atOf(slot) + ID] = keyBytes;
    this.#slots.set(key, slot);
    return slot;
  }

  /** As add(), for the packed key with this id. */
  addPacked(id: Uint32Array): number {
    if (this.#packedCount + 1 > this.#places.length * FULL) this.#grow();
    const slot = this.#take();
    const chunk = this.#chunkOf(slot);
    chunk.set(id, atOf(slot) + ID);
    chunk[atOf(slot) + VALUE_BYTES] = IS_PACKED;
    this.#places[this.#placeOf(id)] = slot;
    this.#packedCount += 1;
    return slot;
  }

  remove(key: string, slot: number): void {
    if (this.#isPacked(slot)) this.removePacked(slot);
    else {
      this.#slots.delete(key);
      this.#give(slot);
    }
  }

  removePacked(slot: number): void {
    this.#closeGap(slot);
    this.#packedCount -= 1;
    this.#give(slot);
  }

  #isPacked(slot: number): boolean {
    return (this.#chunkOf(slot)[atOf(slot) + VALUE_BYTES]! & IS_PACKED) !== 0;
  }

  /** Where this id is, or the empty place where it belongs. */
  #placeOf(id: Uint32Array): number {
    const [w0, w1, w2, w3] = id as unknown as [number, number, number, number];
    const mask = this.#places.length - 1;
    for (let place = w3 & mask; ; place = (place + 1) & mask) {
      const slot = this.#places[place]!;
      if (slot === 0) return place;
      const chunk = this.#chunkOf(slot);
      const at = atOf(slot) + ID;
      if (chunk[at + 3] === w3 && chunk[at + 2] === w2 && chunk[at + 1] === w1 && chunk[at] === w0)
        return place;
    }
  }

  #homeOf(slot: number): number {
    return this.#chunkOf(slot)[atOf(slot) + ID + 3]! & (this.#places.length - 1);
  }

  #closeGap(slot: number): void {
    const mask = this.#places.length - 1;
    let hole = this.#homeOf(slot);
    while (this.#places[hole] !== slot) hole = (hole + 1) & mask;
    // Slots behind the hole that would not be found across it move up into it.
    for (let place = (hole + 1) & mask; ; place = (place + 1) & mask) {
      const other = this.#places[place]!;
      if (other === 0) break;
      if (((place - this.#homeOf(other)) & mask) >= ((place - hole) & mask)) {
        this.#places[hole] = other;
        hole = place;
      }
    }
    this.#places[hole] = 0;
  }

  #grow(): void {
    const slots = this.#places;
    this.#places = new Uint32Array(slots.length * 2);
    const mask = this.#places.length - 1;
    for (const slot of slots) {
      if (slot === 0) continue;
      let place = this.#homeOf(slot);
      while (this.#places[place] !== 0) place = (place + 1) & mask;
      this.#places[place] = slot;
    }
  }

  #chunkOf(slot: number): Uint32Array {
    return this.#chunks[slot >>> CHUNK_SHIFT]!;
  }

  #take(): number {
    if (this.#free !== 0) {
      const slot = this.#free;
      this.#free = this.#chunkOf(slot)[atOf(slot) + ID]!;
      return slot;
    }
    const slot = this.#used++;
    if (slot >>> CHUNK_SHIFT === this.#chunks.length) this.#chunks.push(new Uint32Array(CHUNK_SLOTS * WORDS));
    return slot;
  }

  #give(slot: number): void {
    const chunk = this.#chunkOf(slot);
    chunk[atOf(slot)] = 0;
    chunk[atOf(slot) + ID] = this.#free;
    this.#free = slot;
  }
}

/** Where a slot begins in its chunk. */
function atOf(slot: number): number {
  return (slot & CHUNK_MASK) * WORDS;
}
