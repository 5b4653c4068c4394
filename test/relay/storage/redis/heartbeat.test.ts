import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { silentLog } from "../../../../lib/log.ts";
import { openMark } from "../../../../relay/storage/open-heartbeat.ts";
import { configSchema } from "../../../../relay/config/schema.ts";
import { DURABLE, hasRedis, startRedis, type RedisServer } from "../../../helpers/redis-server.ts";

describe.runIf(hasRedis)(`createRedisMark()${hasRedis ? "" : " (redis-server is not installed)"}`, () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedis(DURABLE);
  });
  afterAll(() => redis.close());

  test("relays that share a Redis share the note", async () => {
    const { queue } = configSchema.parse({ queue: { driver: "redis", redis: { url: redis.url } } });
    const deps = { log: silentLog, random: Math.random };
    const [one, other] = [await openMark(queue, deps), await openMark(queue, deps)];
    expect(await one.read()).toBeNull();
    await one.write(1_700_000_000_000);
    expect(await other.read()).toBe(1_700_000_000_000);
    await other.close();
    await redis.kill();
    await expect(one.write(1_700_000_005_000)).rejects.toMatchObject({ code: "storage" });
    await one.close();
  });
});
