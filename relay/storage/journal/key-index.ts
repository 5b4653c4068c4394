/**
 * Where each live key's frame stands. Keys that are ids in disguise (PackedKeys, types.ts) are rows of a table of ids, at some 28 bytes
 * each; all others are in a Map, at some 130 bytes each.
 *
 * A slot is the row of a packed key, or below 0 that of another one; 0 stands for "none".
 */
import { Column, RowAllocator } from "../columns/columns.ts";
import { HOLDERS, IdRows } from "../columns/id-rows.ts";
import type { PackedKeys } from "./types.ts";

/** A Map holds no more than 2^24 entries; intake is refused before that. */
export const MAX_KEYS = 16_000_000;

/** A frame's segment, its offset there, and the length of its value. */
class Places {
  readonly segment = new Column();
  readonly offset = new Column(4);
  readonly valueBytes = new Column(2);
}

export class KeyIndex {
  readonly #packed: PackedKeys | null;
  readonly #ids: IdRows;
  readonly #packedPlaces = new Places();
  #packedCount = 0;
  readonly #slots = new Map<string, number>();
  readonly #rows = new RowAllocator();
  readonly #places = new Places();
  readonly #keyBytes = new Column();
  readonly #words = new Uint32Array(4);

  /**
   * @param packed null: every key is kept as it is
   * @param ids rows of packed keys, which others may hold as well
   */
  constructor(packed: PackedKeys | null = null, ids = new IdRows()) {
    this.#packed = packed;
    this.#ids = ids;
  }

  get size(): number {
    return this.#slots.size + this.#packedCount;
  }

  /** The key's slot, valid until the next change; 0 if the key is not live. */
  find(key: string): number {
    if (this.#packed?.parse(key, this.#words) !== true) return this.#slots.get(key) ?? 0;
    const row = this.rowOf(this.#words);
    return this.isLive(row) ? row : 0;
  }

  has(key: string): boolean {
    return this.find(key) !== 0;
  }

  /** The row of this id, whoever holds it; 0: none does. */
  rowOf(id: Uint32Array): number {
    return this.#ids.find(id[0]!, id[1]!, id[2]!, id[3]!);
  }

  /** The row of this id; a new one if there was none, for which take() has to be called at once. */
  addRow(id: Uint32Array): number {
    return this.#ids.add(id[0]!, id[1]!, id[2]!, id[3]!);
  }

  /** Whether the packed key in this row is live. */
  isLive(row: number): boolean {
    return this.#ids.isHeld(row, HOLDERS.journal);
  }

  *keys(): Generator<string> {
    yield* this.#slots.keys();
    if (this.#packed === null) return;
    const id = new Uint32Array(4);
    for (let row = 1; row <= this.#ids.highest; row++) {
      if (!this.isLive(row)) continue;
      for (let word = 0; word < 4; word++) id[word] = this.#ids.word(row, word);
      yield this.#packed.format(id);
    }
  }

  segmentOf(slot: number): number {
    return slot > 0 ? this.#packedPlaces.segment.get(slot) : this.#places.segment.get(-slot);
  }

  offsetOf(slot: number): number {
    return slot > 0 ? this.#packedPlaces.offset.get(slot) : this.#places.offset.get(-slot);
  }

  valueBytesOf(slot: number): number {
    return slot > 0 ? this.#packedPlaces.valueBytes.get(slot) : this.#places.valueBytes.get(-slot);
  }

  /** Bytes of the key as stored. */
  keyBytesOf(slot: number): number {
    return slot > 0 ? this.#packed!.bytes : this.#keyBytes.get(-slot);
  }

  /** Points the slot to another frame of its key. */
  place(slot: number, segment: number, offset: number, valueBytes: number): void {
    const places = slot > 0 ? this.#packedPlaces : this.#places;
    const row = Math.abs(slot);
    places.segment.set(row, segment);
    places.offset.set(row, offset);
    places.valueBytes.set(row, valueBytes);
  }

  /** A new slot for a key that is not live; place() it. @param keyBytes length of the key as stored */
  add(key: string, keyBytes: number): number {
    if (this.#packed?.parse(key, this.#words) === true) {
      const row = this.addRow(this.#words);
      this.take(row);
      return row;
    }
    const row = this.#rows.take();
    this.#keyBytes.set(row, keyBytes);
    this.#slots.set(key, -row);
    return -row;
  }

  /** The packed key in this row becomes live; place() it. */
  take(row: number): void {
    if (this.#ids.hold(row, HOLDERS.journal)) this.#packedCount += 1;
  }

  remove(key: string, slot: number): void {
    if (slot > 0) this.removeRow(slot);
    else {
      this.#slots.delete(key);
      this.#rows.give(-slot);
    }
  }

  /** The packed key in this row is not live any more. */
  removeRow(row: number): void {
    this.#packedCount -= 1;
    this.#ids.release(row, HOLDERS.journal);
  }
}
