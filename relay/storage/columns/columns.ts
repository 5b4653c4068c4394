/**
 * Numbers in columns instead of objects: a million rows cost what their bytes cost. A column grows by whole chunks, so nothing is
 * copied when it grows; a chunk in which nothing was ever set is not there at all, and the cells of the others are as narrow as what
 * was set in them allows. Rows that were never set read as 0.
 */

const SHIFT = 14;
const CHUNK_ROWS = 1 << SHIFT;
const MASK = CHUNK_ROWS - 1;

type Cells = Uint8Array | Uint16Array | Uint32Array | Float64Array;

/** Any number but NaN, exactly. Whole ones below 2^8, 2^16 and 2^32 take one, two and four bytes, all others eight. */
export class Column {
  readonly #chunks: (Cells | undefined)[] = [];
  readonly #narrowest: number;
  /** The chunks before this one were given up. */
  #first = 0;

  /** @param narrowest bytes of a cell: as many as most values take, so that chunks need not be widened one after another */
  constructor(narrowest: 1 | 2 | 4 = 1) {
    this.#narrowest = narrowest;
  }

  get(row: number): number {
    const chunk = this.#chunks[row >>> SHIFT];
    return chunk === undefined ? 0 : chunk[row & MASK]!;
  }

  set(row: number, value: number): void {
    const index = row >>> SHIFT;
    const chunk = this.#chunks[index];
    if (chunk === undefined) {
      if (value !== 0) this.#widen(index, value)[row & MASK] = value;
      return;
    }
    chunk[row & MASK] = value;
    if (chunk[row & MASK] !== value) this.#widen(index, value)[row & MASK] = value;
  }

  /** The rows that have this value, which is not 0. The column must not change meanwhile. */
  *rowsWith(value: number): Generator<number> {
    for (const [index, chunk] of this.#chunks.entries()) {
      if (chunk === undefined) continue;
      for (let at = chunk.indexOf(value); at >= 0; at = chunk.indexOf(value, at + 1))
        yield (index << SHIFT) | at;
    }
  }

  /** Gives up the chunks whose rows are all before this one. */
  clearBefore(row: number): void {
    for (; this.#first < row >>> SHIFT; this.#first++) this.#chunks[this.#first] = undefined;
  }

  /** Bytes of the cells. */
  get bytes(): number {
    return this.#chunks.reduce((sum, chunk) => sum + (chunk?.byteLength ?? 0), 0);
  }

  /** Makes the chunk, or copies it into wider cells that hold the value. */
  #widen(index: number, value: number): Cells {
    while (this.#chunks.length <= index) this.#chunks.push(undefined);
    const wider = emptyCells(value, this.#narrowest);
    const chunk = this.#chunks[index];
    if (chunk !== undefined) wider.set(chunk);
    this.#chunks[index] = wider;
    this.#first = Math.min(this.#first, index);
    return wider;
  }
}

function emptyCells(value: number, narrowest: number): Cells {
  if (value !== value >>> 0) return new Float64Array(CHUNK_ROWS);
  if (value > 0xffff || narrowest === 4) return new Uint32Array(CHUNK_ROWS);
  return value > 0xff || narrowest === 2 ? new Uint16Array(CHUNK_ROWS) : new Uint8Array(CHUNK_ROWS);
}

/**
 * For each row another row, or 0. A cell holds how far away that is: neighbours in a list mostly lie side by side in memory, too, and
 * one byte is enough.
 */
export class LinkColumn {
  readonly #distances = new Column();

  get(row: number): number {
    const code = this.#distances.get(row);
    if (code === 0) return 0;
    const away = (code - 1) >>> 1;
    return (code & 1) === 1 ? row + away : row - away;
  }

  set(row: number, other: number): void {
    // Odd numbers point ahead, even ones back.
    const away = other - row;
    this.#distances.set(row, other === 0 ? 0 : away >= 0 ? away * 2 + 1 : away * -2 + 2);
  }

  /** Gives up the chunks whose rows are all before this one. */
  clearBefore(row: number): void {
    this.#distances.clearBefore(row);
  }

  get bytes(): number {
    return this.#distances.bytes;
  }
}

/** Four words for each row, side by side: looking up an id touches one place in memory, not four. */
export class WordsColumn {
  readonly #chunks: Uint32Array[] = [];

  get bytes(): number {
    return this.#chunks.length * CHUNK_ROWS * 16;
  }

  get(row: number, word: number): number {
    return this.#chunks[row >>> SHIFT]![((row & MASK) << 2) | word]!;
  }

  set(row: number, w0: number, w1: number, w2: number, w3: number): void {
    while (this.#chunks.length <= row >>> SHIFT) this.#chunks.push(new Uint32Array(CHUNK_ROWS * 4));
    const chunk = this.#chunks[row >>> SHIFT]!;
    const at = (row & MASK) << 2;
    chunk[at] = w0;
    chunk[at + 1] = w1;
    chunk[at + 2] = w2;
    chunk[at + 3] = w3;
  }

  equals(row: number, w0: number, w1: number, w2: number, w3: number): boolean {
    const chunk = this.#chunks[row >>> SHIFT]!;
    const at = (row & MASK) << 2;
    return chunk[at + 3] === w3 && chunk[at + 2] === w2 && chunk[at + 1] === w1 && chunk[at] === w0;
  }
}

/** Hands out row numbers from 1 on, freed ones first; 0 stands for "none" wherever a column points to a row. */
export class RowAllocator {
  #next = 1;
  /** The row that was freed last; the column says which one before it. */
  #lastFreed = 0;
  readonly #freedBefore = new LinkColumn();
  #freed = 0;

  take(): number {
    const row = this.#lastFreed;
    if (row === 0) return this.#next++;
    this.#lastFreed = this.#freedBefore.get(row);
    this.#freed--;
    return row;
  }

  give(row: number): void {
    this.#freedBefore.set(row, this.#lastFreed);
    this.#lastFreed = row;
    this.#freed++;
  }

  /** The highest row that was ever handed out. */
  get highest(): number {
    return this.#next - 1;
  }

  /** Rows in use. */
  get used(): number {
    return this.#next - 1 - this.#freed;
  }
}
