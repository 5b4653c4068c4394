import { afterAll, beforeAll, describe } from "vitest";
import { systemClock } from "../../../../lib/clock.ts";
import { silentLog } from "../../../../lib/log.ts";
import { configSchema } from "../../../../relay/config/schema.ts";
import { createStorageDriver } from "../../../../relay/storage/open.ts";
import { recoveryNotesContract } from "../../../helpers/recovery-notes-contract.ts";
import { DURABLE, hasRedis, startRedis, type RedisServer } from "../../../helpers/redis-server.ts";

describe.runIf(hasRedis)(`redis${hasRedis ? "" : " (redis-server is not installed)"}`, () => {
  let redis: RedisServer;
  let count = 0;
  beforeAll(async () => {
    redis = await startRedis(DURABLE);
  });
  afterAll(() => redis.close());

  recoveryNotesContract(async () => {
    count += 1;
    const { queue } = configSchema.parse({
      queue: { driver: "redis", redis: { url: redis.url, prefix: `recovery-${count}` } },
    });
    const driver = await createStorageDriver({
      clock: systemClock,
      log: silentLog,
      random: Math.random,
      onSync: () => {},
      settings: () => queue,
    });
    return {
      notes: await driver.openRecoveryNotes(),
      reopen: () => driver.openRecoveryNotes(),
      close: () => driver.close(),
    };
  }, true);
});
