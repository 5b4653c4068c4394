/** Storage drivers as tests and benchmarks open them. */
import { systemClock } from "../../lib/clock.ts";
import { silentLog } from "../../lib/log.ts";
import { configSchema } from "../../relay/config/schema.ts";
import type { ReplayQueue } from "../../relay/queue/replay-job.ts";
import type { Queue } from "../../relay/queue/queue.ts";
import type { StorageDeps, StorageDriver } from "../../relay/storage/driver.ts";
import { memoryReplayJobs } from "./memory-replay-jobs.ts";
import { createStorageDriver, type CreateStorage } from "../../relay/storage/open.ts";

/** The driver of such settings of `queue` as relay.yaml has; the rest has its defaults. */
export function openDriver(settings: Readonly<Record<string, unknown>>): Promise<StorageDriver> {
  const { queue } = configSchema.parse({ queue: settings });
  return createStorageDriver({
    clock: systemClock,
    log: silentLog,
    random: Math.random,
    onSync: () => {},
    settings: () => queue,
  });
}

/** The queue of the driver that the settings name. Its close() closes the driver as well. */
export async function openQueue(deps: StorageDeps): Promise<ReplayQueue> {
  const storage = await createStorageDriver(deps);
  const queue = await storage.openQueue();
  const close = queue.close.bind(queue);
  return Object.assign(queue, {
    async close() {
      await close();
      await storage.close();
    },
  });
}

/** A driver like that of the settings, with this queue in place of its own. */
export function storageWith(queue: Queue | ReplayQueue): CreateStorage {
  const withJobs: ReplayQueue =
    "replayJobs" in queue
      ? queue
      : {
          ...queue,
          replayJobs: memoryReplayJobs({ get: queue.get, replay: queue.replay, stored: () => [] }, () => []),
        };
  return async (deps) => ({
    ...(await createStorageDriver(deps)),
    openQueue: () => Promise.resolve(withJobs),
  });
}
