/**
 * At most `requests` attempts of a target start in any period of `perSeconds`: not on average and not per calendar second, but
 * wherever the period is laid. Waiting for it uses up no attempt, as nothing is claimed meanwhile. Each relay counts for itself.
 */

export interface RateLimit {
  readonly requests: number;
  readonly perSeconds: number;
}

export interface Rate {
  /** How many attempts may start now. */
  available(now: number): number;
  /** Counts `starts` attempts that start now; at most available(now). */
  take(starts: number, now: number): void;
  /** Milliseconds until the next attempt may start; 0 if one may now. */
  waitMs(now: number): number;
}

/** Times are those of the monotonic clock, in milliseconds. */
export function createRate(limit: RateLimit): Rate {
  const periodMs = limit.perSeconds * 1000;
  /** Starts within the last period, oldest first, as far as they count: runs of [time, count]. */
  const starts: { at: number; count: number }[] = [];
  let counted = 0;
  const forget = (now: number): void => {
    let past = 0;
    while (past < starts.length && (starts[past]?.at ?? now) + periodMs <= now) {
      counted -= starts[past]?.count ?? 0;
      past += 1;
    }
    starts.splice(0, past);
  };
  return {
    available(now) {
      forget(now);
      return Math.max(0, limit.requests - counted);
    },
    take(count, now) {
      if (count === 0) return;
      counted += count;
      const last = starts.at(-1);
      if (last?.at === now) last.count += count;
      else starts.push({ at: now, count });
    },
    waitMs(now) {
      forget(now);
      const oldest = starts[0];
      return oldest === undefined || counted < limit.requests ? 0 : Math.max(0, oldest.at + periodMs - now);
    },
  };
}
