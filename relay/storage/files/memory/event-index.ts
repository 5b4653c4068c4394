/** The ids of events by row, and the way back from an id, or from the digest in it, to the row: an open-addressed table of rows. */
import { RowAllocator, WordsColumn } from "./columns.ts";
import { DIGEST_MASK, ORDERS_PER_MS, formatEventKey, formatId, orderOf } from "../../../event/event-id.ts";
import type { IdWords } from "../../../event/event-id.ts";

const FIRST_PLACES = 1024;
const FULL = 0.7;

export class EventIndex {
  readonly rows = new RowAllocator();
  readonly #ids = new WordsColumn();
  /** Rows at the place that the last word of their id says, or behind it; 0: empty. */
  #places = new Uint32Array(FIRST_PLACES);

  /** The row of the event with this id; a new one, whose cells in the columns of the table are all 0, where there was none. */
  add(w0: number, w1: number, w2: number, w3: number): number {
    if (this.rows.used + 1 > this.#places.length * FULL) this.#grow();
    const place = this.#placeOf(w0, w1, w2, w3);
    const known = this.#places[place]!;
    if (known !== 0) return known;
    const row = this.rows.take();
    this.#ids.set(row, w0, w1, w2, w3);
    this.#places[place] = row;
    return row;
  }

  /** The row of the event with this id; 0 where there is none. */
  find(w0: number, w1: number, w2: number, w3: number): number {
    return this.#places[this.#placeOf(w0, w1, w2, w3)]!;
  }

  /** The newest event of this digest that was stored at or after `since`; 0 where there is none. */
  findDigest(digest: IdWords, since: number): number {
    const ids = this.#ids;
    const [, w1 = 0, w2 = 0, w3 = 0] = digest;
    const mask = this.#places.length - 1;
    let found = 0;
    let foundOrder = since * ORDERS_PER_MS;
    for (let place = w3 & mask; ; place = (place + 1) & mask) {
      const row = this.#places[place]!;
      if (row === 0) return found;
      if (ids.get(row, 3) !== w3 || ids.get(row, 2) !== w2) continue;
      if ((ids.get(row, 1) & DIGEST_MASK) !== w1 || this.orderOf(row) < foundOrder) continue;
      found = row;
      foundOrder = this.orderOf(row);
    }
  }

  /** Forgets the id, and frees the row. */
  remove(row: number): void {
    const ids = this.#ids;
    const mask = this.#places.length - 1;
    let hole = this.#placeOf(ids.get(row, 0), ids.get(row, 1), ids.get(row, 2), ids.get(row, 3));
    // Rows behind the hole that would not be found across it move up into it.
    for (let place = (hole + 1) & mask; ; place = (place + 1) & mask) {
      const other = this.#places[place]!;
      if (other === 0) break;
      const home = ids.get(other, 3) & mask;
      if (((place - home) & mask) >= ((place - hole) & mask)) {
        this.#places[hole] = other;
        hole = place;
      }
    }
    this.#places[hole] = 0;
    this.rows.give(row);
  }

  has(row: number, id: IdWords): boolean {
    return this.#ids.equals(row, id[0]!, id[1]!, id[2]!, id[3]!);
  }

  /** Order of storing. */
  orderOf(row: number): number {
    return orderOf(this.#ids.get(row, 0), this.#ids.get(row, 1));
  }

  wordsOf(row: number): IdWords {
    const ids = this.#ids;
    return Uint32Array.of(ids.get(row, 0), ids.get(row, 1), ids.get(row, 2), ids.get(row, 3));
  }

  idOf(row: number): string {
    const ids = this.#ids;
    return formatId(ids.get(row, 0), ids.get(row, 1), ids.get(row, 2), ids.get(row, 3));
  }

  /** The key under which the event is stored. */
  keyOf(row: number): string {
    const ids = this.#ids;
    return formatEventKey(ids.get(row, 0), ids.get(row, 1), ids.get(row, 2), ids.get(row, 3));
  }

  /** Where this id is, or the empty place where it belongs. */
  #placeOf(w0: number, w1: number, w2: number, w3: number): number {
    const mask = this.#places.length - 1;
    for (let place = w3 & mask; ; place = (place + 1) & mask) {
      const row = this.#places[place]!;
      if (row === 0 || this.#ids.equals(row, w0, w1, w2, w3)) return place;
    }
  }

  #grow(): void {
    const rows = this.#places;
    this.#places = new Uint32Array(rows.length * 2);
    const mask = this.#places.length - 1;
    for (const row of rows) {
      if (row === 0) continue;
      let place = this.#ids.get(row, 3) & mask;
      while (this.#places[place] !== 0) place = (place + 1) & mask;
      this.#places[place] = row;
    }
  }
}
