import { afterAll, beforeAll, describe } from "vitest";
import { systemClock } from "../../../../lib/clock.ts";
import { silentLog } from "../../../../lib/log.ts";
import { configSchema } from "../../../../relay/config/schema.ts";
import { createStorageDriver } from "../../../../relay/storage/open.ts";
import { auditContract } from "../../../helpers/audit-contract.ts";
import { DURABLE, hasRedis, startRedis, type RedisServer } from "../../../helpers/redis-server.ts";

describe.runIf(hasRedis)(`redis${hasRedis ? "" : " (redis-server is not installed)"}`, () => {
  let redis: RedisServer;
  let count = 0;
  beforeAll(async () => {
    redis = await startRedis(DURABLE);
  });
  afterAll(() => redis.close());

  auditContract(async () => {
    count += 1;
    const { queue } = configSchema.parse({
      queue: { driver: "redis", redis: { url: redis.url, prefix: `audit-${count}` } },
    });
    const driver = await createStorageDriver({
      clock: systemClock,
      log: silentLog,
      random: Math.random,
      onSync: () => {},
      settings: () => queue,
    });
    return {
      trail: await driver.openAuditTrail(),
      reopen: () => driver.openAuditTrail(),
      close: () => driver.close(),
    };
  });
});
