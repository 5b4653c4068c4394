import { afterEach, describe, expect, test } from "vitest";
import type { StorageProbe } from "../../../../relay/storage/driver.ts";
import { DURABLE, hasRedis, startRedis, type RedisServer } from "../../../helpers/redis-server.ts";
import { openDriver } from "../../../helpers/storage.ts";

describe.runIf(hasRedis)(`probeRedis()${hasRedis ? "" : " (redis-server is not installed)"}`, () => {
  let redis: RedisServer | null = null;
  afterEach(() => redis?.close());

  async function probe(settings: Readonly<Record<string, string>>): Promise<StorageProbe> {
    redis = await startRedis(settings);
    const driver = await openDriver({ driver: "redis", redis: { url: redis.url } });
    const probed = await driver.probe();
    await driver.close();
    return probed;
  }

  test("measures a write of a durable Redis", async () => {
    const { checks, syncMs } = await probe(DURABLE);
    expect(checks.filter(({ ok }) => !ok)).toEqual([]);
    expect(syncMs).toBeGreaterThan(0);
  });

  test("says what makes a Redis lose events", async () => {
    const { checks, syncMs } = await probe({ appendonly: "no" });
    expect(checks).toContainEqual(expect.objectContaining({ name: "redis-appendonly", ok: false }));
    expect(syncMs).toBeNull();
  });
});
