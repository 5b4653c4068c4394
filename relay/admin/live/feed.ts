/**
 * The last things that happened, in order, for live views: a ring that every reader follows at its own pace, so that a slow
 * reader costs no memory. Each entry has a number; with the feed's own name in front it is the id from which a reader resumes.
 * A reader that fell behind the ring, or that comes back to another run of the relay, is told so by a gap.
 *
 * Entries are kept while a reader is there, and for some minutes after: without readers, what happens is only counted, so that
 * metadata of a thousand events need not outlive their delivery.
 */
import { randomBytes } from "node:crypto";
import type { Clock } from "../../../lib/clock.ts";
import type { Queue, QueueEvent } from "../../queue/queue.ts";

const RING_SIZE = 2048;
/** How long a reader may be away, or a page may take to begin to read, without missing what happens in that time. */
const KEPT_MS = 600_000;

export interface FeedEntry {
  readonly id: string;
  readonly event: QueueEvent;
}

export interface FeedGap {
  readonly reason: "lagging" | "restarted";
  /** Entries that are gone; null if unknown. */
  readonly missed: number | null;
}

export interface FeedBatch {
  readonly gap: FeedGap | null;
  readonly entries: readonly FeedEntry[];
  /** Where the next batch begins. */
  readonly next: number;
  /** Stands for what was read up to there. */
  readonly id: string;
}

export interface Feed {
  /** Where a reader begins who has seen everything up to this id; null: from now on. `id` stands for that place. */
  position(lastId: string | null): {
    readonly next: number;
    readonly id: string;
    readonly gap: FeedGap | null;
  };
  /** Up to `limit` entries from a position on. */
  read(next: number, limit: number): FeedBatch;
  /** Calls back with each new entry and on close; returns the way to stop that. */
  onChange(listener: () => void): () => void;
  readonly closed: boolean;
  close(): void;
}

/** Follows the queue from now on. */
export function createFeed(queue: Pick<Queue, "onEvent">, clock: Clock, size = RING_SIZE): Feed {
  const run = randomBytes(6).toString("hex");
  const ring: (QueueEvent | undefined)[] = Array.from({ length: size });
  const listeners = new Set<() => void>();
  let count = 0;
  /** The first that is kept; equal to `count` if none is. */
  let first = 0;
  /** Monotonic clock until which a reader may come back. */
  let keptUntil = -Infinity;
  let closed = false;
  const stop = queue.onEvent((event) => {
    if (listeners.size === 0 && clock.monotonic() >= keptUntil) {
      if (first < count) ring.fill(undefined);
      count += 1;
      first = count;
      return;
    }
    ring[count % size] = event;
    count += 1;
    for (const listener of listeners) listener();
  });
  const expectReader = (): void => {
    keptUntil = clock.monotonic() + KEPT_MS;
  };
  const idOf = (number: number): string => `${run}-${number}`;

  return {
    position(lastId) {
      expectReader();
      const now = { next: count, id: idOf(count) };
      if (lastId === null) return { ...now, gap: null };
      const match = /^([0-9a-f]{12})-(\d{1,15})$/.exec(lastId);
      if (match === null || match[1] !== run || Number(match[2]) > count)
        return { ...now, gap: { reason: "restarted", missed: null } };
      return { next: Number(match[2]), id: lastId, gap: null };
    },
    read(next, limit) {
      const oldest = Math.max(first, count - size);
      const from = Math.max(next, oldest);
      const to = Math.min(count, from + limit);
      const entries: FeedEntry[] = [];
      for (let number = from; number < to; number += 1)
        entries.push({ id: idOf(number + 1), event: ring[number % size] as QueueEvent });
      return {
        gap: from > next ? { reason: "lagging", missed: from - next } : null,
        entries,
        next: to,
        id: idOf(to),
      };
    },
    onChange(listener) {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
        expectReader();
      };
    },
    get closed() {
      return closed;
    },
    close() {
      closed = true;
      stop();
      for (const listener of listeners) listener();
      listeners.clear();
    },
  };
}
