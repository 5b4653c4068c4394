import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "../../../../lib/clock.ts";
import {
  durabilityChecks,
  hasWaitAof,
  needsWaitAof,
  parseInfo,
  type RedisFacts,
} from "../../../../relay/storage/redis/durability.ts";
import { eventually } from "../../../helpers/eventually.ts";
import { newEvent, toTarget } from "../../../helpers/queue-contract.ts";
import { startRig, type RedisRig } from "../../../helpers/redis-queue.ts";
import { hasRedis } from "../../../helpers/redis-server.ts";
import { freePort } from "../../../helpers/free-port.ts";

const DURABLE: RedisFacts = {
  version: "7.0.15",
  role: "master",
  appendOnly: "yes",
  appendFsync: "always",
  maxMemoryPolicy: "noeviction",
  aofLastWrite: "ok",
  loading: false,
};

/** Names of the checks that do not hold. */
function wrong(changes: Partial<RedisFacts>, { waitAof = false, required = true } = {}): string[] {
  return durabilityChecks({ ...DURABLE, ...changes }, waitAof, required).flatMap(({ name, ok }) =>
    ok ? [] : [name],
  );
}

describe("durabilityChecks()", () => {
  test("have nothing to say of a server that keeps what it acknowledges", () => {
    expect(wrong({})).toEqual([]);
  });

  test.each<[string, Partial<RedisFacts>]>([
    ["redis-appendonly", { appendOnly: "no" }],
    ["redis-appendonly", { appendOnly: null }],
    ["redis-appendfsync", { appendFsync: "everysec" }],
    ["redis-appendfsync", { appendFsync: "no" }],
    ["redis-appendfsync", { appendFsync: null }],
    ["redis-eviction", { maxMemoryPolicy: "allkeys-lru" }],
    ["redis-eviction", { maxMemoryPolicy: "volatile-ttl" }],
    ["redis-eviction", { maxMemoryPolicy: null }],
    ["redis-role", { role: "slave" }],
  ])("name %s where it is %j, unless that is accepted", (name, changes) => {
    expect(wrong(changes)).toContain(name);
    expect(wrong(changes, { required: false })).toEqual([]);
  });

  test("name a failed write of the append-only file and a server that still loads, accepted or not", () => {
    expect(wrong({ aofLastWrite: "err" }, { required: false })).toEqual(["redis-aof-write"]);
    expect(wrong({ loading: true }, { required: false })).toEqual(["redis-loaded"]);
    expect(wrong({ appendOnly: "no", aofLastWrite: "err" }, { required: false })).toEqual([]);
  });

  test("take everysec and no where the relay waits for the sync itself", () => {
    for (const appendFsync of ["everysec", "no", null])
      expect(wrong({ appendFsync }, { waitAof: true })).toEqual([]);
    expect(wrong({ appendOnly: "no", appendFsync: "everysec" }, { waitAof: true })).toContain(
      "redis-appendfsync",
    );
  });
});

describe("needsWaitAof()", () => {
  test("is needed unless Redis syncs before it answers, and no use without an append-only file", () => {
    expect(needsWaitAof(DURABLE, true)).toBe(false);
    expect(needsWaitAof({ ...DURABLE, appendFsync: "everysec" }, true)).toBe(true);
    expect(needsWaitAof({ ...DURABLE, appendFsync: "everysec" }, false)).toBeNull();
    expect(needsWaitAof({ ...DURABLE, appendOnly: "no" }, true)).toBeNull();
  });
});

describe("hasWaitAof()", () => {
  test.each([
    ["redis_version:6.2.14", false],
    ["redis_version:7.0.15", false],
    ["redis_version:7.2.0", true],
    ["redis_version:8.2.1", true],
    ["redis_version:7.2.4\r\nvalkey_version:8.1.0", true],
    ["uptime_in_seconds:1", false],
  ])("%j: %s", (info, expected) => {
    expect(hasWaitAof(parseInfo(`# Server\r\n${info}\r\n`))).toBe(expected);
  });
});

describe.runIf(hasRedis)("checks() of the Redis queue", () => {
  let rig: RedisRig;

  const waitAof = async (): Promise<boolean> => hasWaitAof(parseInfo(await rig.inspect.info("server")));

  beforeAll(async () => {
    rig = await startRig();
  });
  afterEach(async () => {
    for (const [name, value] of [
      ["appendonly", "yes"],
      ["appendfsync", "always"],
      ["maxmemory-policy", "noeviction"],
      ["replica-read-only", "yes"],
    ] as const)
      await rig.inspect.config("SET", name, value);
    await rig.inspect.replicaof("NO", "ONE");
    await rig.clear();
  });
  afterAll(() => rig.close());

  test.each([
    ["appendonly", "no", "redis-appendonly"],
    ["appendfsync", "everysec", "redis-appendfsync"],
    ["maxmemory-policy", "allkeys-lru", "redis-eviction"],
  ])("see at the start that %s is %s, and later that it is mended", async (setting, value, name) => {
    await rig.inspect.config("SET", setting, value);
    const { queue } = await rig.open({ clock: systemClock });
    const found = queue.checks().flatMap((check) => (check.ok ? [] : [check.name]));
    expect(found.includes(name)).toBe(setting !== "appendfsync" || !(await waitAof()));
    const { queue: content } = await rig.open({ clock: systemClock, redis: { requireDurable: false } });
    expect(content.checks().filter(({ ok }) => !ok)).toEqual([]);
    expect(await content.enqueue(newEvent("accepted loss"))).toMatchObject({ status: "accepted" });
    await rig.inspect
      .config("SET", setting, setting === "maxmemory-policy" ? "noeviction" : "yes")
      .catch(() => {});
    await rig.inspect.config("SET", "appendfsync", "always");
    await queue.selfCheck();
    expect(queue.checks().filter(({ ok }) => !ok)).toEqual([]);
  });

  test("say where replicas are to be waited for, and this Redis cannot", async () => {
    const { queue } = await rig.open({ clock: systemClock, redis: { waitReplicas: 1 } });
    const expected = (await waitAof()) ? [] : ["redis-replicas"];
    expect(queue.checks().flatMap(({ name, ok }) => (ok ? [] : [name]))).toEqual(expected);
  });

  test("see a replica; one that takes writes is accepted where durability is not required", async () => {
    const { queue } = await rig.open({ clock: systemClock });
    const { queue: content } = await rig.open({ clock: systemClock, redis: { requireDurable: false } });
    await rig.inspect.config("SET", "replica-read-only", "no");
    await rig.inspect.replicaof("127.0.0.1", await freePort());
    await queue.selfCheck();
    await content.selfCheck();
    expect(queue.checks().flatMap(({ name, ok }) => (ok ? [] : [name]))).toEqual(["redis-role"]);
    expect(content.checks().filter(({ ok }) => !ok)).toEqual([]);
  });

  test("are looked at anew when the connection is, before anything is written over it", async () => {
    const { queue, proxy } = await rig.open({ clock: systemClock });
    queue.setRouting(toTarget("a"), ["a"]);
    expect(queue.checks().filter(({ ok }) => !ok)).toEqual([]);
    await rig.inspect.config("SET", "maxmemory-policy", "allkeys-lru");
    proxy.cut();
    await eventually(() => queue.checks().some(({ name, ok }) => name === "redis-eviction" && !ok));
  });
});
