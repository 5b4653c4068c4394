/**
 * Rows that may go now, in an order given by a number. Nearly always they come in that order: then they stand in a line, and taking
 * one out costs nothing, however many there are. Those that come too late for their place wait in a heap beside it.
 *
 * Where each row stands is noted in the column that the heaps use too; hence a row may be in one of them at a time.
 */
import { LinkColumn } from "../../columns/columns.ts";
import { Heap } from "./heap.ts";

/** Gaps that are left in the line, where rows were taken out of the middle, beside as many as there are rows. */
const SPARE_GAPS = 4096;
/** Positions from here on are not used: the line is moved to the front before. */
const MOST_POSITIONS = 0x4000_0000;

export class ReadyLine {
  readonly #order: (row: number) => number;
  readonly #place: LinkColumn;
  readonly #late: Heap;
  /** Rows by position; 0: one that was taken out. */
  #line = new LinkColumn();
  /** Positions of the line, without the tail. */
  #head = 0;
  #tail = 0;
  #inLine = 0;
  /** Order of the row that joined the line last. */
  #lastOrder = Number.NEGATIVE_INFINITY;

  /**
   * @param order by which they come out; stays the same while a row is here
   * @param place where each row stands, counted from 1; 0: nowhere
   */
  constructor(order: (row: number) => number, place: LinkColumn) {
    this.#order = order;
    this.#place = place;
    this.#late = new Heap((a, b) => order(a) < order(b), place);
  }

  get size(): number {
    return this.#inLine + this.#late.size;
  }

  has(row: number): boolean {
    return this.#isInLine(row) || this.#late.has(row);
  }

  push(row: number): void {
    const order = this.#order(row);
    if (this.#inLine > 0 && order < this.#lastOrder) {
      this.#late.push(row);
      return;
    }
    if (this.#inLine === 0) this.#startOver();
    const gaps = this.#tail - this.#head - this.#inLine;
    if (gaps > this.#inLine + SPARE_GAPS || this.#tail === MOST_POSITIONS) this.#closeUp();
    this.#put(this.#tail++, row);
    this.#inLine++;
    this.#lastOrder = order;
  }

  /** Takes out the next row; there must be one. */
  pop(): number {
    const late = this.#late.peek();
    if (this.#inLine === 0) return this.#late.pop();
    while (this.#line.get(this.#head) === 0) this.#head++;
    const row = this.#line.get(this.#head);
    if (late !== 0 && this.#order(late) < this.#order(row)) return this.#late.pop();
    this.remove(row);
    this.#line.clearBefore(this.#head);
    return row;
  }

  /** Takes out a row that is here. */
  remove(row: number): void {
    if (!this.#isInLine(row)) {
      this.#late.remove(row);
      return;
    }
    this.#line.set(this.#place.get(row) - 1, 0);
    this.#place.set(row, 0);
    this.#inLine--;
  }

  #isInLine(row: number): boolean {
    const place = this.#place.get(row);
    return place > 0 && this.#line.get(place - 1) === row;
  }

  #put(position: number, row: number): void {
    this.#line.set(position, row);
    this.#place.set(row, position + 1);
  }

  #startOver(): void {
    this.#line.clearBefore(this.#tail);
    this.#head = 0;
    this.#tail = 0;
  }

  /** Moves the line to the front, without gaps. */
  #closeUp(): void {
    const line = this.#line;
    const end = this.#tail;
    this.#line = new LinkColumn();
    this.#tail = 0;
    for (let at = this.#head; at < end; at++) {
      const row = line.get(at);
      if (row !== 0) this.#put(this.#tail++, row);
    }
    this.#head = 0;
  }
}
