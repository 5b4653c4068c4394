/** What a replay job looks for, and what it finds: pure, for every driver. */
import type { EventFilter } from "./queue.ts";
import type { ReplayCount, ReplayPart, ReplaySet } from "./replay-job.ts";

/** The filter by which a set finds its events, those of one target where it takes what failed. */
export function askedOf({ filter, targets }: ReplaySet, target?: string): EventFilter {
  if (targets !== null) return filter;
  return { ...filter, state: filter.state ?? "dead", ...(target === undefined ? {} : { target }) };
}

export function replayCount(
  events: number,
  byTarget: ReadonlyMap<string, number>,
  isWhole: boolean,
): ReplayCount {
  const deliveries = [...byTarget.values()].reduce((sum, count) => sum + count, 0);
  return { events, deliveries, byTarget: Object.fromEntries(byTarget), isWhole };
}

/** A part that has not begun. */
export function freshPart(target: string): ReplayPart {
  return {
    target,
    cursor: null,
    isScanned: false,
    queued: 0,
    delivered: 0,
    failed: 0,
    gone: 0,
    missed: 0,
  };
}
