/**
 * How often one sender may fail to authenticate: a token bucket per sender. Only failures are counted, and only failures are
 * refused: a caller with valid credentials never meets it.
 */
import type { Clock } from "../../lib/clock.ts";

/** Failures in a row that are still answered with 401. */
export const FAILURE_BURST = 30;
/** Milliseconds after which one more failure is answered with 401. */
export const FAILURE_REFILL_MS = 2000;
/** Senders that are remembered; beyond it the one whose last failure is longest ago is forgotten. */
export const MAX_SENDERS = 10_000;

export interface Throttle {
  /** Counts a failure. Returns 0 where the sender still has some left, else the seconds until it has. */
  fail(sender: string): number;
  /** Senders remembered now. */
  size(): number;
}

interface Bucket {
  left: number;
  at: number;
}

export function createThrottle(clock: Pick<Clock, "monotonic">, maxSenders = MAX_SENDERS): Throttle {
  // In the order of the last failure, so that what may be forgotten stands first.
  const buckets = new Map<string, Bucket>();
  const refilled = (bucket: Bucket, now: number): number =>
    Math.min(FAILURE_BURST, bucket.left + (now - bucket.at) / FAILURE_REFILL_MS);

  function forget(now: number): void {
    for (const [sender, bucket] of buckets) {
      if (buckets.size <= maxSenders && refilled(bucket, now) < FAILURE_BURST) return;
      buckets.delete(sender);
    }
  }

  return {
    fail(sender) {
      const now = clock.monotonic();
      const known = buckets.get(sender);
      const left = known === undefined ? FAILURE_BURST : refilled(known, now);
      buckets.delete(sender);
      buckets.set(sender, { left: left >= 1 ? left - 1 : left, at: now });
      forget(now);
      return left >= 1 ? 0 : Math.ceil(((1 - left) * FAILURE_REFILL_MS) / 1000);
    },
    size: () => buckets.size,
  };
}
