/** Which queue the settings ask for: the one place that knows every kind. */
import type { Clock } from "../../lib/clock.ts";
import type { Log } from "../../lib/log.ts";
import type { Config } from "../config/schema.ts";
import { openLocalQueue } from "./files/queue.ts";
import type { Queue } from "../queue/queue.ts";
import { openStorage } from "./files/open-journal.ts";

export interface QueueDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** From 0 up to, not including, 1. */
  readonly random: () => number;
  /** Told the duration of each sync in milliseconds. */
  readonly onSync: (durationMs: number) => void;
  /** The settings in force: what is kept for how long may change at run time. */
  readonly settings: () => Config["queue"];
}

/** Rejects with a ConfigError where the folder or the server cannot be used. */
export type OpenQueue = (deps: QueueDeps) => Promise<Queue>;

/** The queue that `settings()` asks for now. */
export const openQueue: OpenQueue = async function openQueue(deps) {
  const { driver } = deps.settings();
  switch (driver) {
    case "fs":
      return openFileQueue(deps);
    case "redis": {
      // Loaded only where it is used: the client costs every start some 10 MB.
      const { openRedisQueue } = await import("./redis/queue.ts");
      return openRedisQueue(deps);
    }
    default:
      return driver satisfies never;
  }
};

function openFileQueue({ clock, log, random, onSync, settings }: QueueDeps): Promise<Queue> {
  const retention = () => ({ dedupeSeconds: settings().dedupeSeconds, ...settings().retain });
  return openLocalQueue(
    {
      clock,
      log,
      random,
      async openJournal(visitor) {
        const { journal } = await openStorage({ ...settings().fs, visitor }, { clock, log });
        journal.onSync(onSync);
        return journal;
      },
    },
    retention,
  );
}
