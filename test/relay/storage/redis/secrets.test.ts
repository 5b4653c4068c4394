import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DURABLE, hasRedis, startRedis, type RedisServer } from "../../../helpers/redis-server.ts";
import { openDriver } from "../../../helpers/storage.ts";

describe.runIf(hasRedis)(`createRedisSecrets()${hasRedis ? "" : " (redis-server is not installed)"}`, () => {
  let redis: RedisServer;
  let folder: string;
  beforeAll(async () => {
    redis = await startRedis(DURABLE);
    folder = await mkdtemp(join(tmpdir(), "relay-secrets-"));
  });
  afterAll(async () => {
    await redis.close();
    await rm(folder, { recursive: true, force: true });
  });

  test("relays that share a Redis share what they make; each has a copy in its folder, if that can be written", async () => {
    const open = async (base: string) => {
      const driver = await openDriver({ driver: "redis", redis: { url: redis.url }, fs: { base } });
      return { driver, ...(await driver.openSecrets()) };
    };
    const [a, b] = [join(folder, "a"), join(folder, "b")];
    await writeFile(join(folder, "no-folder"), "");
    const all = await Promise.all([open(a), open(b), open(join(folder, "no-folder"))]);
    const made = await Promise.all(all.map((secrets, n) => secrets.ensure("one", () => `made-${n}`)));
    expect(new Set(made.map(({ value }) => value)).size).toBe(1);
    expect(made.filter(({ isNew }) => isNew)).toHaveLength(1);
    expect(made.map(({ file }) => file)).toEqual([join(a, "one"), join(b, "one"), null]);
    expect(made[2]!.place).toBe("the key {relay}:secret:one of Redis");
    expect(await readFile(join(b, "one"), "utf8")).toBe(`${made[0]!.value}\n`);
    expect([await all[0]!.count("n"), await all[0]!.increment("n"), await all[1]!.count("n")]).toEqual([
      0, 1, 1,
    ]);
    // What a folder holds from a time before Redis goes on to hold.
    await writeFile(join(a, "two"), "from-before\n");
    expect((await all[0]!.ensure("two", () => "made")).value).toBe("from-before");
    await redis.kill();
    await expect(all[0]!.count("n")).rejects.toMatchObject({ code: "storage" });
    for (const { driver } of all) await driver.close();
  });
});
