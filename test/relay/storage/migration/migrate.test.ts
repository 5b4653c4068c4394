import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { silentLog } from "../../../../lib/log.ts";
import { configSchema } from "../../../../relay/config/schema.ts";
import { HISTORY_LENGTH, type Delivery } from "../../../../relay/queue/delivery-state.ts";
import type { EventPage, EventSummary, Router } from "../../../../relay/queue/queue.ts";
import type { ReplayJobs, ReplayQueue } from "../../../../relay/queue/replay-job.ts";
import type { StorageDriver } from "../../../../relay/storage/driver.ts";
import { emptyPage } from "../../../../relay/storage/fact-sheet.ts";
import { TRUST_MS } from "../../../../relay/storage/journal/lock.ts";
import { createStorageDriver } from "../../../../relay/storage/open.ts";
import { FakeClock } from "../../../helpers/clock.ts";
import { runCli, type CliRun } from "../../../helpers/cli.ts";
import { eventually } from "../../../helpers/eventually.ts";
import { attempt, newEvent } from "../../../helpers/queue-contract.ts";
import { hasRedis, startRedis, type RedisServer } from "../../../helpers/redis-server.ts";
import { openDriver } from "../../../helpers/storage.ts";

const ROOM = { first: 1000, retry: 1000 };
const HOUR_MS = 3_600_000;
const TARGETS = ["plain", "ordered", "down"];

/** `plain` and `down` have no lanes, `ordered` has one for each project; an event of kind "none" goes nowhere. */
const router: Router = Object.assign(
  (meta: { readonly kind: string | null; readonly projectId: number | null }) =>
    meta.kind === "none"
      ? []
      : TARGETS.map((target) => ({ target, lane: target === "ordered" ? String(meta.projectId) : null })),
  {
    laneOf: (meta: { readonly projectId: number | null }, target: string) =>
      target === "ordered" ? String(meta.projectId) : null,
  },
);

let server: RedisServer;
let redis: Redis;
let folder: string;

const files = (name: string): Promise<StorageDriver> =>
  openDriver({ driver: "fs", fs: { base: join(folder, name) } });
const onRedis = (name: string): Promise<StorageDriver> =>
  openDriver({ driver: "redis", fs: { base: join(folder, name) }, redis: { url: server.url } });

function run(from: string, to: string, data = "own"): Promise<CliRun> {
  return runCli(["migrate", "--from", from, "--to", to], { env: { RELAY_DATA_DIR: join(folder, data) } });
}

async function using<T>(
  driver: Promise<StorageDriver>,
  task: (queue: ReplayQueue, driver: StorageDriver) => Promise<T>,
): Promise<T> {
  const opened = await driver;
  const queue = await opened.openQueue();
  queue.setRouting(router, TARGETS);
  try {
    return await task(queue, opened);
  } finally {
    await queue.close();
    await opened.close();
  }
}

const JOB = "job-1";

/** Begins a replay job of the dead letters and leaves it after two of them, beside one that is over. */
async function beginReplay({ replayJobs }: ReplayQueue): Promise<void> {
  const set = {
    filter: { target: "plain" },
    targets: null,
    upTo: await replayJobs.newestEvent(),
    after: null,
  };
  const expected = await replayJobs.count(set, 10_000);
  for (const [id, createdAt] of [
    ["job-0", 1],
    [JOB, 2],
  ] as const)
    await replayJobs.create({
      ...set,
      id,
      createdAt,
      createdBy: "alice",
      ratePerSecond: 5,
      expected,
      parts: ["plain"],
    });
  await replayJobs.change("job-0", ["running"], "cancelled", 3);
  await stepReplay(replayJobs, 2);
  await replayJobs.change(JOB, ["running"], "paused", 4);
}

async function stepReplay(jobs: ReplayJobs, limit: number): Promise<void> {
  const [job, lease] = [await jobs.get(JOB), await jobs.lease(1000)];
  await jobs.step({ job: job!, part: job!.parts[0]!, limit, lease: lease! });
  await lease?.release();
}

