/** Storage drivers as tests and benchmarks open them. */
import type { Queue } from "../../relay/queue/queue.ts";
import type { StorageDeps } from "../../relay/storage/driver.ts";
import { createStorageDriver, type CreateStorage } from "../../relay/storage/open.ts";

/** The queue of the driver that the settings name. Its close() closes the driver as well. */
export async function openQueue(deps: StorageDeps): Promise<Queue> {
  const storage = await createStorageDriver(deps);
  const queue = await storage.openQueue();
  return {
    ...queue,
    async close() {
      await queue.close();
      await storage.close();
    },
  };
}

/** A driver like that of the settings, with this queue in place of its own. */
export function storageWith(queue: Queue): CreateStorage {
  return async (deps) => ({ ...(await createStorageDriver(deps)), openQueue: () => Promise.resolve(queue) });
}
