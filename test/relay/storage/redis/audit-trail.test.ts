import { afterAll, beforeAll, describe } from "vitest";
import { auditContract } from "../../../helpers/audit-contract.ts";
import { DURABLE, hasRedis, startRedis, type RedisServer } from "../../../helpers/redis-server.ts";
import { openDriver } from "../../../helpers/storage.ts";

describe.runIf(hasRedis)(`redis${hasRedis ? "" : " (redis-server is not installed)"}`, () => {
  let redis: RedisServer;
  let count = 0;
  beforeAll(async () => {
    redis = await startRedis(DURABLE);
  });
  afterAll(() => redis.close());

  auditContract(async () => {
    count += 1;
    const driver = await openDriver({ driver: "redis", redis: { url: redis.url, prefix: `audit-${count}` } });
    return {
      trail: await driver.openAuditTrail(),
      reopen: () => driver.openAuditTrail(),
      close: () => driver.close(),
    };
  });
});
