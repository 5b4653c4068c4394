/**
 * A binary heap of row numbers. Where each row stands is noted in a column that several heaps share, so that a row can be taken
 * out of the middle; hence a row may be in one of those heaps at a time. tinyqueue has objects as items, and takes only the first one out.
 */
import type { LinkColumn } from "../../columns/columns.ts";

export class Heap {
  #rows = new Uint32Array(16);
  #size = 0;
  readonly #before: (a: number, b: number) => boolean;
  readonly #place: LinkColumn;

  /**
   * @param before whether row `a` comes out before row `b`
   * @param place where each row stands, counted from 1; 0: in no heap
   */
  constructor(before: (a: number, b: number) => boolean, place: LinkColumn) {
    this.#before = before;
    this.#place = place;
  }

  get size(): number {
    return this.#size;
  }

  /** The row that comes out next; 0 if there is none. */
  peek(): number {
    return this.#size === 0 ? 0 : this.#rows[0]!;
  }

  /** All of them, in no order. */
  rows(): number[] {
    return Array.from(this.#rows.subarray(0, this.#size));
  }

  has(row: number): boolean {
    const place = this.#place.get(row);
    return place > 0 && place <= this.#size && this.#rows[place - 1] === row;
  }

  push(row: number): void {
    if (this.#size === this.#rows.length) this.#resize(this.#rows.length * 2);
    this.#up(this.#size++, row);
  }

  /** Takes out the next row; there must be one. */
  pop(): number {
    const row = this.#rows[0]!;
    this.remove(row);
    return row;
  }

  /** Takes out a row that is in this heap. */
  remove(row: number): void {
    const at = this.#place.get(row) - 1;
    this.#place.set(row, 0);
    const last = this.#rows[--this.#size]!;
    if (last !== row) {
      if (at > 0 && this.#before(last, this.#rows[(at - 1) >>> 1]!)) this.#up(at, last);
      else this.#down(at, last);
    }
    if (this.#rows.length > 1024 && this.#size < this.#rows.length >>> 2) {
      this.#resize(this.#rows.length >>> 1);
    }
  }

  #up(from: number, row: number): void {
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      const above = this.#rows[parent]!;
      if (!this.#before(row, above)) break;
      this.#put(at, above);
      at = parent;
    }
    this.#put(at, row);
  }

  #down(from: number, row: number): void {
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= this.#size) break;
      if (child + 1 < this.#size && this.#before(this.#rows[child + 1]!, this.#rows[child]!)) child++;
      const below = this.#rows[child]!;
      if (!this.#before(below, row)) break;
      this.#put(at, below);
      at = child;
    }
    this.#put(at, row);
  }

  #put(at: number, row: number): void {
    this.#rows[at] = row;
    this.#place.set(row, at + 1);
  }

  #resize(length: number): void {
    const resized = new Uint32Array(length);
    resized.set(this.#rows.subarray(0, this.#size));
    this.#rows = resized;
  }
}
