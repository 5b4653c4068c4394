/** Writes that are not durable yet: in which order, how many bytes, and whether a caller waits for them or they are forced. */
import type { Write } from "./batch.ts";

/** How many writes make the next batch, and their bytes. */
export interface NextBatch {
  readonly count: number;
  readonly bytes: number;
}

export class WriteQueue {
  /** Not yet handed to the disk, in order. */
  #queue: Write[] = [];
  #numbered = 0;
  /** Everything up to this write is to be synced though no caller waits for it. */
  #forced = 0;
  /** Writes here and in flight that a caller waits for. */
  #waiting = 0;
  #lazyBytes = 0;
  #pendingBytes = 0;

  /** Bytes of all writes that are not settled. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /** Of those, the bytes that no caller waits for. */
  get lazyBytes(): number {
    return this.#lazyBytes;
  }

  get isEmpty(): boolean {
    return this.#queue.length === 0;
  }

  get hasWaiters(): boolean {
    return this.#waiting > 0;
  }

  get first(): Write | undefined {
    return this.#queue[0];
  }

  get writes(): readonly Write[] {
    return this.#queue;
  }

  add(write: Write): void {
    write.number = ++this.#numbered;
    this.#queue.push(write);
    this.#pendingBytes += write.bytes;
    if (write.waiter !== null) this.#waiting += 1;
    else this.#lazyBytes += write.bytes;
  }

  /** What the next batch takes: as much as fits into `limit` bytes, one write at least. */
  nextBatch(limit: number): NextBatch {
    let bytes = this.#queue[0]?.bytes ?? 0;
    let count = 1;
    for (; count < this.#queue.length; count++) {
      const more = (this.#queue[count] as Write).bytes;
      if (bytes + more > limit) break;
      bytes += more;
    }
    return { count, bytes };
  }

  /** Takes the first writes out; they are in flight until they are settled or put back. */
  take(count: number): Write[] {
    return this.#queue.splice(0, count);
  }

  /** They are to be written again, before all others. */
  putBack(writes: readonly Write[]): void {
    this.#queue = [...writes, ...this.#queue];
  }

  /** The write is durable or refused. */
  settled(write: Write): void {
    this.#pendingBytes -= write.bytes;
    if (write.waiter !== null) this.#waiting -= 1;
    else this.#lazyBytes -= write.bytes;
  }

  /** Everything up to the write, by default all, becomes durable though no caller waits. */
  force(last?: Write): void {
    this.#forced = Math.max(this.#forced, last?.number ?? this.#numbered);
  }

  unforce(): void {
    this.#forced = 0;
  }

  /** A caller waits for something pending, or this write is forced. */
  isWanted(oldest: Write | undefined): boolean {
    return oldest !== undefined && (this.#waiting > 0 || oldest.number <= this.#forced);
  }
}
