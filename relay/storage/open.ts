/** Which storage driver the settings ask for: the one place that knows them all. */
import type { StorageDeps, StorageDriver } from "./driver.ts";
import { createFilesDriver } from "./files/index.ts";

export type CreateStorage = (deps: StorageDeps) => Promise<StorageDriver>;

/** The driver that `settings()` asks for now. Opens nothing yet. */
export const createStorageDriver: CreateStorage = async function createStorageDriver(deps) {
  const { driver } = deps.settings();
  switch (driver) {
    case "fs":
      return createFilesDriver(deps);
    case "redis": {
      // Loaded only if it is used: the client costs every start some 10 MB.
      const { createRedisDriver } = await import("./redis/index.ts");
      return createRedisDriver(deps);
    }
    default:
      return driver satisfies never;
  }
};
