/** The note by the queue's driver: a file in the data folder, or a key in the Redis that relays share. */
import type { Log } from "../../lib/log.ts";
import type { Config } from "../config/schema.ts";
import { createFileMark } from "./files/heartbeat.ts";
import type { Mark } from "./heartbeat.ts";

export interface MarkDeps {
  readonly log: Log;
  /** From 0 up to, not including, 1. */
  readonly random: () => number;
}

export async function openMark(queue: Config["queue"], deps: MarkDeps): Promise<Mark> {
  const { driver } = queue;
  switch (driver) {
    case "fs":
      return createFileMark(queue.fs.base);
    case "redis": {
      // Loaded only where it is used: the client costs every start some 10 MB.
      const { openRedis } = await import("./redis/connection.ts");
      const { createRedisMark } = await import("./redis/heartbeat.ts");
      return createRedisMark(await openRedis(queue.redis, deps.log, deps.random));
    }
    default:
      return driver satisfies never;
  }
}
