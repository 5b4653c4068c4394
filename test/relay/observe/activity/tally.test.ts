import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { silentLog, type LogFields } from "../../../../lib/log.ts";
import { startActivity, type Activity } from "../../../../relay/observe/activity/activity.ts";
import { factsOf } from "../../../../relay/observe/activity/facts.ts";
import { registerActivityGauges } from "../../../../relay/observe/activity/gauges.ts";
import { createFilesActivityStore } from "../../../../relay/storage/files/activity-store.ts";
import { createRedisActivityStore } from "../../../../relay/storage/redis/activity-store.ts";
import type { ActivityStore } from "../../../../relay/storage/activity-store.ts";
import { configSchema } from "../../../../relay/config/schema.ts";
import { everythingOf } from "../../../../relay/observe/activity/report.ts";
import { createMetrics } from "../../../../relay/observe/metrics.ts";
import { openRedis } from "../../../../relay/storage/redis/connection.ts";
import { MORNING, mergeRequest, metaOf, push, type SampleWebhook } from "../../../helpers/payloads.ts";
import { FakeClock } from "../../../helpers/clock.ts";
import { MemoryDisk, openMemoryJournal } from "../../../helpers/memory-journal.ts";
import { createMemoryQueue, type MemoryQueue } from "../../../helpers/memory-queue.ts";
import { hasRedis, startRedis, DURABLE } from "../../../helpers/redis-server.ts";

const today = everythingOf("2026-01-15", "2026-01-15");

let clock: FakeClock;
let queue: MemoryQueue;
let disk: MemoryDisk;
let lines: { event: string; fields: LogFields }[];
let config: ReturnType<typeof configSchema.parse>;
const open: Activity[] = [];

beforeEach(() => {
  clock = new FakeClock();
  queue = createMemoryQueue(() => clock.now());
  disk = new MemoryDisk();
  lines = [];
  config = configSchema.parse({});
});
afterEach(async () => {
  for (const activity of open.splice(0)) await activity.close();
});

async function start(store?: ActivityStore): Promise<Activity> {
  const activity = startActivity({
    queue,
    clock,
    log: { ...silentLog, warn: (event, fields = {}) => void lines.push({ event, fields }) },
    store: store ?? createFilesActivityStore(await openMemoryJournal(disk, null)),
    settings: () => config.activity,
  });
  open.push(activity);
  return activity;
}

/** As the intake does, which reads the facts out of the body and tells them once the event is stored. */
async function send(webhook: SampleWebhook): Promise<string> {
  const { id: _id, ...meta } = metaOf(webhook, { receivedAt: clock.now() });
  const body = Buffer.from(JSON.stringify(webhook.body));
  const { id } = await queue.enqueue({ meta, body, dedupeKey: `${queue.calls.enqueue}` });
  const facts = factsOf(meta, webhook.body);
  if (facts !== null) for (const activity of open) activity.note(facts, id);
  return id;
}

async function commits(activity: Activity): Promise<number> {
  return (await activity.report(today)).total.commits;
}

/** Loss of power: what the disk has is what was synced, and what still runs can write nothing any more. */
function crash(): void {
  disk.crash();
  open.length = 0;
}

