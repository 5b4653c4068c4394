/**
 * What an operator may do to events and targets, for the API and the pages alike. Each action leaves a line in the log.
 */
import type { EventFilter, EventSummary } from "../../queue/queue.ts";
import type { AdminDeps } from "../ports.ts";

/** Events that one bulk replay takes at most; whoever has more asks again. */
export const MAX_BULK = 10_000;
const PAGE = 500;

export interface BulkResult {
  /** Events that fit, at most MAX_BULK. */
  readonly count: number;
  /** True where there are more than were counted. */
  readonly more: boolean;
}

export interface Actions {
  /** New deliveries; null: no such event. */
  replay(id: string, targets: readonly string[] | null): Promise<readonly string[] | null>;
  /** Counts what a bulk replay would take. */
  preview(filter: EventFilter): Promise<BulkResult>;
  /** Replays the newest MAX_BULK events that fit. A crash half-way leaves some replayed. */
  replayAll(filter: EventFilter, targets: readonly string[] | null): Promise<BulkResult>;
  replayDead(filter: EventFilter): Promise<number>;
  /** False: no such event. */
  remove(id: string): Promise<boolean>;
  setPaused(target: string, paused: boolean): Promise<void>;
}

export function createActions({ queue, log }: Pick<AdminDeps, "queue" | "log">): Actions {
  return {
    async replay(id, targets) {
      const replayed = await queue.replay(id, targets);
      if (replayed !== null) log.info("admin.replayed", { eventId: id, targets: replayed });
      return replayed;
    },
    preview: (filter) => each(filter, () => {}),
    async replayAll(filter, targets) {
      // Events are collected first: a replay changes the states by which they were found.
      const ids: string[] = [];
      const result = await each(filter, (event) => void ids.push(event.meta.id));
      let count = 0;
      for (const id of ids) if ((await queue.replay(id, targets)) !== null) count += 1;
      log.info("admin.bulk-replayed", { count, more: result.more, filter, targets });
      return { count, more: result.more };
    },
    async replayDead(filter) {
      const count = await queue.replayDead(filter);
      log.info("admin.dead-replayed", { count, filter });
      return count;
    },
    async remove(id) {
      const removed = await queue.remove(id);
      if (removed) log.info("admin.removed", { eventId: id });
      return removed;
    },
    async setPaused(target, paused) {
      await queue.setPaused(target, paused);
      log.info(paused ? "admin.paused" : "admin.resumed", { target });
    },
  };

  async function each(filter: EventFilter, visit: (event: EventSummary) => void): Promise<BulkResult> {
    let count = 0;
    let cursor: string | null = null;
    do {
      const page = await queue.list(filter, PAGE, cursor);
      for (const event of page.events) {
        if (count === MAX_BULK) return { count, more: true };
        count += 1;
        visit(event);
      }
      cursor = page.cursor;
    } while (cursor !== null);
    return { count, more: false };
  }
}
