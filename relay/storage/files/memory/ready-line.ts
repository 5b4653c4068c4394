/**
 * Rows that may go now, in an order given by a number. Nearly always they come in that order: then they stand in a ring, and taking
 * one out costs nothing, however many there are. Those that come too late for their place wait in a heap beside it.
 *
 * Where each row stands is noted in the column that the heaps use too; hence a row may be in one of them at a time.
 */
import type { Column } from "./columns.ts";
import { Heap } from "./heap.ts";

const FIRST_CAPACITY = 16;
/** An empty ring that is longer is given up. */
const SPARE_CAPACITY = 4096;

export class ReadyLine {
  readonly #order: (row: number) => number;
  readonly #place: Column;
  readonly #late: Heap;
  /** A power of two long; 0: nobody, or one that was taken out of the middle. */
  #ring = new Uint32Array(FIRST_CAPACITY);
  /** Count on without end; what stands between them, modulo the length, is in line. */
  #head = 0;
  #tail = 0;
  #inRing = 0;
  /** Order of the row that joined the ring last. */
  #lastOrder = Number.NEGATIVE_INFINITY;

  /**
   * @param order by which they come out; stays the same while a row is here
   * @param place where each row stands, counted from 1; 0: nowhere
   */
  constructor(order: (row: number) => number, place: Column) {
    this.#order = order;
    this.#place = place;
    this.#late = new Heap((a, b) => order(a) < order(b), place);
  }

  get size(): number {
    return this.#inRing + this.#late.size;
  }

  has(row: number): boolean {
    return this.#isInRing(row) || this.#late.has(row);
  }

  push(row: number): void {
    const order = this.#order(row);
    if (this.#inRing > 0 && order < this.#lastOrder) {
      this.#late.push(row);
      return;
    }
    if (this.#inRing === 0) this.#startOver();
    if (this.#tail - this.#head === this.#ring.length) this.#makeRoom();
    this.#put(this.#tail++, row);
    this.#inRing++;
    this.#lastOrder = order;
  }

  /** Takes out the next row; there must be one. */
  pop(): number {
    const late = this.#late.peek();
    if (this.#inRing === 0) return this.#late.pop();
    const mask = this.#ring.length - 1;
    while (this.#ring[this.#head & mask] === 0) this.#head++;
    const row = this.#ring[this.#head & mask]!;
    if (late !== 0 && this.#order(late) < this.#order(row)) return this.#late.pop();
    this.remove(row);
    return row;
  }

  /** Takes out a row that is here. */
  remove(row: number): void {
    if (!this.#isInRing(row)) {
      this.#late.remove(row);
      return;
    }
    this.#ring[this.#place.get(row) - 1] = 0;
    this.#place.set(row, 0);
    this.#inRing--;
  }

  #isInRing(row: number): boolean {
    const place = this.#place.get(row);
    return place > 0 && this.#ring[place - 1] === row;
  }

  #put(at: number, row: number): void {
    const index = at & (this.#ring.length - 1);
    this.#ring[index] = row;
    this.#place.set(row, index + 1);
  }

  #startOver(): void {
    this.#head = this.#tail;
    if (this.#ring.length > SPARE_CAPACITY) this.#ring = new Uint32Array(FIRST_CAPACITY);
  }

  /** Into a ring of its size, where many were taken out of the middle, else into one twice as large. */
  #makeRoom(): void {
    const old = this.#ring;
    const mask = old.length - 1;
    const rows: number[] = [];
    for (let at = this.#head; at < this.#tail; at++) {
      const row = old[at & mask]!;
      if (row !== 0) rows.push(row);
    }
    this.#ring = new Uint32Array(rows.length * 2 > old.length ? old.length * 2 : old.length);
    this.#head = 0;
    this.#tail = rows.length;
    rows.forEach((row, index) => this.#put(index, row));
  }
}