/** A queue with everything in it that there can be. Returns the ids of the events, oldest first. */
async function fill(driver: Promise<StorageDriver>, events = 30): Promise<string[]> {
  return await using(driver, async (queue, storage) => {
    const ids: string[] = [];
    for (let at = 0; at < events; at += 1) {
      const kind = at % 10 === 9 ? "none" : "push";
      ids.push((await queue.enqueue(newEvent(`key-${at}`, { projectId: at % 3, kind }))).id);
    }
    await eventually(async () => (await queue.list({ state: "unrouted" }, 1, null)).events.length === 0);
    const now = Date.now();
    const plain = await queue.claim("plain", ROOM);
    for (const [index, claim] of plain.entries()) {
      if (index % 3 === 0) await claim.settle({ outcome: "done", at: now, attempt: attempt(now) });
      else if (index % 3 === 1)
        await claim.settle({
          outcome: "dead",
          at: now,
          attempt: attempt(now, { status: 422, error: "refused: ü" }),
          reason: "HTTP 422",
        });
      else
        await claim.settle({
          outcome: "retry",
          at: now,
          attempt: attempt(now, { status: 503 }),
          dueAt: now + HOUR_MS,
        });
    }
    // A target that is down for long, with a history that is as long as it gets.
    for (let round = 0; round < HISTORY_LENGTH + 1; round += 1)
      for (const claim of await queue.claim("down", { first: 1, retry: 1 }))
        await claim.settle({ outcome: "retry", at: now, attempt: attempt(now, { status: 500 }), dueAt: now });
    // The heads of the lanes: one ends and is replayed behind the others, one waits, one is left in the middle of being sent.
    const [first, second] = await queue.claim("ordered", ROOM);
    await first?.settle({ outcome: "done", at: now, attempt: attempt(now) });
    await second?.settle({ outcome: "retry", at: now, attempt: attempt(now), dueAt: now + HOUR_MS });
    await queue.replay(first?.meta.id ?? "", ["ordered"]);
    await queue.claim("ordered", { first: 1, retry: 0 });
    // A dead letter that two replays did not help.
    for (let round = 0; round < 2; round += 1) {
      await queue.replay(ids[7] ?? "", ["plain"]);
      const [claim] = await queue.claim("plain", { first: 1, retry: 0 });
      await claim?.settle({
        outcome: "dead",
        at: now,
        attempt: attempt(now, { status: 422 }),
        reason: "HTTP 422",
      });
    }
    await queue.replay(ids[1] ?? "", ["plain"]);
    await queue.enqueue(newEvent("key-2"));
    await queue.enqueue(newEvent("key-2"));
    await queue.remove(ids[4] ?? "");
    await queue.setPaused("down", true);
    await beginReplay(queue);
    const audit = await storage.openAuditTrail();
    for (const action of ["first", "second"]) {
      const note = {
        at: now,
        person: "alice",
        role: "operator",
        via: "token",
        client: "::1",
        action,
        subject: null,
        details: "",
      };
      const id = await audit.note(note);
      if (action === "second") await audit.answered(id, 204);
    }
    await audit.close();
    const activity = await storage.openActivityStore();
    const page = { ...emptyPage(), alice: { push: { one: 1, two: 2 } } };
    await activity.add([{ day: "2026-01-31", project: "acme/shop", page }], 17);
    await activity.close();
    const notes = await storage.openRecoveryNotes("default");
    await notes.add({ since: 1, until: 2, cause: "away" });
    await notes.settle(0, '{"delivered":1}');
    const ofPartner = await storage.openRecoveryNotes("partner");
    await ofPartner.add({ since: 3, until: 4, cause: "unavailable" });
    const secrets = await storage.openSecrets();
    await secrets.ensure("webhook-secret", () => "the-webhook-secret");
    await secrets.increment("session-epoch");
    const heartbeat = await storage.openHeartbeat();
    await heartbeat.write(1_700_000_000_123);
    await heartbeat.close();
    return ids;
  });
}

