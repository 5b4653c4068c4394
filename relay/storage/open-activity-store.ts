/** Where facts are kept, by the queue's driver: a journal in the queue's folder, or the same Redis. */
import { join } from "node:path";
import type { Clock } from "../../lib/clock.ts";
import type { Log } from "../../lib/log.ts";
import type { Config } from "../config/schema.ts";
import { openRedis } from "./redis/connection.ts";
import { openStorage } from "./files/open-journal.ts";
import { createJournalStore } from "./files/activity-store.ts";
import { createRedisStore } from "./redis/activity-store.ts";
import type { ActivityStore } from "./activity-store.ts";

/** Facts are small: smaller segments give space back sooner. */
const SEGMENT_BYTES = 8_388_608;

export interface StoreDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** From 0 up to, not including, 1. */
  readonly random: () => number;
}

/** Rejects with a ConfigError where folder or server cannot be used. */
export async function openActivityStore(queue: Config["queue"], deps: StoreDeps): Promise<ActivityStore> {
  const { driver } = queue;
  switch (driver) {
    case "fs": {
      const { base, minFreeBytes } = queue.fs;
      const options = { base: join(base, "activity"), segmentBytes: SEGMENT_BYTES, minFreeBytes };
      const { journal } = await openStorage(options, { clock: deps.clock, log: deps.log });
      return createJournalStore(journal);
    }
    case "redis":
      return createRedisStore(await openRedis(queue.redis, deps.log, deps.random));
    default:
      return driver satisfies never;
  }
}
