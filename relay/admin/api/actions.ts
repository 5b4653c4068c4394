/**
 * What an operator may do to events and targets, for the API and the pages alike. Each action leaves a line in the log.
 */
import type { AdminDeps } from "../ports.ts";

export interface Actions {
  /** New deliveries; null: no such event. */
  replay(id: string, targets: readonly string[] | null): Promise<readonly string[] | null>;
  /** What is kept for a target that the settings do not name goes to another one; returns how many. Rejects as Queue.move(). */
  move(from: string, to: string): Promise<number>;
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