/** What a relay finds: all events with their deliveries and bodies, and the order in which an ordered target gets them. */
async function found(driver: Promise<StorageDriver>) {
  return await using(driver, async (queue, storage) => {
    const events: EventSummary[] = [];
    for (let cursor: string | null = null, isFirst = true; isFirst || cursor !== null; isFirst = false) {
      const page: EventPage = await queue.list({}, 1000, cursor);
      events.push(...page.events);
      ({ cursor } = page);
    }
    const bodies = await Promise.all(events.map(({ meta }) => queue.body(meta.id)));
    const duplicates = await Promise.all(events.map(({ meta }) => queue.duplicates(meta.id)));
    const { byState, targets } = await queue.stats();
    const counts = [...targets].map(([name, { waiting, sending, dead, paused, lanes }]) => [
      name,
      waiting,
      sending,
      dead,
      paused,
      lanes,
    ]);
    const byGitlabsId = (await queue.find("key-3")).map(({ meta }) => meta.id);
    expect(byGitlabsId).toHaveLength(1);
    const jobs = await queue.replayJobs.list();
    const open = await Promise.all(jobs.map((job) => queue.replayJobs.follow(job, "plain")));
    const known = await queue.known(["key-2", "key-4", "never"]);
    const audit = await storage.openAuditTrail();
    const entries = (await audit.list({ limit: 10 })).entries.map(({ id: _id, ...rest }) => rest);
    const notes = await storage.openRecoveryNotes("default");
    const secrets = await storage.openSecrets();
    const activity = await storage.openActivityStore();
    const rest = {
      entries,
      windows: await notes.windows(),
      ofPartner: await (await storage.openRecoveryNotes("partner")).windows(),
      result: await notes.lastResult(),
      secret: await secrets.find("webhook-secret"),
      epoch: await secrets.count("session-epoch"),
      facts: await activity.read("2026-01-31"),
      mark: await activity.mark(),
    };
    await activity.close();
    return {
      events: events.map(({ meta, state, deliveries }, index) => ({
        meta,
        state,
        deliveries: deliveries.map(withoutSpread),
        body: Buffer.from(bodies[index] ?? []).toString(),
        duplicates: duplicates[index],
      })),
      byState,
      jobs,
      open,
      counts: counts.toSorted(),
      known,
      byGitlabsId,
      ...rest,
    };
  });
}

/** What is due already is spread over some seconds by a start on files, and other times go through another clock. */
function withoutSpread(delivery: Delivery): Omit<Delivery, "dueAt"> & { readonly isDueSoon: boolean } {
  const { dueAt, ...rest } = delivery;
  return { ...rest, isDueSoon: (dueAt ?? 0) < Date.now() + HOUR_MS / 2 };
}

/** Every delivery that a target gets, in order, when all that waits is due. */
async function delivered(driver: Promise<StorageDriver>, target: string): Promise<string[]> {
  return await using(driver, async (queue) => {
    const sent: string[] = [];
    for (
      let claims = await queue.claim(target, ROOM);
      claims.length > 0;
      claims = await queue.claim(target, ROOM)
    )
      for (const claim of claims) {
        sent.push(`${claim.meta.id}:${claim.delivery.replay}`);
        await claim.settle({ outcome: "done", at: Date.now(), attempt: attempt(Date.now()) });
      }
    return sent;
  });
}

