/** What a replay job looks for, and what it finds: pure, for every driver. */
import type { Clock } from "../../lib/clock.ts";
import type { EventFilter } from "./queue.ts";
import type { ReplayCount, ReplayPart, ReplaySet } from "./replay-job.ts";

/** The filter by which a set finds its events, those of one target where it takes what failed. */
export function askedOf({ filter, targets }: ReplaySet, target?: string): EventFilter {
  if (targets !== null) return filter;
  return { ...filter, state: filter.state ?? "dead", ...(target === undefined ? {} : { target }) };
}

/** How long one step of a job looks for events, in milliseconds. */
export const STEP_BUDGET_MS = 100;
/** Events that are counted together. */
export const COUNT_TOGETHER = 500;

/** Where to look for the next events of a set, and for how long. */
export interface LookInSet {
  readonly set: ReplaySet;
  readonly cursor: string | null;
  readonly limit: number;
  readonly budgetMs: number;
}

/** Events of a set that fit, oldest first, and where to go on. */
export interface FoundInSet<T> {
  readonly found: readonly T[];
  /** Id of the last event that was looked at; null: none was. */
  readonly cursor: string | null;
  /** There is nothing behind the cursor. */
  readonly isOver: boolean;
}

/** What of the next events belongs to the set. @param next with the id to go on from; null: there are no more */
export function withinSet<T>(
  upTo: string,
  from: string | null,
  next: { readonly found: readonly T[]; readonly cursor: string | null },
  idOf: (event: T) => string,
): FoundInSet<T> {
  const found = next.found.filter((event) => idOf(event) <= upTo);
  const isOver = found.length < next.found.length || next.cursor === null || next.cursor >= upTo;
  const last = found.at(-1);
  return { found, cursor: next.cursor ?? (last === undefined ? from : idOf(last)), isOver };
}

/**
 * Counts a set page by page, for `budgetMs` at most.
 * @param look the next page behind a cursor, within the milliseconds that are left; for each of its events the targets that get it
 */
export async function countSet(
  { upTo }: Pick<ReplaySet, "upTo">,
  { clock, budgetMs }: { readonly clock: Pick<Clock, "monotonic">; readonly budgetMs: number },
  look: (cursor: string | null, leftMs: number) => Promise<FoundInSet<readonly string[]>>,
): Promise<ReplayCount> {
  const deadline = clock.monotonic() + budgetMs;
  const byTarget = new Map<string, number>();
  let events = 0;
  let cursor: string | null = null;
  for (let isOver = upTo === null; !isOver;) {
    const left = deadline - clock.monotonic();
    if (left <= 0) return replayCount(events, byTarget, false);
    const page = await look(cursor, left);
    for (const names of page.found) {
      if (names.length > 0) events += 1;
      for (const name of names) byTarget.set(name, (byTarget.get(name) ?? 0) + 1);
    }
    ({ cursor, isOver } = page);
  }
  return replayCount(events, byTarget, true);
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
