/**
 * What is on its way to the disk: the last operation on each key. It says what a key's value is while the index, which knows
 * durable frames only, does not yet; when it fails it simply falls away.
 */
import { ShortLivedMap } from "../../../lib/short-lived.ts";
import type { BatchEntry } from "./batch.ts";
import { FrameType } from "./frame.ts";
import type { KeyIndex } from "./key-index.ts";

export class Pending {
  readonly #last = new ShortLivedMap<string, BatchEntry>();
  readonly #index: KeyIndex;

  constructor(index: KeyIndex) {
    this.#index = index;
  }

  add(entry: BatchEntry): void {
    this.#last.set(entry.key, entry);
  }

  durable(entry: BatchEntry): void {
    if (this.#last.get(entry.key) === entry) this.#last.delete(entry.key);
  }

  /** @param left what is to be written again, or not written yet, in order */
  dropped(dropped: Iterable<BatchEntry>, left: Iterable<BatchEntry>): void {
    for (const entry of dropped) this.#last.delete(entry.key);
    for (const entry of left) {
      if (entry.source === null && entry.type !== FrameType.probe) this.#last.set(entry.key, entry);
    }
  }

  find(key: string): BatchEntry | undefined {
    return this.#last.get(key);
  }

  has(key: string): boolean {
    return this.#last.has(key);
  }

  /** Keys that are live once all of it is durable. */
  *keys(prefix: string): Generator<string> {
    for (const key of this.#index.keys()) {
      if (!key.startsWith(prefix)) continue;
      const pending = this.#last.get(key);
      if (pending === undefined || pending.type === FrameType.set) yield key;
    }
    for (const [key, pending] of this.#last) {
      if (pending.type === FrameType.set && key.startsWith(prefix) && !this.#index.has(key)) yield key;
    }
  }

  /** How many those are. */
  countKeys(): number {
    let keys = this.#index.size;
    for (const [key, pending] of this.#last) {
      const live = this.#index.has(key);
      if (pending.type === FrameType.set && !live) keys += 1;
      if (pending.type === FrameType.remove && live) keys -= 1;
    }
    return keys;
  }
}

/** The first `length` bytes of the value that the entry sets; null if it removes the key. */
export function pendingValue({ type, value, valueBytes }: BatchEntry, length: number): Uint8Array | null {
  return type === FrameType.set ? Buffer.concat(value, Math.min(length, valueBytes)) : null;
}
