import { afterAll, beforeAll, describe } from "vitest";
import { recoveryNotesContract } from "../../../helpers/recovery-notes-contract.ts";
import { DURABLE, hasRedis, startRedis, type RedisServer } from "../../../helpers/redis-server.ts";
import { openDriver } from "../../../helpers/storage.ts";

describe.runIf(hasRedis)(`redis${hasRedis ? "" : " (redis-server is not installed)"}`, () => {
  let redis: RedisServer;
  let count = 0;
  beforeAll(async () => {
    redis = await startRedis(DURABLE);
  });
  afterAll(() => redis.close());

  recoveryNotesContract(async () => {
    count += 1;
    const driver = await openDriver({
      driver: "redis",
      redis: { url: redis.url, prefix: `recovery-${count}` },
    });
    return {
      notes: await driver.openRecoveryNotes("default"),
      reopen: (instance = "default") => driver.openRecoveryNotes(instance),
      instances: () => driver.recoveryInstances(),
      close: () => driver.close(),
    };
  }, true);
});