describe.skipIf(!hasRedis)("migrate", () => {
  beforeAll(async () => {
    server = await startRedis();
    redis = new Redis(server.url);
  });
  afterAll(async () => {
    redis.disconnect();
    await server.close();
  });
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "relay-migrate-"));
    await redis.flushall();
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  test("from files to Redis and back: a relay finds the same as before, to the byte", async () => {
    await fill(files("a"));
    const before = await found(files("a"));
    const there = await run(`file:${join(folder, "a")}`, server.url);
    expect(there.stderr).toContain("hold the same; 29 events were copied");
    expect(there.status).toBe(0);
    const { source, target } = JSON.parse(there.stdout) as Record<string, Record<string, number>>;
    expect(target).toEqual(source);
    expect(source).toMatchObject({
      events: 29,
      "remembered deliveries": 1,
      "events sent again": 1,
      "paused targets": 1,
      "replay jobs": 2,
      "activity facts": 2,
      "audit entries": 2,
      "recovery windows": 2,
    });
    expect(await found(onRedis("own"))).toEqual(before);

    const back = await run(server.url, `file:${join(folder, "b")}`);
    expect(back.stderr).toContain("hold the same; 29 events were copied");
    expect(await found(files("b"))).toEqual(before);
    expect(await readFile(join(folder, "b", "last-seen"), "utf8")).toBe(
      await redis.get("{relay}:last-seen").then((at) => `${at}\n`),
    );
  });

  test("keeps the order of each lane, replays included, both ways", async () => {
    await fill(files("a"));
    await run(`file:${join(folder, "a")}`, server.url);
    await run(server.url, `file:${join(folder, "b")}`);
    await redis.del("{relay}:migration");
    await rm(join(folder, "a", "migration.json"));
    const before = await delivered(files("a"), "ordered");
    expect(before.length).toBeGreaterThan(10);
    const perLane = async (
      sent: readonly string[],
      driver: Promise<StorageDriver>,
    ): Promise<Map<number, string[]>> =>
      await using(driver, async (queue) => {
        const lane = new Map<number, string[]>();
        for (const ref of sent) {
          const project = (await queue.get(ref.split(":")[0] ?? ""))?.meta.projectId ?? -1;
          lane.set(project, [...(lane.get(project) ?? []), ref]);
        }
        return lane;
      });
    const onceOnRedis = await delivered(onRedis("own"), "ordered");
    const onceBack = await delivered(files("b"), "ordered");
    expect(onceOnRedis.toSorted()).toEqual(before.toSorted());
    const expected = await perLane(before, files("a"));
    expect(await perLane(onceOnRedis, onRedis("own"))).toEqual(expected);
    expect(await perLane(onceBack, files("b"))).toEqual(expected);
  });

  test("a replay job goes on where it was, both ways", async () => {
    await fill(files("a"));
    const goesOn = (place: Promise<StorageDriver>) =>
      using(place, async ({ replayJobs }) => {
        const before = (await replayJobs.active())[0];
        expect(before).toMatchObject({ plan: { id: JOB }, state: "paused", parts: [{ queued: 2 }] });
        expect(await replayJobs.follow(before!, "plain")).toEqual({ open: 2, untried: 2 });
        await replayJobs.change(JOB, ["paused"], "running", 5);
        await stepReplay(replayJobs, 1000);
        const after = await replayJobs.get(JOB);
        expect(after?.parts).toMatchObject([{ queued: after?.plan.expected.deliveries, isScanned: true }]);
      });
    await run(`file:${join(folder, "a")}`, server.url);
    await run(server.url, `file:${join(folder, "b")}`);
    await redis.del("{relay}:migration");
    await goesOn(onRedis("own"));
    await goesOn(files("b"));
  });

  test("killed half-way, the same command goes on: nothing is doubled, nothing is lost", async () => {
    await fill(files("a"), 500);
    const before = await found(files("a"));
    const from = `file:${join(folder, "a")}`;
    const program = ["--import", "tsx", "cli/main.ts", "migrate", "--from", from, "--to", server.url];
    const env = { ...process.env, RELAY_DATA_DIR: join(folder, "own") };
    const child = spawn(process.execPath, program, { env, stdio: "ignore" });
    const ended = once(child, "exit");
    while (child.exitCode === null && (await redis.zcard("{relay}:events")) < 100);
    child.kill("SIGKILL");
    expect(await ended).toEqual([null, "SIGKILL"]);
    const copied = await redis.zcard("{relay}:events");
    expect(copied).toBeLessThan(before.events.length);

    await expect(using(onRedis("own"), async () => {})).rejects.toThrow("did not end: run it again");
    await expect(using(files("a"), async () => {})).rejects.toThrow("did not end: run it again");
    const again = await run(from, server.url);
    expect(again.status).toBe(0);
    expect(JSON.parse(again.stdout)).toMatchObject({ same: true, copied: 499 - copied });
    expect(await found(onRedis("own"))).toEqual(before);
    const third = await run(from, server.url);
    expect(third).toMatchObject({ status: 0, stdout: "" });
    expect(third.stderr).toContain("was migrated to");
  });

  test("leaves in the source what was there, and says at a start where it went", async () => {
    await fill(files("a"));
    await run(`file:${join(folder, "a")}`, server.url);
    await expect(using(files("a"), async () => {})).rejects.toThrow(
      /everything was migrated to redis:.*remove .*migration\.json/,
    );
    await rm(join(folder, "a", "migration.json"));
    expect((await found(files("a"))).events).toHaveLength(29);
  });

  test("refuses a storage that a relay has, a target that is not empty, and one with other secrets", async () => {
    await fill(files("a"));
    const from = `file:${join(folder, "a")}`;
    await using(files("a"), async () => {
      const refused = await run(from, server.url);
      expect(refused.status).toBe(2);
      expect(refused.stderr).toContain("One process at a time");
    });
    await using(onRedis("own"), async () => {
      const refused = await run(from, server.url);
      expect(refused.status).toBe(2);
      expect(refused.stderr).toContain("a relay uses the keys");
    });
    expect(await redis.get("{relay}:migration")).toBeNull();
    const secrets = await (await files("own")).openSecrets();
    await secrets.ensure("webhook-secret", () => "another-secret");
    const other = await run(from, server.url);
    expect(other.status).toBe(2);
    expect(other.stderr).toContain("its webhook-secret");
    await redis.flushall();
    await using(onRedis("other"), async (queue) => {
      await queue.enqueue(newEvent("there before"));
    });
    const full = await run(from, server.url, "other");
    expect(full.status).toBe(2);
    expect(full.stderr).toContain("it is not empty");
    expect(await readdir(join(folder, "a"))).not.toContain("migration.json");
  });

  test("a part of one migration is not taken for a part of another", async () => {
    await fill(files("a"));
    await fill(files("b"));
    await redis.set(
      "{relay}:migration",
      JSON.stringify({ id: "x", role: "target", isDone: false, other: "file:/z", at: 1 }),
    );
    const refused = await run(`file:${join(folder, "a")}`, server.url);
    expect(refused.status).toBe(2);
    expect(refused.stderr).toContain("a part of another migration, from file:/z");
  });

  test("exit status 1 and both counts if the two differ", async () => {
    await fill(files("a"));
    // As if somebody had written beside it: an event that the source does not have.
    await run(`file:${join(folder, "a")}`, server.url);
    const mark = JSON.parse(await readFile(join(folder, "a", "migration.json"), "utf8")) as Record<
      string,
      unknown
    >;
    await redis.set(
      "{relay}:migration",
      JSON.stringify({ ...mark, role: "target", isDone: false, other: "x" }),
    );
    const [id] = await redis.zrange("{relay}:dead", 0, 0);
    await redis.hdel(`{relay}:state:${id}`, "plain:0");
    const differing = await run(`file:${join(folder, "a")}`, server.url);
    expect(differing.status).toBe(1);
    expect(JSON.parse(differing.stdout)).toMatchObject({ same: false });
    expect(differing.stderr).toContain("do not hold the same");
    expect(await redis.get("{relay}:migration")).not.toBeNull();
  });
});

