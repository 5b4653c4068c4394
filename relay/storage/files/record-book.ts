/**
 * Which records of routes and of remembered ids are in the storage, and how many events still rest on each, so that a record is
 * removed with the last of its events and small ones are joined.
 */
import { PREFIX } from "./records.ts";

interface Remembered {
  readonly count: number;
  /** Wall clock of the newest id in it. */
  readonly newestAt: number;
}

export class RecordBook {
  #lastRoutes = 0;
  #lastRemembered = 0;
  /** Events that rest on each record of routes. */
  readonly #routes = new Map<number, number>();
  readonly #remembered = new Map<number, Remembered>();

  nextRoutes(): number {
    return ++this.#lastRoutes;
  }

  nextRemembered(): number {
    return ++this.#lastRemembered;
  }

  /** A record of routes that is in the storage. */
  seen(number: number): void {
    this.#lastRoutes = Math.max(this.#lastRoutes, number);
    if (!this.#routes.has(number)) this.#routes.set(number, 0);
  }

  /** More events, or fewer, rest on a record. Returns whether none does any more. */
  count(number: number, change: number): boolean {
    const left = (this.#routes.get(number) ?? 0) + change;
    this.#routes.set(number, left);
    return left === 0;
  }

  forget(number: number): void {
    this.#routes.delete(number);
  }

  /** Keys of records on which nothing rests; they are forgotten. */
  takeEmpty(): string[] {
    const keys: string[] = [];
    for (const [number, left] of this.#routes) {
      if (left > 0) continue;
      keys.push(PREFIX.routes + number);
      this.#routes.delete(number);
    }
    return keys;
  }

  /** Records of routes on which fewer events rest than `limit`. */
  smallRoutes(limit: number): number[] {
    return [...this.#routes].filter(([, left]) => left < limit).map(([number]) => number);
  }

  /** A record of remembered ids that is in the storage. */
  remembered(number: number, count: number, newestAt: number): void {
    this.#lastRemembered = Math.max(this.#lastRemembered, number);
    this.#remembered.set(number, { count, newestAt });
  }

  forgetRemembered(number: number): void {
    this.#remembered.delete(number);
  }

  /** Records of which every id is older than `time`. */
  rememberedBefore(time: number): number[] {
    return [...this.#remembered].filter(([, { newestAt }]) => newestAt < time).map(([number]) => number);
  }

  smallRemembered(limit: number): number[] {
    return [...this.#remembered].filter(([, { count }]) => count < limit).map(([number]) => number);
  }
}
