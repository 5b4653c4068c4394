/**
 * One round over the projects of a group: who is worked on when, and where the next run goes on.
 *
 * Projects are taken in the order of their ids, several at a time. While the budget is ample the next page is listed shortly
 * before the present one is used up, so that no worker waits for it; with a small budget a chunk is finished before the next is
 * listed, and a project is begun only where the budget lets it end: else many would be looked at and none finished.
 * The cursor stands on the first unfinished project; it is written after each chunk and at the end.
 */
import type { Cursor, CursorStore } from "./cursor.ts";
import { RunStopped, type Budget } from "../../lib/gitlab/budget.ts";
import type { Project } from "../gitlab/types.ts";
import type { Listed, Listing } from "./listing.ts";
import { isLeftUndone, resultOf, type HookResult } from "./result.ts";
import { REQUESTS_PER_PROJECT } from "./work-through.ts";

export interface WalkOptions {
  /** Names the kind of round in the cursor. */
  readonly walk: string;
  readonly listing: Pick<Listing, "next" | "total" | "exhausted">;
  /** Null: postponed; the project is among the unfinished ones of the outcome and of the cursor. */
  readonly work: (project: Project) => Promise<HookResult | null>;
  readonly report: (result: HookResult) => void;
  /** Asked once every project is begun, beside the last ones; with a small budget it is left to the caller. */
  readonly atTheEnd?: () => Promise<void>;
  readonly budget: Budget;
  readonly cursors: CursorStore;
  readonly concurrency: number;
  readonly chunkSize: number;
  /** Where an earlier run of this round stopped. */
  readonly resumed: Cursor | null;
}

export interface WalkOutcome {
  /** Every project of the round was worked on, by this run or earlier ones. */
  readonly complete: boolean;
  /** Projects that no run has reached yet; null: not known. */
  readonly remaining: number | null;
  /** Where the walk stands, as in a cursor. */
  readonly offset: number;
  readonly afterId: number;
  /** Projects that were postponed, in this run and in earlier ones of the round, that failed, or that the role was too low for. */
  readonly failed: Cursor["failed"];
  /** Some project was worked on, in this run or an earlier one of the round. */
  readonly worked: boolean;
}

interface Entry {
  readonly id: number;
  readonly offset: number;
  done: boolean;
  /** Kept until those before it are done, so that results come in the order of the listing. */
  result: HookResult | null;
}

/** Works through the round. Throws what `work` throws, except RunStopped, after the cursor is written. */
export async function walkProjects(options: WalkOptions): Promise<WalkOutcome> {
  const { listing, budget, concurrency, chunkSize } = options;
  const waiting: Listed[] = [];
  /** Begun projects in order; finished ones at the front are taken off. */
  const begun: Entry[] = [];
  const failed = [...(options.resumed?.failed ?? [])];
  let offset = options.resumed?.offset ?? 0;
  let afterId = options.resumed?.afterId ?? 0;
  let worked = options.resumed !== null && options.resumed.worked !== false;
  let savedAt = offset;
  let active = 0;
  let isListing = false;
  let isEnding = false;
  let trouble: unknown = null;
  let wakeUp: () => void = () => {};

  function cursor(): Cursor {
    return { walk: options.walk, offset, afterId, failed, ...(worked ? {} : { worked }) };
  }

  function finish(entry: Entry, project: Project, result: HookResult | null): void {
    entry.done = true;
    entry.result = result;
    if (result === null || isLeftUndone(result)) {
      failed.push({ id: project.id, path: project.path_with_namespace });
    }
    if (result?.action !== "skip") worked = true;
    while (begun[0]?.done) {
      const first = begun.shift() as Entry;
      if (first.result !== null) options.report(first.result);
      offset = first.offset + 1;
      afterId = first.id;
    }
  }

  async function workOn(listed: Listed): Promise<void> {
    const { project } = listed;
    const entry: Entry = { id: project.id, offset: listed.offset, done: false, result: null };
    begun.push(entry);
    if (listed.leftOut !== null) {
      const place = { level: "project" as const, id: project.id, path: project.path_with_namespace };
      finish(entry, project, resultOf(place, "skip", { reason: listed.leftOut }));
      return;
    }
    finish(entry, project, await options.work(project));
  }

  /** Runs a task in one of the slots; the loop below goes on when it ends. */
  function occupy(task: () => Promise<void>): void {
    active++;
    task()
      .catch((error: unknown) => {
        trouble ??= error;
      })
      .finally(() => {
        active--;
        wakeUp();
      });
  }

  function mayBegin(): boolean {
    const working = active - Number(isListing);
    return working === 0 || budget.room() >= REQUESTS_PER_PROJECT * (working + 1);
  }

  function mayList(): boolean {
    if (isListing || listing.exhausted) return false;
    if (waiting.length === 0 && active === 0) return true;
    return isAmple() && waiting.length < concurrency;
  }

  function isAmple(): boolean {
    return budget.room() > REQUESTS_PER_PROJECT * (chunkSize + concurrency);
  }

  function mayEnd(): boolean {
    return !isEnding && listing.exhausted && !isListing && waiting.length === 0 && isAmple();
  }

  for (;;) {
    while (trouble === null && active < concurrency) {
      if (mayList()) {
        isListing = true;
        occupy(async () => {
          try {
            waiting.push(...((await listing.next()) ?? []));
          } finally {
            isListing = false;
          }
        });
      } else if (waiting.length > 0 && mayBegin()) {
        const listed = waiting.shift() as Listed;
        occupy(() => workOn(listed));
      } else if (options.atTheEnd !== undefined && mayEnd()) {
        isEnding = true;
        occupy(options.atTheEnd);
      } else break;
    }
    if (active === 0) break;
    await new Promise<void>((resolve) => {
      wakeUp = resolve;
    });
    if (offset - savedAt >= chunkSize) {
      savedAt = offset;
      await options.cursors.save(cursor());
    }
  }

  const complete = trouble === null;
  for (const { result } of begun) if (result !== null) options.report(result);
  const doneBeyond = begun.filter((entry) => entry.done).length;
  const remaining = complete
    ? 0
    : listing.total === null
      ? null
      : Math.max(0, listing.total - offset - doneBeyond);
  if (!complete) await options.cursors.save(cursor());
  if (trouble !== null && !(trouble instanceof RunStopped)) throw trouble;
  return { complete, remaining, offset, afterId, failed, worked };
}
