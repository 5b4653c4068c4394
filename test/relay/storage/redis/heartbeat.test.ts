import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { silentLog } from "../../../../lib/log.ts";
import { systemClock } from "../../../../lib/clock.ts";
import { createRedisDriver } from "../../../../relay/storage/redis/index.ts";
import { configSchema } from "../../../../relay/config/schema.ts";
import { DURABLE, hasRedis, startRedis, type RedisServer } from "../../../helpers/redis-server.ts";

describe.runIf(hasRedis)(
  `createRedisHeartbeat()${hasRedis ? "" : " (redis-server is not installed)"}`,
  () => {
    let redis: RedisServer;
    beforeAll(async () => {
      redis = await startRedis(DURABLE);
    });
    afterAll(() => redis.close());

    test("relays that share a Redis share the note", async () => {
      const { queue } = configSchema.parse({ queue: { driver: "redis", redis: { url: redis.url } } });
      const deps = {
        clock: systemClock,
        log: silentLog,
        random: Math.random,
        onSync: () => {},
        settings: () => queue,
      };
      const drivers = [createRedisDriver(deps), createRedisDriver(deps)] as const;
      const [one, other] = [await drivers[0].openHeartbeat(), await drivers[1].openHeartbeat()];
      expect(await one.read()).toBeNull();
      await one.write(1_700_000_000_000);
      expect(await other.read()).toBe(1_700_000_000_000);
      await drivers[1].close();
      await redis.kill();
      await expect(one.write(1_700_000_005_000)).rejects.toMatchObject({ code: "storage" });
      await drivers[0].close();
    });
  },
);
