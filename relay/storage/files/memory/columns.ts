/**
 * Numbers in columns instead of objects: a million rows cost what their bytes cost. A column grows by whole chunks, so nothing is
 * copied when it grows, and a chunk in which nothing was ever set is not there at all. Rows that were never set read as 0.
 */

const SHIFT = 14;
const CHUNK_ROWS = 1 << SHIFT;
const MASK = CHUNK_ROWS - 1;

type Cells = Uint8Array | Uint16Array | Uint32Array | Float64Array;

export class Column {
  readonly #make: new (length: number) => Cells;
  readonly #chunks: (Cells | undefined)[] = [];

  constructor(cells: new (length: number) => Cells) {
    this.#make = cells;
  }

  get(row: number): number {
    const chunk = this.#chunks[row >>> SHIFT];
    return chunk === undefined ? 0 : chunk[row & MASK]!;
  }

  set(row: number, value: number): void {
    const index = row >>> SHIFT;
    let chunk = this.#chunks[index];
    if (chunk === undefined) {
      if (value === 0) return;
      while (this.#chunks.length < index) this.#chunks.push(undefined);
      chunk = new this.#make(CHUNK_ROWS);
      this.#chunks[index] = chunk;
    }
    chunk[row & MASK] = value;
  }

  /** The rows that have this value, which is not 0. The column must not change meanwhile. */
  *rowsWith(value: number): Generator<number> {
    for (const [index, chunk] of this.#chunks.entries()) {
      if (chunk === undefined) continue;
      for (let at = chunk.indexOf(value); at >= 0; at = chunk.indexOf(value, at + 1))
        yield (index << SHIFT) | at;
    }
  }
}

/** Four words for each row, side by side: looking up an id touches one place in memory, not four. */
export class WordsColumn {
  readonly #chunks: Uint32Array[] = [];

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
  #free = new Uint32Array(64);
  #freed = 0;

  take(): number {
    return this.#freed > 0 ? this.#free[--this.#freed]! : this.#next++;
  }

  give(row: number): void {
    if (this.#freed === this.#free.length) {
      const larger = new Uint32Array(this.#free.length * 2);
      larger.set(this.#free);
      this.#free = larger;
    }
    this.#free[this.#freed++] = row;
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

/** Small numbers for values that repeat; they are never given up, as the values of one relay are few. */
export class Dictionary<T> {
  readonly #codes = new Map<string, number>();
  readonly #values: T[] = [];

  /** @param name what makes two values the same */
  code(name: string, value: T): number {
    const known = this.#codes.get(name);
    if (known !== undefined) return known;
    const code = this.#values.length;
    this.#codes.set(name, code);
    this.#values.push(value);
    return code;
  }

  /** The code of a value that was seen before; null where it was not. */
  find(name: string): number | null {
    return this.#codes.get(name) ?? null;
  }

  value(code: number): T {
    return this.#values[code]!;
  }

  get values(): readonly T[] {
    return this.#values;
  }
}

/** The name in a Dictionary of a value that is two of these: tells null from every text. */
export function pairName(first: string | number | null, second: string | null): string {
  return `${first === null ? "" : `=${first}`} ${second === null ? "" : `=${second}`}`;
}
