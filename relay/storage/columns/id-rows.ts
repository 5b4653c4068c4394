/**
 * Rows for ids of 128 bits, and the way back from an id to its row. The journal and the queue on it share one: the journal keeps in
 * columns of its own where the value of each id stands, the queue what it knows of the event, and the id itself is there once. A row
 * is freed when the last of its holders lets go of it.
 *
 * The table is open-addressed. A place holds a row and, in the bits above it, the end of its id: only one in hundreds of comparisons with
 * another id has to look at that id, which is somewhere else in memory. An id that is greater than all before is new, as most are: its
 * row gets a place only when something is looked up. So a start that reads a million of them fills the table once, in one go.
 */
import { Column, WordsColumn } from "./columns.ts";

const FIRST_PLACES = 1024;
const FULL = 0.8;
const GROWTH = 1.5;
const WORD = 0x1_0000_0000;

/** Who may hold a row, as bits. */
export const HOLDERS = { journal: 1, queue: 2 } as const;
type Holder = (typeof HOLDERS)[keyof typeof HOLDERS];

export class IdRows {
  /** The id of each row; of a freed one, the row that was freed before it. */
  readonly #words = new WordsColumn();
  readonly #holders = new Column();
  /** Rows at the place that the last word of their id says, or behind it; 0: empty. */
  #places = new Uint32Array(FIRST_PLACES);
  /** Bits of a place that are the row's: enough for as many rows as there are places. */
  #rowBits = bitsOf(FIRST_PLACES);
  #used = 0;
  #highest = 0;
  /** Rows from here up to the highest have no place yet. */
  #unplaced = 1;
  #lastFreed = 0;
  /** First two words of the greatest id that was ever added. */
  #greatest0 = 0;
  #greatest1 = 0;

  /** The highest row that was ever handed out; the first is 1. */
  get highest(): number {
    return this.#highest;
  }

  /** Bytes of ids and table. */
  get bytes(): number {
    return this.#words.bytes + this.#holders.bytes + this.#places.byteLength;
  }

  /** The row of this id; a new one if it has none, which has to be held at once. */
  add(w0: number, w1: number, w2: number, w3: number): number {
    if (w0 > this.#greatest0 || (w0 === this.#greatest0 && w1 > this.#greatest1)) {
      this.#greatest0 = w0;
      this.#greatest1 = w1;
    } else {
      const known = this.find(w0, w1, w2, w3);
      if (known !== 0) return known;
    }
    this.#used++;
    const freed = this.#lastFreed;
    const row = freed === 0 ? ++this.#highest : freed;
    if (freed !== 0) this.#lastFreed = this.#words.get(freed, 0);
    this.#words.set(row, w0, w1, w2, w3);
    if (freed !== 0) this.#place(freed);
    return row;
  }

  /** The row of this id, whoever holds it; 0: it has none. */
  find(w0: number, w1: number, w2: number, w3: number): number {
    this.placeAll();
    return this.#rowAt(this.#placeOf(w0, w1, w2, w3));
  }

  /** Calls back with the rows of all ids that end in these two words. */
  visitEnding(w2: number, w3: number, visit: (row: number) => void): void {
    const words = this.#words;
    this.placeAll();
    for (let place = this.#homeOf(w3); this.#places[place] !== 0; place = this.#behind(place)) {
      const row = this.#rowAt(place);
      if (words.get(row, 3) === w3 && words.get(row, 2) === w2) visit(row);
    }
  }

  /** @returns whether this holder did not have it yet */
  hold(row: number, holder: Holder): boolean {
    const holders = this.#holders.get(row);
    if ((holders & holder) !== 0) return false;
    this.#holders.set(row, holders | holder);
    return true;
  }

  isHeld(row: number, holder: Holder): boolean {
    return (this.#holders.get(row) & holder) !== 0;
  }

  /** The holder's own columns have to be empty in this row, or are filled anew before they are read. */
  release(row: number, holder: Holder): void {
    const left = this.#holders.get(row) & ~holder;
    this.#holders.set(row, left);
    if (left === 0) this.#free(row);
  }

  is(row: number, w0: number, w1: number, w2: number, w3: number): boolean {
    return this.#words.equals(row, w0, w1, w2, w3);
  }

  word(row: number, word: number): number {
    return this.#words.get(row, word);
  }

  /** Gives every row a place, in a larger table if there are too few. Looking something up does so by itself, in its own time. */
  placeAll(): void {
    if (this.#unplaced > this.#highest) return;
    const { length } = this.#places;
    if (this.#used > length * FULL) {
      // Made anew from the ids, which are read one after another: quicker than going from place to place.
      const larger = Math.ceil(Math.max(length, this.#used) * GROWTH);
      this.#places = new Uint32Array(larger);
      this.#rowBits = bitsOf(larger);
      this.#unplaced = 1;
    }
    for (; this.#unplaced <= this.#highest; this.#unplaced++) {
      if (this.#holders.get(this.#unplaced) !== 0) this.#place(this.#unplaced);
    }
  }

  #free(row: number): void {
    this.placeAll();
    this.#removePlace(row);
    this.#words.set(row, this.#lastFreed, 0, 0, 0);
    this.#lastFreed = row;
    this.#used--;
  }

  /** Where this id is, or the empty place where it belongs. */
  #placeOf(w0: number, w1: number, w2: number, w3: number): number {
    const places = this.#places;
    const end = (w3 << this.#rowBits) >>> 0;
    for (let place = this.#homeOf(w3); ; place = this.#behind(place)) {
      const taken = places[place]!;
      if (taken === 0) return place;
      if ((taken ^ end) >>> this.#rowBits !== 0) continue;
      if (this.#words.equals(this.#rowAt(place), w0, w1, w2, w3)) return place;
    }
  }

  #rowAt(place: number): number {
    return this.#places[place]! & ((1 << this.#rowBits) - 1);
  }

  #homeOf(w3: number): number {
    return Math.floor((w3 / WORD) * this.#places.length);
  }

  #behind(place: number): number {
    return place + 1 === this.#places.length ? 0 : place + 1;
  }

  #removePlace(row: number): void {
    const words = this.#words;
    const { length } = this.#places;
    let hole = this.#placeOf(words.get(row, 0), words.get(row, 1), words.get(row, 2), words.get(row, 3));
    // Rows behind the hole that would not be found across it move up into it.
    for (let place = this.#behind(hole); this.#places[place] !== 0; place = this.#behind(place)) {
      const home = this.#homeOf(words.get(this.#rowAt(place), 3));
      const fromHome = (place - home + length) % length;
      if (fromHome < (place - hole + length) % length) continue;
      this.#places[hole] = this.#places[place]!;
      hole = place;
    }
    this.#places[hole] = 0;
  }

  #place(row: number): void {
    const w3 = this.#words.get(row, 3);
    let place = this.#homeOf(w3);
    while (this.#places[place] !== 0) place = this.#behind(place);
    this.#places[place] = (w3 << this.#rowBits) | row;
  }
}

function bitsOf(places: number): number {
  return 32 - Math.clz32(places);
}
