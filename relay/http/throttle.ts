/**
 * How often one sender may fail to authenticate: a token bucket per sender. Only failures are counted, and only failures are
 * refused: a caller with valid credentials never meets it.
 */
import type { Clock } from "../../lib/clock.ts";

/** Failures in a row that pass, and milliseconds after which one more does. */
export interface ThrottleLimits {
  readonly burst: number;
  readonly refillMs: number;
  /** Senders that are remembered; beyond it the one whose last failure is longest ago is forgotten. @default 10_000 */
  readonly maxSenders?: number;
}

export interface Throttle {
  /** Counts a failure. Returns 0 if the sender still has some left, else the seconds until it has. */
  fail(sender: string): number;
  /** Senders remembered now. */
  size(): number;
}

interface Bucket {
  left: number;
  at: number;
}

export function createThrottle(
  clock: Pick<Clock, "monotonic">,
  { burst, refillMs, maxSenders = 10_000 }: ThrottleLimits,
): Throttle {
  // In the order of the last failure, so that what may be forgotten stands first.
  const buckets = new Map<string, Bucket>();
  const refilled = (bucket: Bucket, now: number): number =>
    Math.min(burst, bucket.left + (now - bucket.at) / refillMs);

  function forget(now: number): void {
    for (const [sender, bucket] of buckets) {
      if (buckets.size <= maxSenders && refilled(bucket, now) < burst) return;
      buckets.delete(sender);
    }
  }

  return {
    fail(sender) {
      const now = clock.monotonic();
      const known = buckets.get(sender);
      const left = known === undefined ? burst : refilled(known, now);
      buckets.delete(sender);
      buckets.set(sender, { left: left >= 1 ? left - 1 : left, at: now });
      forget(now);
      return left >= 1 ? 0 : Math.ceil(((1 - left) * refillMs) / 1000);
    },
    size: () => buckets.size,
  };
}
