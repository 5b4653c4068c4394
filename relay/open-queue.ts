/** Which queue the settings ask for: the one place that knows both. */
import type { Clock } from "../lib/clock.ts";
import { ConfigError } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import type { Config } from "./config.ts";
import type { Queue } from "./queue/queue.ts";

export interface QueueDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** From 0 up to, not including, 1. */
  readonly random: () => number;
}

export interface OpenedQueue {
  readonly queue: Queue;
  /** Calls back with the duration of each sync in milliseconds. */
  readonly onSync: (listener: (durationMs: number) => void) => () => void;
}

/** Rejects with a ConfigError where the folder or the server cannot be used. */
export type OpenQueue = (settings: Config["queue"], deps: QueueDeps) => Promise<OpenedQueue>;

export const openQueue: OpenQueue = async function openQueue(settings) {
  switch (settings.driver) {
    case "fs":
    case "redis":
      throw new ConfigError([
        { path: "queue.driver", message: `"${settings.driver}" is not available in this build` },
      ]);
    default:
      return settings.driver satisfies never;
  }
};
