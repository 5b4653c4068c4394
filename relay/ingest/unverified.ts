/**
 * How much of the bodies may be in memory whose senders nobody knows yet: a signature is only checked once the body is whole. All
 * such bodies together stay below a limit; where they would pass it, the one that has been coming in for longest is given up. A
 * sender that is what it says needs milliseconds, one that holds memory needs time.
 */

/** What each piece of a body costs beside its bytes, at least. */
export const PIECE_OVERHEAD = 256;

/** Bytes of strangers after which garbage is collected. */
const COLLECT_EVERY = 4_194_304;

/** A body that is coming in. */
export interface HeldBody {
  /** Called when its place is needed; its memory must be free when this returns. */
  giveUp(): void;
}

export class UnverifiedBodies {
  readonly #limit: () => number;
  readonly #collect: () => void;
  /** Bytes that came in since garbage was collected. */
  #read = 0;
  /** Bytes held by each, in the order in which they began. */
  readonly #held = new Map<HeldBody, number>();
  #total = 0;

  /**
   * @param limit bytes in all; read for each piece
   * @param collect frees buffers that are garbage
   */
  constructor(limit: () => number, collect: () => void = () => {}) {
    this.#limit = limit;
    this.#collect = collect;
  }

  /** Bytes held now. */
  get total(): number {
    return this.#total;
  }

  /** Notes that a body grew (or, where its pieces were joined, shrank); may give up others, or itself. */
  grow(body: HeldBody, bytes: number): void {
    this.#held.set(body, (this.#held.get(body) ?? 0) + bytes);
    this.#total += bytes;
    while (this.#total > this.#limit()) {
      const oldest = this.#held.keys().next().value as HeldBody;
      this.release(oldest);
      oldest.giveUp();
    }
  }

  /** Notes bytes that came in, kept or not: what was read and forgotten takes memory until it is collected. */
  passed(bytes: number): void {
    this.#read += bytes;
    if (this.#read < COLLECT_EVERY) return;
    this.#read = 0;
    this.#collect();
  }

  /** The body is verified, refused or gone. */
  release(body: HeldBody): void {
    this.#total -= this.#held.get(body) ?? 0;
    this.#held.delete(body);
  }
}
