/**
 * How much of the bodies may be in memory whose senders are not verified yet: a signature is only checked once the body is whole. All
 * such bodies together stay below a limit; if they would pass it, the one that has been coming in for longest is given up. A
 * sender that is what it says needs milliseconds, one that holds memory needs time.
 */

/** What is kept of a body that does not come at once is copied into pieces of this size, which are used again and again. */
export const SLAB_BYTES = 16_384;
/** What counts for each byte kept: room for what is read meanwhile and not collected yet, so that the limit holds of the process. */
export const WEIGHT = 1.25;

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
  /**
   * Pieces that no body has any more. Kept: memory that was given up is garbage of the old kind, which V8 collects long after as much again
   * has been allocated.
   */
  readonly #free: Buffer[] = [];
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

  /** A piece of SLAB_BYTES for a body that has grown by it. */
  slab(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(SLAB_BYTES);
  }

  /** The body needs these pieces no more. */
  giveBack(slabs: readonly Buffer[]): void {
    for (const slab of slabs)
      if ((this.#free.length + 1) * SLAB_BYTES * WEIGHT <= this.#limit()) this.#free.push(slab);
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