describe("migrate", () => {
  test("writes no mark into a folder that another process has taken", async () => {
    const base = await mkdtemp(join(tmpdir(), "relay-migrate-"));
    const clock = new FakeClock();
    const { queue } = configSchema.parse({ queue: { driver: "fs", fs: { base } } });
    const driver = await createStorageDriver({
      clock,
      log: silentLog,
      random: Math.random,
      onSync: () => {},
      settings: () => queue,
    });
    const side = await driver.openMigration("target");
    await rm(join(base, "lock"));
    await symlink("1_2_3_0123456789ab_abcdef_", join(base, "lock"));
    await clock.advance(TRUST_MS);
    const mark = { id: "m", role: "target", isDone: false, other: "redis", at: 0 } as const;
    await expect(side.setMark(mark)).rejects.toThrow("another process has taken the folder");
    expect(await driver.migrationMark()).toBeNull();
    await side.close().catch(() => {});
    await driver.close();
    await rm(base, { recursive: true });
  });

  test("names what is wrong with its places", async () => {
    expect(await runCli(["migrate"])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining("--from must be file:DIR") as string,
    });
    expect(await runCli(["migrate", "--from", "file:/a", "--to", "file:/b"])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining("use backup and restore") as string,
    });
    expect(await runCli(["migrate", "--from", "redis", "--to", "redis://h"])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining("its own replication") as string,
    });
  });
});
