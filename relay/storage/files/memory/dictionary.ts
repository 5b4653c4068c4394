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

  /** The code of a value that was seen before; null if there is none. */
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
