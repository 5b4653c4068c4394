/**
 * The storage driver of many relays on one Redis. Queue, activity, heartbeat and secrets share one connection, which is opened with the first
 * of them and closed with the driver.
 */
import type { StorageDeps, StorageDriver } from "../driver.ts";
import { createRedisActivityStore } from "./activity-store.ts";
import { createRedisAuditTrail } from "./audit-trail.ts";
import { openRedis, type RedisConnection } from "./connection.ts";
import { createRedisHeartbeat } from "./heartbeat.ts";
import { createFilesLastHour } from "../files/last-hour.ts";
import { createRedisRecoveryNotes } from "./recovery-notes.ts";
import { probeRedis } from "./probe.ts";
import { createRedisSecrets } from "./secrets.ts";
import { openRedisQueue } from "./queue.ts";

export function createRedisDriver(deps: StorageDeps): StorageDriver {
  let opening: Promise<RedisConnection> | null = null;
  const connection = (): Promise<RedisConnection> =>
    (opening ??= openRedis(deps.settings().redis, deps.log, deps.random));
  return {
    place: { queue: "redis" },
    openQueue: async () => openRedisQueue(await connection(), deps),
    openActivityStore: async () => createRedisActivityStore(await connection()),
    openHeartbeat: async () => createRedisHeartbeat(await connection()),
    openAuditTrail: async () => createRedisAuditTrail(await connection()),
    openRecoveryNotes: async () => createRedisRecoveryNotes(await connection()),
    openLastHour: async () => createFilesLastHour(deps.settings().fs.base),
    openSecrets: async () => createRedisSecrets(await connection(), deps.settings().fs.base),
    disk: () => Promise.resolve(null),
    probe: () => probeRedis(connection, deps),
    async close() {
      await (await opening)?.close();
    },
  };
}