describe("startActivity()", () => {
  test("counts what is stored from now on", async () => {
    const activity = await start();
    for (const webhook of MORNING) await send(webhook);
    await activity.settled();
    const { total, projects } = await activity.report(today);
    expect([
      total.commits,
      total.mergeRequests.merged,
      total.pipelines.success,
      total.pipelines.failed,
    ]).toEqual([7, 1, 2, 1]);
    expect(projects.map((one) => one.project)).toEqual(["acme/shop", "acme/platform/api", "acme/docs"]);
  });

  test("takes what the intake read, and reads no body again", async () => {
    const activity = await start();
    await activity.settled();
    queue.body = () => Promise.reject(new Error("nobody should ask"));
    queue.list = () => Promise.reject(new Error("nobody should ask"));
    await send(push("alice", "shop", "main", ["One", "Two"]));
    await activity.settled();
    expect(lines).toEqual([]);
    expect((await activity.report(today)).total).toMatchObject({
      commits: 2,
      branches: [{ name: "main", pushes: 1 }],
    });
  });

  test("counts what the queue holds from before its first start", async () => {
    await send(push("alice", "shop", "main", ["One", "Two"]));
    const activity = await start();
    await activity.settled();
    expect(await commits(activity)).toBe(2);
  });

  test("does not count a replay", async () => {
    queue.setRouting(() => [{ target: "a", lane: null }], ["a"]);
    const activity = await start();
    const id = await send(push("alice", "shop", "main", ["One"]));
    await activity.settled();
    await queue.replay(id, ["a"]);
    await activity.settled();
    expect(await commits(activity)).toBe(1);
  });

  test.each(["before anything was written", "after it was written"])(
    "counts each event once over a crash %s",
    async (when) => {
      const first = await start();
      await send(push("alice", "shop", "main", ["One", "Two"]));
      if (when.startsWith("after")) await first.settled();
      crash();
      await send(mergeRequest("alice", "shop", 17, "T", "open"));
      const second = await start();
      await second.settled();
      expect(await commits(second)).toBe(2);
      expect((await second.report(today)).total.mergeRequests.opened).toBe(1);
      crash();
      const third = await start();
      await third.settled();
      const { total } = await third.report(today);
      expect([total.commits, total.branches]).toEqual([2, [{ name: "main", pushes: 1 }]]);
    },
  );

  test("keeps what it counted when the events are gone", async () => {
    const first = await start();
    const id = await send(push("alice", "shop", "main", ["One"]));
    await first.settled();
    crash();
    await queue.remove(id);
    expect(await commits(await start())).toBe(1);
  });

  test("writes what is pending when it closes", async () => {
    const first = await start();
    await first.settled();
    await send(push("alice", "shop", "main", ["One"]));
    await first.close();
    open.length = 0;
    disk.crash();
    for (const { meta } of queue.stored()) await queue.remove(meta.id);
    expect(await commits(await start())).toBe(1);
  });

  test("waits while the storage fails, says so once, and loses nothing", async () => {
    const activity = await start();
    await activity.settled();
    disk.failing = "disk-full";
    await send(push("alice", "shop", "main", ["One"]));
    await clock.advance(20_000);
    expect(lines).toMatchObject([{ event: "activity.failed" }]);
    expect(await commits(activity)).toBe(1);
    disk.failing = null;
    await send(push("bob", "docs", "main", ["Two"]));
    await activity.settled();
    crash();
    for (const { meta } of queue.stored()) await queue.remove(meta.id);
    expect((await (await start()).report(today)).projects.map((one) => one.project)).toEqual([
      "acme/docs",
      "acme/shop",
    ]);
  });

  test("leaves out an event that cannot be read time and again", async () => {
    const body = queue.body;
    const bad = await send(push("alice", "shop", "main", ["One"]));
    queue.body = (id) => (id === bad ? Promise.reject(new Error("not whole")) : body(id));
    await send(push("bob", "docs", "main", ["Two"]));
    const activity = await start();
    for (let round = 0; round < 6; round += 1) await clock.advance(5000);
    expect(lines.map((line) => line.event)).toEqual(["activity.failed", "activity.skipped"]);
    expect((await activity.report(today)).projects.map((one) => one.project)).toEqual(["acme/docs"]);
  });

  test("forgets days beyond those that are kept", async () => {
    config = configSchema.parse({ activity: { keepDays: 2 } });
    const activity = await start();
    await send(push("alice", "shop", "main", ["One"]));
    await activity.settled();
    await clock.advance(86_400_000);
    await activity.settled();
    expect(await commits(activity)).toBe(1);
    await clock.advance(86_400_000);
    await send(push("alice", "docs", "main", ["Two"]));
    await activity.settled();
    expect(await commits(activity)).toBe(0);
    expect(disk.keys("page/")).toEqual(["page/2026-01-17/acme/docs"]);
  });

  test("searches the queue for what it was not told, page by page", async () => {
    queue.list = async ({ from = 0 }, limit, cursor) => {
      const all = queue.stored().filter(({ meta }) => meta.receivedAt >= from);
      const at = Number(cursor ?? 0);
      const events = all
        .slice(at, at + limit)
        .map(({ meta }) => ({ meta, state: "done" as const, deliveries: [] }));
      return {
        events,
        cursor: at + limit < all.length ? String(at + limit) : null,
        partial: false,
        looked: events.length,
      };
    };
    for (let count = 0; count < 470; count += 1) {
      const { id: _id, ...meta } = metaOf(push("alice", "shop", "main", []), { receivedAt: clock.now() });
      await queue.enqueue({ meta, body: Buffer.from('{"object_kind":"push"}'), dedupeKey: String(count) });
    }
    const activity = await start();
    await activity.settled();
    expect((await activity.report(today)).total.branches).toEqual([{ name: "main", pushes: 470 }]);
  });

  test.runIf(hasRedis)("is shared by relays on one Redis, each event counted once", async () => {
    const redis = await startRedis(DURABLE);
    try {
      const connect = async (): Promise<ActivityStore> => {
        const connection = await openRedis({ ...config.queue.redis, url: redis.url }, silentLog, Math.random);
        return { ...createRedisActivityStore(connection), close: () => connection.close() };
      };
      const first = await start(await connect());
      const second = await start(await connect());
      for (const webhook of MORNING) await send(webhook);
      await first.settled();
      await second.settled();
      const odd = mergeRequest("alice", "shop", 99, "T", "open");
      (odd.body["user"] as { username: string }).username = '__proto__"\\ü';
      await send(odd);
      await second.settled();
      const { total, authors } = await first.report(today);
      expect([total.commits, total.mergeRequests.opened, total.pipelines.failed]).toEqual([7, 2, 1]);
      expect(authors.map((one) => one.author)).toContain('__proto__"\\ü');
      const store = await connect();
      expect(await store.days()).toEqual(["2026-01-15"]);
      await store.remove("2026-01-15");
      expect(await store.days()).toEqual([]);
      expect(await commits(first)).toBe(0);
      await store.close();
      for (const activity of open.splice(0)) await activity.close();
    } finally {
      await redis.close();
    }
  });
});

describe("registerActivityGauges()", () => {
  test("shows today by project, the rest beyond the limit as other, and nothing where it is off", async () => {
    const activity = await start();
    for (const webhook of MORNING) await send(webhook);
    await activity.settled();
    const metrics = createMetrics({ queue, now: () => clock.now(), process: false });
    registerActivityGauges({
      registry: metrics.registry,
      activity,
      now: () => clock.now(),
      settings: () => config.activity.prometheus,
    });
    expect(await metrics.text()).not.toContain("relay_activity_commits{");
    config = configSchema.parse({ activity: { prometheus: { enabled: true, maxProjects: 1 } } });
    await clock.advance(2000);
    const text = await metrics.text();
    expect(text).toContain('relay_activity_commits{project="acme/shop"} 4');
    expect(text).toContain('relay_activity_commits{project="other"} 3');
    expect(text).toContain('relay_activity_pipelines{project="acme/shop",status="failed"} 1');
    expect(text).toContain('relay_activity_deployments{project="other",status="success"} 1');
    metrics.close();
  });
});
