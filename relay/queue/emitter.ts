/** Tells listeners what happened. One that throws is logged, and neither the others nor the queue notice. */
import { messageOf } from "../../lib/errors.ts";
import type { Log } from "../../lib/log.ts";

export class Emitter<T> {
  readonly #listeners = new Set<(value: T) => void>();
  readonly #log: Log;

  constructor(log: Log) {
    this.#log = log;
  }

  /** Returns what ends the listening. */
  on(listener: (value: T) => void): () => void {
    // A wrapper of its own, so that one function may listen twice.
    const entry = (value: T): void => listener(value);
    this.#listeners.add(entry);
    return () => void this.#listeners.delete(entry);
  }

  emit(value: T): void {
    for (const listener of this.#listeners) {
      try {
        listener(value);
      } catch (error) {
        this.#log.error("queue.listener-failed", { error: messageOf(error) });
      }
    }
  }
}
