import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { auditContract, auditNote } from "../../../helpers/audit-contract.ts";
import { DURABLE, hasRedis, startRedis, type RedisServer } from "../../../helpers/redis-server.ts";
import { openDriver } from "../../../helpers/storage.ts";

describe.runIf(hasRedis)(`redis${hasRedis ? "" : " (redis-server is not installed)"}`, () => {
  let redis: RedisServer;
  let count = 0;
  beforeAll(async () => {
    redis = await startRedis(DURABLE);
  });
  afterAll(() => redis.close());

  test("list() says that there is more behind as many entries as it looks at", async () => {
    const driver = await openDriver({ driver: "redis", redis: { url: redis.url, prefix: "audit-long" } });
    const trail = await driver.openAuditTrail();
    await trail.note(auditNote({ subject: "x" }));
    const client = new Redis(redis.url);
    const [key = ""] = await client.keys("*audit-long*:audit");
    const others = client.pipeline();
    const note = JSON.stringify(auditNote({ subject: "y" }));
    for (let n = 0; n < 20_000; n += 1) others.xadd(key, "*", "note", note);
    await others.exec();
    await client.quit();
    const first = await trail.list({ limit: 4, subject: "x" });
    expect([first.entries, first.cursor]).toEqual([[], expect.any(String)]);
    const second = await trail.list({ limit: 4, subject: "x", before: first.cursor! });
    expect([second.entries.length, second.cursor]).toEqual([1, null]);
    await driver.close();
  });

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
