/**
 * What an operator may do to events and targets, for the API and the pages alike. Each action leaves a line in the log.
 */
import { deliveryMatches, standingDeliveries } from "../../queue/filter.ts";
import type { EventFilter, EventSummary } from "../../queue/queue.ts";
import type { AdminDeps } from "../ports.ts";

/** Events that one bulk replay sends again at once; a replay job takes the others. */
const MAX_BULK = 10_000;
const PAGE = 500;

export interface BulkResult {
  /** Events that fit, at most MAX_BULK. */
  readonly count: number;
  /** New deliveries of them. */
  readonly deliveries: number;
  /** True where there are more than were counted. */
  readonly more: boolean;
}

export interface BulkDone extends BulkResult {
  /** The replay job that takes the others; null: there are none. */
  readonly job: string | null;
}

export interface Actions {
  /** New deliveries; null: no such event. */
  replay(id: string, targets: readonly string[] | null): Promise<readonly string[] | null>;
  /** Counts what replayAll() would take. */
  preview(filter: EventFilter, targets: readonly string[] | null): Promise<BulkResult>;
  /**
   * Replays the oldest MAX_BULK events that fit, and has a job replay the others: to these targets, or (null) what is dead or in the
   * filter's state.
   * @param person name of who asks for it
   */
  replayAll(filter: EventFilter, targets: readonly string[] | null, person: string): Promise<BulkDone>;
  /** What is kept for a target that the settings do not name goes to another one; returns how many. Rejects as Queue.move(). */
  move(from: string, to: string): Promise<number>;
  /** False: no such event. */
  remove(id: string): Promise<boolean>;
  setPaused(target: string, paused: boolean): Promise<void>;
}

export function createActions({
  queue,
  log,
  replays,
  targets: targetsNow,
}: Pick<AdminDeps, "queue" | "log" | "replays" | "targets">): Actions {
  return {
    async replay(id, targets) {
      const replayed = await queue.replay(id, targets);
      if (replayed !== null) log.info("admin.replayed", { eventId: id, targets: replayed });
      return replayed;
    },
    async preview(filter, targets) {
      const asked: EventFilter = targets === null ? { ...filter, state: filter.state ?? "dead" } : filter;
      const existing = new Set(targetsNow().map(({ name }) => name));
      let count = 0;
      let deliveries = 0;
      let cursor: string | null = null;
      do {
        const page = await queue.list(asked, PAGE, cursor);
        for (const event of page.events) {
          if (count === MAX_BULK) return { count, deliveries, more: true };
          count += 1;
          deliveries += targets?.length ?? fittingTargets(event, asked, existing);
        }
        ({ cursor } = page);
      } while (cursor !== null);
      return { count, deliveries, more: false };
    },
    async replayAll(filter, targets, person) {
      const done = await queue.replayAll(filter, targets, MAX_BULK);
      const { events: count, deliveries, more, cursor } = done;
      const job = more ? (await replays.start({ filter, targets, after: cursor }, person)).plan.id : null;
      log.info("admin.bulk-replayed", { count, deliveries, more, job, filter, targets });
      return { count, deliveries, more, job };
    },
    async move(from, to) {
      const count = await queue.move(from, to);
      log.info("admin.moved", { from, to, count });
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
}

/** Targets that exist and whose delivery of the event is as the filter asks. */
function fittingTargets({ deliveries }: EventSummary, filter: EventFilter, existing: Set<string>): number {
  const fitting = standingDeliveries(deliveries).filter((delivery) => deliveryMatches(delivery, filter));
  return new Set(fitting.map(({ target }) => target).filter((target) => existing.has(target))).size;
}
