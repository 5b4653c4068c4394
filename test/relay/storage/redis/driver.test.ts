import redisDriver from "unstorage/drivers/redis";
import { afterAll, beforeAll, describe } from "vitest";
import { describeDriver } from "../../../helpers/driver-contract.ts";
import { startRig, type RedisRig } from "../../../helpers/redis-queue.ts";
import { hasRedis } from "../../../helpers/redis-server.ts";

describe.runIf(hasRedis)("unstorage's redis driver, with a base as the queue gives it", () => {
  let rig: RedisRig;

  beforeAll(async () => {
    rig = await startRig();
  });
  afterAll(() => rig.close());

  describeDriver({
    name: "redis",
    async place() {
      await rig.inspect.flushall();
      return {
        driver: () => redisDriver({ base: "{relay}", url: rig.server.url }),
        keeps: true,
        remove: () => rig.clear(),
      };
    },
  });
});
