import { readFileSync } from "node:fs";
import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "../../../../lib/clock.ts";
import { configSchema } from "../../../../relay/config/schema.ts";
import { createRedisActivityStore } from "../../../../relay/storage/redis/activity-store.ts";
import { openRedis } from "../../../../relay/storage/redis/connection.ts";
import { connectionOptions, credentialsOf } from "../../../../relay/storage/redis/options.ts";
import type { ReplayJob, ReplayLease, ReplayQueue } from "../../../../relay/queue/replay-job.ts";
import { silentLog } from "../../../../lib/log.ts";
import { auditNote } from "../../../helpers/audit-contract.ts";
import { openDriver } from "../../../helpers/storage.ts";
import { eventually } from "../../../helpers/eventually.ts";
import { attempt, newEvent, toTarget } from "../../../helpers/queue-contract.ts";
import { replaySet } from "../../../helpers/replay-set.ts";
import { startRig, type RedisRig } from "../../../helpers/redis-queue.ts";
import { hasRedis } from "../../../helpers/redis-server.ts";

const event = (key: string): ReturnType<typeof newEvent> => newEvent(key, { receivedAt: Date.now() });

/** What a relay asks of Redis for a replay job. */
async function aJob({ replayJobs: jobs }: ReplayQueue): Promise<void> {
  const set = { filter: {}, targets: ["a"], upTo: await jobs.newestEvent() };
  const expected = await jobs.count(set, 5000);
  const made = { id: "job", createdAt: 1, createdBy: "alice", ratePerSecond: null, parts: ["a"] };
  await jobs.create({ ...set, ...made, expected });
  const lease = (await jobs.lease(5000)) as ReplayLease;
  expect(await lease.renew()).toBe(true);
  const [job] = (await jobs.active()) as [ReplayJob];
  expect(await jobs.step({ job, part: job.parts[0]!, limit: 10, lease })).toMatchObject({ queued: 2 });
  expect(await jobs.follow(job, "a")).toMatchObject({ open: 2 });
  await lease.release();
  expect(await jobs.change("job", ["running"], "cancelled", 2)).toBe(true);
  expect(await jobs.list()).toHaveLength(1);
  await jobs.remove("job");
}

/** Everything that a relay asks of Redis. */
async function everything(queue: ReplayQueue): Promise<void> {
  queue.setRouting((meta) => [{ target: "a", lane: meta.deliveryId === "laned" ? "x" : null }], ["a"]);
  const { id } = await queue.enqueue(event("one"));
  await queue.enqueue(event("laned"));
  expect(await queue.known(["one", "two"])).toEqual(["one"]);
  const claims = await queue.claim("a", { first: 10, retry: 10 });
  expect(claims).toHaveLength(2);
  const at = Date.now();
  await claims[0]!.settle({ outcome: "dead", at, attempt: attempt(at), reason: "gone" });
  await claims[1]!.settle({ outcome: "retry", at, attempt: attempt(at), dueAt: at });
  expect(await replaySet(queue, {})).toBe(1);
  expect(await queue.replay(id, null)).toEqual(["a"]);
  await aJob(queue);
  await queue.setPaused("a", true);
  await queue.setPaused("a", false);
  expect((await queue.list({}, 10, null)).events).toHaveLength(2);
  expect(await queue.body(id)).not.toBeNull();
  expect((await queue.stats()).byState).toMatchObject({ waiting: 2 });
  queue.setRouting(() => [], ["b"]);
  expect(await queue.move("a", "b")).toBe(2);
  await queue.expire();
  expect(await queue.expire()).toBe(0);
  await queue.selfCheck();
  expect(queue.checks().filter(({ ok }) => !ok)).toEqual([]);
  expect(await queue.remove(id)).toBe(true);
}

/** Everything that is kept beside the queue, and what a migration asks. */
async function everythingElse(url: string): Promise<void> {
  const driver = await openDriver({ driver: "redis", redis: { url } });
  const audit = await driver.openAuditTrail();
  await audit.answered(await audit.note(auditNote()), 200);
  await audit.replaceAll(audit.all());
  await audit.expire(Date.now() + 86_400_000);
  const notes = await driver.openRecoveryNotes("default");
  await notes.add({ since: 1, until: 2, cause: "away" });
  await notes.settle(2, "{}");
  await (await notes.lease(1000))?.release();
  const secrets = await driver.openSecrets();
  await secrets.increment("session-epoch");
  expect(await secrets.counters("session-epoch")).toEqual(new Map([["session-epoch", 1]]));
  const heartbeat = await driver.openHeartbeat();
  await heartbeat.write(Date.now());
  await expect(driver.openMigration("source")).rejects.toThrow("a relay uses the keys");
  await driver.close();
}

