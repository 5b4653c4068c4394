/**
 * The epoch of sessions: a number in the storage, which every relay of that storage reads. A session holds while the epoch is the
 * one in which it was opened; logging out begins the next one, so that it holds everywhere, over restarts, and for streams that
 * are open.
 */
import type { Clock, Timer } from "../../../lib/clock.ts";
import { UpstreamError } from "../../../lib/errors.ts";

/** Milliseconds between two looks for a change that another relay made, while a stream listens. */
const POLL_MS = 1000;

export interface EpochStore {
  /** The present epoch. Rejects with an UpstreamError if the storage is out of reach. */
  read(): Promise<number>;
  /** Begins the next one, durable when it resolves. Rejects as read() does. */
  advance(): Promise<number>;
}

export class SessionEpoch {
  readonly #store: EpochStore;
  readonly #clock: Pick<Clock, "after">;
  /** As last read. */
  #known = 0;
  readonly #listeners = new Set<() => void>();
  /** Set while a stream listens. */
  #poll: Timer | null = null;

  constructor(store: EpochStore, clock: Pick<Clock, "after">) {
    this.#store = store;
    this.#clock = clock;
  }

  /** As last read. */
  get known(): number {
    return this.#known;
  }

  /** Reads it; if the storage does not answer, what was read last holds. */
  async refresh(): Promise<void> {
    try {
      this.#become(await this.#store.read());
    } catch (error) {
      if (!(error instanceof UpstreamError)) throw error;
    }
  }

  /** Ends every session. Rejects with an UpstreamError if that could not be written down. */
  async advance(): Promise<void> {
    this.#become(await this.#store.advance());
  }

  /** Tells listeners to look again at what they were granted: the token may be another one. */
  recheck(): void {
    for (const listener of this.#listeners) listener();
  }

  /** Calls back when a grant may have ended; returns the way to stop that. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    this.#poll ??= this.#pollLater();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      this.#poll?.cancel();
      this.#poll = null;
    };
  }

  #pollLater(): Timer {
    return this.#clock.after(POLL_MS, () => {
      void this.refresh().then(() => {
        if (this.#poll !== null) this.#poll = this.#pollLater();
      });
    });
  }

  #become(epoch: number): void {
    if (epoch === this.#known) return;
    this.#known = epoch;
    this.recheck();
  }
}
