/**
 * Deliveries of targets that changed their name or went. Those of a name that a target lists under `formerly` move to that target; any
 * others are orphans, which the log names with the cure.
 */
import type { Clock } from "../../lib/clock.ts";
import { messageOf } from "../../lib/errors.ts";
import type { Log } from "../../lib/log.ts";
import type { Config } from "../config/schema.ts";
import { orphansOf } from "../observe/attention/situation.ts";
import type { Queue } from "../queue/queue.ts";

export interface RenamedTargetsDeps {
  readonly queue: Pick<Queue, "move" | "setPaused" | "stats">;
  readonly clock: Pick<Clock, "after">;
  readonly log: Log;
  readonly targets: () => Config["targets"];
}

export interface RenamedTargets {
  /**
   * Moves what is kept under former names, oldest first, and then tells of orphans. Resolves at the end, or after `limitMs`, when the
   * rest goes on beside. Never rejects: what fails is logged and done by the next call. A crash half-way leaves the rest for it, too.
   */
  settle(limitMs: number): Promise<void>;
  /** Moves what came since, such as deliveries of a relay that still had the former name; resolves at the end. */
  move(): Promise<void>;
  /** To be called before the queue closes, which ends a move under way; the next start goes on with it. */
  close(): void;
}

/** Names that are told one by one; more than these are not read by anybody. */
const MAX_TOLD = 20;

export function createRenamedTargets({ queue, clock, log, targets }: RenamedTargetsDeps): RenamedTargets {
  let running: Promise<void> = Promise.resolve();
  let isClosed = false;

  /** One after another: two moves of the same deliveries would only get in each other's way. */
  const inTurn = (step: () => Promise<void>): Promise<void> => {
    running = running.then(step).catch((error: unknown) => {
      if (!isClosed)
        log.error("target.move-failed", { error: messageOf(error), note: "tried again within a minute" });
    });
    return running;
  };

  async function moveAll(): Promise<void> {
    const kept = (await queue.stats()).targets;
    for (const [name, { formerly }] of Object.entries(targets())) {
      for (const former of formerly) {
        const stats = kept.get(former);
        if (isClosed || stats === undefined) continue;
        // First, so that no delivery of a paused target goes out.
        if (stats.paused) await queue.setPaused(name, true);
        const deliveries = stats.waiting + stats.dead === 0 ? 0 : await queue.move(former, name);
        if (stats.paused) await queue.setPaused(former, false);
        if (deliveries > 0) log.info("target.renamed", { target: name, formerly: former, deliveries });
      }
    }
  }

  async function tellOrphans(): Promise<void> {
    const orphans = orphansOf(await queue.stats(), Object.keys(targets()));
    for (const { name, waiting, dead } of orphans.slice(0, MAX_TOLD))
      log.warn("target.orphaned", {
        target: name,
        waiting,
        dead,
        note: `no target of this name is configured: list it under "formerly" of the target that takes its place, move its deliveries on the page /targets, or add the target again`,
      });
    if (orphans.length > MAX_TOLD)
      log.warn("target.orphaned", {
        targets: orphans.length - MAX_TOLD,
        note: "more such targets; see /targets",
      });
  }

  return {
    async settle(limitMs) {
      const done = inTurn(moveAll).then(() => inTurn(tellOrphans));
      await Promise.race([
        done,
        new Promise<void>((resolve) => {
          const timer = clock.after(limitMs, resolve);
          void done.then(() => timer.cancel());
        }),
      ]);
    },
    move: () => inTurn(moveAll),
    close() {
      isClosed = true;
    },
  };
}
