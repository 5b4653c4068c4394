/**
 * A map and a set for what comes and goes by the thousand each second: requests in flight, writes under way, claims.
 *
 * V8 keeps the table that a Map or Set outgrew or rehashed, with all it held then, until the next full collection, and a long-lived
 * one rehashes every few dozen changes when entries come and go. Whatever was in it at such a moment, with all that hangs on it,
 * survives the quick collections and has to be copied by them: measured, 64 entries under way made those ten times slower. Here
 * the tables are short-lived themselves, so that they and what they held are forgotten together.
 */

/** Entries that a table takes at least before the next one is begun. */
const TURN = 64;

/** Iterates in no particular order, roughly by age; reading and deleting while iterating is safe, adding is not. */
export class ShortLivedMap<K, V> {
  #younger = new Map<K, V>();
  #older = new Map<K, V>();
  #added = 0;

  get size(): number {
    return this.#younger.size + this.#older.size;
  }

  get(key: K): V | undefined {
    const value = this.#younger.get(key);
    return value === undefined ? this.#older.get(key) : value;
  }

  has(key: K): boolean {
    return this.#younger.has(key) || this.#older.has(key);
  }

  set(key: K, value: V): this {
    this.#older.delete(key);
    this.#younger.set(key, value);
    this.#added += 1;
    if (this.#added >= TURN && this.#added >= this.size) this.#turn();
    return this;
  }

  delete(key: K): boolean {
    return this.#younger.delete(key) || this.#older.delete(key);
  }

  clear(): void {
    this.#younger = new Map();
    this.#older = new Map();
    this.#added = 0;
  }

  *keys(): Generator<K> {
    yield* this.#older.keys();
    yield* this.#younger.keys();
  }

  *values(): Generator<V> {
    yield* this.#older.values();
    yield* this.#younger.values();
  }

  *[Symbol.iterator](): Generator<[K, V]> {
    yield* this.#older;
    yield* this.#younger;
  }

  /** What is left of the older table moves on; a table lives for two turns. */
  #turn(): void {
    for (const [key, value] of this.#older) this.#younger.set(key, value);
    this.#older = this.#younger;
    this.#younger = new Map();
    this.#added = 0;
  }
}

/** As ShortLivedMap, of values alone. */
export class ShortLivedSet<T> {
  readonly #values = new ShortLivedMap<T, true>();

  get size(): number {
    return this.#values.size;
  }

  add(value: T): this {
    this.#values.set(value, true);
    return this;
  }

  delete(value: T): boolean {
    return this.#values.delete(value);
  }

  clear(): void {
    this.#values.clear();
  }

  [Symbol.iterator](): Generator<T> {
    return this.#values.keys();
  }
}