describe.runIf(hasRedis)("the way to Redis", () => {
  let rig: RedisRig;

  beforeAll(async () => {
    rig = await startRig();
  });
  afterEach(() => rig.clear());
  afterAll(() => rig.close());

  test("docs/redis.md names every right that a user of the relay needs, and no more keys than its own", async () => {
    const docs = readFileSync(new URL("../../../../docs/redis.md", import.meta.url), "utf8");
    const rule = /ACL SETUSER relay (.+)/.exec(docs)?.[1] ?? "";
    expect(rule).toContain(">PASSWORD");
    // WAITAOF is not known to servers before 7.2.
    const rights = rule.split(" ").filter((right) => right !== "+waitaof");
    await rig.inspect.acl("SETUSER", "relay", ...rights.map((r) => r.replace("PASSWORD", "s3cret:@/")));
    const log: string[] = [];
    const { queue } = await rig.open({
      clock: systemClock,
      credentials: `relay:${encodeURIComponent("s3cret:@/")}@`,
      path: "/3",
      log: { ...silentLog, warn: (name) => log.push(name), error: (name) => log.push(name) },
    });
    await everything(queue);
    await everythingElse(`redis://relay:${encodeURIComponent("s3cret:@/")}@127.0.0.1:${rig.server.port}/3`);
    const refused = (await rig.inspect.acl("LOG")) as unknown[];
    expect(refused).toEqual([]);
    expect(log).toEqual([]);
    expect(await rig.inspect.info("keyspace")).toMatch(/^db3:/m);
    expect(await rig.inspect.info("keyspace")).not.toMatch(/^db0:/m);

    const url = `redis://relay:${encodeURIComponent("s3cret:@/")}@127.0.0.1:${rig.server.port}`;
    const user = new Redis(url, { lazyConnect: true });
    await expect(user.set("other", "1")).rejects.toThrow("NOPERM");
    await expect(user.flushall()).rejects.toThrow("NOPERM");
    await expect(user.config("SET", "appendonly", "no")).rejects.toThrow("NOPERM");
    user.disconnect();
  });

  test("a user without rights gets an answer that names what is missing, and no password anywhere", async () => {
    await rig.inspect.acl("SETUSER", "poor", "on", ">hush-hush", "~{relay}*", "&{relay}*", "+ping", "+info");
    const { queue } = await rig.open({ clock: systemClock, credentials: "poor:hush-hush@" });
    await expect(queue.enqueue(event("one"))).rejects.toMatchObject({
      code: "storage",
      message: expect.stringMatching(/lacks a right \(NOPERM\).*'evalsha'/) as string,
    });
    const lines: string[] = [];
    const note = (...args: unknown[]): void => void lines.push(JSON.stringify(args));
    const { queue: wrong } = await rig.open({
      clock: systemClock,
      credentials: "poor:hush-hush-not@",
      log: { ...silentLog, warn: note, info: note, error: note },
    });
    await expect(wrong.enqueue(event("one"))).rejects.toMatchObject({ code: "storage" });
    expect(wrong.checks().filter(({ ok }) => ok)).toEqual([]);
    expect(lines.join("\n")).toContain("WRONGPASS");
    expect(lines.join("\n") + JSON.stringify(wrong.checks())).not.toContain("hush-hush");
  });

  test("queues with different prefixes share a server and see nothing of each other", async () => {
    const { queue: one } = await rig.open({ clock: systemClock });
    const { queue: other } = await rig.open({ clock: systemClock, redis: { prefix: "other.relay" } });
    await one.enqueue(event("one"));
    expect(await other.enqueue(event("one"))).toMatchObject({ status: "accepted" });
    expect((await one.stats()).events).toBe(1);
    const keys = await rig.inspect.keys("*");
    expect(keys.filter((key) => !/^\{(relay|other\.relay)\}:/.test(key))).toEqual([]);
  });

  test("activity is kept through the same connection, under the same prefix", async () => {
    const { proxy } = await rig.open({ clock: systemClock });
    const { redis } = configSchema.parse({
      queue: { redis: { url: `redis://127.0.0.1:${proxy.port}` } },
    }).queue;
    const connection = await openRedis(redis, silentLog, Math.random);
    const store = createRedisActivityStore(connection);
    await store.add([], 42);
    expect(await store.mark()).toBe(42);
    expect(await rig.inspect.keys("*mark*")).toEqual(["{relay}:activity:mark"]);
    await connection.close();
  });

  test("bodies and metadata can be read through unstorage's driver", async () => {
    const { queue, proxy } = await rig.open({ clock: systemClock });
    const { id } = await queue.enqueue(newEvent("one", { receivedAt: Date.now() }, '{"text":"plain"}'));
    const { redis } = configSchema.parse({
      queue: { redis: { url: `redis://127.0.0.1:${proxy.port}` } },
    }).queue;
    const connection = await openRedis(redis, silentLog, Math.random);
    expect(await connection.storage.getKeys("event")).toEqual([`event:${id}`]);
    const stored = await connection.storage.getItem<string>(`event:${id}`, {});
    expect(String(stored)).toContain('{"text":"plain"}');
    await connection.close();
  });

  test("a server of 7.4 with everysec: each event goes with a WAITAOF behind it, and is refused where that times out", async () => {
    await rig.inspect.config("SET", "appendfsync", "everysec");
    // Redis 7.0 (Debian's) behind a way that calls it 7.4 and answers WAITAOF in its place.
    let synced = 1;
    const waits: string[] = [];
    const rewrite = {
      toClient: (chunk: Buffer) =>
        Buffer.from(
          chunk.toString("latin1").replace(/redis_version:7\.\d\./, "redis_version:7.4."),
          "latin1",
        ),
      toServer: (chunk: Buffer) =>
        Buffer.from(
          chunk.toString("latin1").replace(/\*4\r\n\$7\r\nWAITAOF\r\n(?:\$\d+\r\n\d+\r\n){3}/g, (command) => {
            waits.push(
              command
                .split("\r\n")
                .filter((part) => /^\d/.test(part))
                .join(" "),
            );
            return `*3\r\n$4\r\nEVAL\r\n$13\r\nreturn {${synced}, 0}\r\n$1\r\n0\r\n`;
          }),
          "latin1",
        ),
    };
    try {
      const { queue } = await rig.open({ clock: systemClock, rewrite });
      queue.setRouting(toTarget("a"), ["a"]);
      expect(queue.checks().filter(({ ok }) => !ok)).toEqual([]);
      expect(queue.checks().find(({ name }) => name === "redis-appendfsync")?.detail).toMatch(/WAITAOF/);
      const answers = await Promise.all(["one", "two", "three"].map((key) => queue.enqueue(event(key))));
      expect(answers.map(({ status }) => status)).toEqual(["accepted", "accepted", "accepted"]);
      expect(waits).toEqual(["1 0 3500"]);
      expect(await queue.enqueue(event("one"))).toMatchObject({ status: "duplicate" });
      expect(waits).toHaveLength(2);
      synced = 0;
      await expect(queue.enqueue(event("four"))).rejects.toThrow("did not sync");
      synced = 1;
      expect(await queue.enqueue(event("four"))).toMatchObject({ status: "duplicate" });
      await eventually(async () => (await queue.claim("a", { first: 10, retry: 10 })).length > 0);
    } finally {
      await rig.inspect.config("SET", "appendfsync", "always");
    }
  });
});

describe("credentialsOf()", () => {
  test("reads user, password, database and encryption out of the URL", () => {
    expect(credentialsOf("redis://h:6379")).toEqual({});
    expect(credentialsOf("redis://:p%40ss@h/2")).toEqual({ password: "p@ss", db: 2 });
    expect(credentialsOf("rediss://user:pw@h:1/")).toEqual({ username: "user", password: "pw", tls: {} });
  });
});

describe("connectionOptions()", () => {
  test("come back after 50 ms at first and 2 s at most, at random within the half", () => {
    const waits = (random: number): number[] =>
      [1, 2, 5, 50].map((times) => connectionOptions(() => random).retryStrategy(times));
    expect(waits(1)).toEqual([100, 200, 1600, 2000]);
    expect(waits(0)).toEqual([50, 100, 800, 1000]);
  });

  test("look for another server at READONLY, but not more often than every few seconds", () => {
    const { reconnectOnError } = connectionOptions(() => 0);
    expect(reconnectOnError(new Error("OOM command not allowed"))).toBe(false);
    expect(reconnectOnError(new Error("READONLY You can't write against a read only replica."))).toBe(true);
    expect(reconnectOnError(new Error("READONLY You can't write against a read only replica."))).toBe(false);
  });
});
