/**
 * The dead letters of all targets, so that a page of them is found without a look at every event. Their rows stand one after another
 * in no order; a row's place among them is noted where the lanes noted its place as long as it waited.
 */
import type { LinkColumn } from "../../columns/columns.ts";

const FIRST_CAPACITY = 64;

export class DeadRows {
  readonly #place: LinkColumn;
  #rows = new Uint32Array(FIRST_CAPACITY);
  #size = 0;

  /** @param place counted from 1; 0: it is not here. Lanes have let go of a row before it comes here. */
  constructor(place: LinkColumn) {
    this.#place = place;
  }

  get size(): number {
    return this.#size;
  }

  add(row: number): void {
    if (this.#size === this.#rows.length) {
      const larger = new Uint32Array(this.#rows.length * 2);
      larger.set(this.#rows);
      this.#rows = larger;
    }
    this.#rows[this.#size++] = row;
    this.#place.set(row, this.#size);
  }

  /** Takes out a row that is here; the last one moves into its place. */
  remove(row: number): void {
    const place = this.#place.get(row);
    const last = this.#rows[--this.#size]!;
    this.#rows[place - 1] = last;
    this.#place.set(last, place);
    this.#place.set(row, 0);
  }

  /** As they are now, in no order. */
  rows(): Uint32Array {
    return this.#rows.slice(0, this.#size);
  }
}
