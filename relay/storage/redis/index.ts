/**
 * The storage driver of many relays on one Redis. Queue, activity, heartbeat and secrets share one connection, which is opened with the first
 * of them and closed with the driver.
 */
import { UpstreamError } from "../../../lib/errors.ts";
import type { StorageDeps, StorageDriver } from "../driver.ts";
import { refuseMarked } from "../migration/port.ts";
import { createRedisActivityStore } from "./activity-store.ts";
import { createRedisAuditTrail } from "./audit-trail.ts";
import { openRedis, type RedisConnection } from "./connection.ts";
import { createRedisHeartbeat } from "./heartbeat.ts";
import { createFilesLastHour } from "../files/last-hour.ts";
import { unguarded } from "../files/small-files.ts";
import { markKey, openRedisMigration, readRedisMark } from "./migration.ts";
import { createRedisRecoveryNotes, redisRecoveryInstances } from "./recovery-notes.ts";
import { probeRedis } from "./probe.ts";
import { createRedisSecrets } from "./secrets.ts";
import { openRedisQueue } from "./queue.ts";

export function createRedisDriver(deps: StorageDeps): StorageDriver {
  let opening: Promise<RedisConnection> | null = null;
  const connection = (): Promise<RedisConnection> =>
    (opening ??= openRedis(deps.settings().redis, deps.log, deps.random));
  return {
    place: { queue: "redis" },
    async openQueue() {
      const redis = await connection();
      await refuseMigrated(redis);
      return openRedisQueue(redis, deps);
    },
    openActivityStore: async () => createRedisActivityStore(await connection()),
    hasActivity: async () => true,
    migrationMark: async () => readRedisMark(await connection()),
    openMigration: async () => openRedisMigration(await connection(), deps),
    openHeartbeat: async () => createRedisHeartbeat(await connection()),
    openAuditTrail: async () => createRedisAuditTrail(await connection()),
    openRecoveryNotes: async (instance) => createRedisRecoveryNotes(await connection(), instance),
    recoveryInstances: async () => redisRecoveryInstances(await connection()),
    openLastHour: async () => createFilesLastHour(deps.settings().fs.base, unguarded),
    openSecrets: async () => createRedisSecrets(await connection(), deps.settings().fs.base),
    disk: () => Promise.resolve(null),
    probe: () => probeRedis(connection, deps),
    async close() {
      await (await opening)?.close();
    },
  };
}

/** A Redis that is out of reach now is no reason not to start. */
async function refuseMigrated(redis: RedisConnection): Promise<void> {
  try {
    refuseMarked(await readRedisMark(redis), "queue.redis", `remove the key "${markKey(redis)}"`);
  } catch (error) {
    if (!(error instanceof UpstreamError)) throw error;
  }
}
