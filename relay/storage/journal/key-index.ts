/**
 * Where each live key's frame stands: a Map from key to a slot, and four 32-bit words per slot in one typed array. An object
 * per key would cost several times as much; with keys of 32 characters this is some 130 bytes a key, key included.
 */

/** A Map holds no more than 2^24 entries; intake is refused before that. */
export const MAX_KEYS = 16_000_000;

const WORDS = 4;
const FIRST_SLOTS = 1024;
const NONE = 0xffff_ffff;

export class KeyIndex {
  readonly #slots = new Map<string, number>();
  /** Per slot: segment number, offset of the frame, bytes of the key, bytes of the value. In a free slot: the next free one. */
  #words = new Uint32Array(FIRST_SLOTS * WORDS);
  #used = 0;
  #free = NONE;

  get size(): number {
    return this.#slots.size;
  }

  /** The key's slot, valid until the next change; undefined where the key is not live. */
  find(key: string): number | undefined {
    return this.#slots.get(key);
  }

  has(key: string): boolean {
    return this.#slots.has(key);
  }

  keys(): IterableIterator<string> {
    return this.#slots.keys();
  }

  segmentOf(slot: number): number {
    return this.#words[slot * WORDS] as number;
  }

  offsetOf(slot: number): number {
    return this.#words[slot * WORDS + 1] as number;
  }

  keyBytesOf(slot: number): number {
    return this.#words[slot * WORDS + 2] as number;
  }

  valueBytesOf(slot: number): number {
    return this.#words[slot * WORDS + 3] as number;
  }

  /** Points the slot to another frame. */
  place(slot: number, segment: number, offset: number, keyBytes: number, valueBytes: number): void {
    const at = slot * WORDS;
    this.#words[at] = segment;
    this.#words[at + 1] = offset;
    this.#words[at + 2] = keyBytes;
    this.#words[at + 3] = valueBytes;
  }

  add(key: string, segment: number, offset: number, keyBytes: number, valueBytes: number): void {
    const slot = this.#take();
    this.place(slot, segment, offset, keyBytes, valueBytes);
    this.#slots.set(key, slot);
  }

  remove(key: string, slot: number): void {
    this.#slots.delete(key);
    this.#words[slot * WORDS] = this.#free;
    this.#free = slot;
  }

  #take(): number {
    if (this.#free !== NONE) {
      const slot = this.#free;
      this.#free = this.#words[slot * WORDS] as number;
      return slot;
    }
    if ((this.#used + 1) * WORDS > this.#words.length) {
      const grown = new Uint32Array(Math.ceil(this.#words.length / WORDS / 2) * 3 * WORDS);
      grown.set(this.#words);
      this.#words = grown;
    }
    return this.#used++;
  }
}
