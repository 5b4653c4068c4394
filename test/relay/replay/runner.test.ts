import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { UpstreamError } from "../../../lib/errors.ts";
import { silentLog, type Log } from "../../../lib/log.ts";
import type { ReplayJob, ReplayQueue } from "../../../relay/queue/replay-job.ts";
import {
  createReplayDesk,
  MAX_ACTIVE,
  type ReplayDesk,
  type ReplayOrder,
} from "../../../relay/replay/jobs.ts";
import { progressOf } from "../../../relay/replay/progress.ts";
import { KEEP_ENDED, KEEP_MS, MAX_UNTRIED, ReplayRunner } from "../../../relay/replay/runner.ts";
import { FakeClock } from "../../helpers/clock.ts";
import { createMemoryQueue, type MemoryQueue } from "../../helpers/memory-queue.ts";
import { attempt, newEvent } from "../../helpers/queue-contract.ts";

const FAILED: ReplayOrder = { filter: { target: "a" }, targets: null };

let clock: FakeClock;
let queue: MemoryQueue;
let lines: [event: string, fields: unknown][];
let runners: ReplayRunner[];

const log = (): Log => {
  const note = (event: string, fields?: unknown): void => void lines.push([event, fields]);
  return { ...silentLog, info: note, warn: note, error: note };
};

function relay(on: Pick<ReplayQueue, "onEvent" | "replayJobs"> = queue): ReplayRunner {
  const runner = new ReplayRunner({ queue: on, clock, log: log() });
  runners.push(runner);
  runner.begin();
  return runner;
}

function desk(runner: ReplayRunner): ReplayDesk {
  return createReplayDesk({
    jobs: queue.replayJobs,
    clock,
    log: log(),
    targets: () => ["a", "b"],
    wake: () => runner.wake(),
  });
}

/** Starts a job for what there is. */
async function started(jobs: ReplayDesk, order: ReplayOrder = FAILED, person = "alice"): Promise<ReplayJob> {
  const { job } = await jobs.start(order, person);
  if (job === null) throw new Error("nothing fits");
  return job;
}

/** Ends what waits for a target; returns the events. */
async function end(target: string, outcome: "done" | "dead" | "retry", most = 1000): Promise<string[]> {
  const claims = await queue.claim(target, { first: most, retry: 0 });
  for (const claimed of claims) {
    const at = clock.now();
    const made = attempt(at);
    await claimed.settle(
      outcome === "retry"
        ? { outcome, at, attempt: made, dueAt: at + 3_600_000 }
        : outcome === "done"
          ? { outcome, at, attempt: made }
          : { outcome, at, attempt: made, reason: "no" },
    );
  }
  return claims.map(({ meta }) => meta.id);
}

async function storeDead(count: number): Promise<void> {
  for (let n = 0; n < count; n++) await queue.enqueue(newEvent(`k${queue.stored().length}`));
  await end("a", "dead");
  await end("b", "dead");
}

const waiting = async (target: string): Promise<number> =>
  (await queue.stats()).targets.get(target)?.waiting ?? 0;
const now = async (job: ReplayJob): Promise<ReplayJob> =>
  (await queue.replayJobs.get(job.plan.id)) as ReplayJob;
const eventNames = (): string[] => lines.map(([event]) => event);

beforeEach(() => {
  clock = new FakeClock();
  queue = createMemoryQueue(() => clock.now());
  queue.setRouting(() => ["a", "b"].map((target) => ({ target, lane: null })), ["a", "b"]);
  lines = [];
  runners = [];
});
afterEach(async () => {
  for (const runner of runners) await runner.close();
  expect(clock.pendingTimers).toBe(0);
});

describe("ReplayRunner", () => {
  test("queues what failed for the target that failed, follows it to its end, and tells", async () => {
    await storeDead(16);
    const runner = relay();
    const job = await started(desk(runner));
    expect(job.plan).toMatchObject({ createdBy: "alice", parts: ["a"], expected: { deliveries: 16 } });
    await clock.advance(1000);
    expect([await waiting("a"), await waiting("b")]).toEqual([16, 0]);
    expect(runner.counts()).toEqual({ running: 1, paused: 0 });
    await end("a", "done", 15);
    await end("a", "dead", 1);
    await clock.advance(1000);
    expect(await now(job)).toMatchObject({ state: "done", endedAt: expect.any(Number) });
    expect(progressOf(await now(job))).toMatchObject({ queued: 16, delivered: 15, failed: 1, open: 0 });
    await clock.advance(3000);
    expect(runner.counts()).toEqual({ running: 0, paused: 0 });
    expect(lines).toContainEqual([
      "replay.finished",
      { job: job.plan.id, delivered: 15, failed: 1, gone: 0 },
    ]);
  });

  test("never has more than MAX_UNTRIED deliveries in a target's line, over all jobs", async () => {
    await storeDead(MAX_UNTRIED * 2);
    const runner = relay();
    await started(desk(runner));
    await started(desk(runner), { filter: { kind: "push" }, targets: ["a"] }, "bob");
    const sent: string[] = [];
    for (let round = 0; round < 20; round++) {
      await clock.advance(1000);
      expect(await waiting("a")).toBeLessThanOrEqual(MAX_UNTRIED);
      sent.push(...(await end("a", "done", 20)));
    }
    const firsts = [...new Set(sent)];
    expect(firsts).toEqual(firsts.toSorted());
    expect(firsts).toHaveLength(MAX_UNTRIED * 2);
  });

  test("what waits for a retry holds nothing up, and a target that takes nothing no other", async () => {
    await storeDead(MAX_UNTRIED * 2);
    await started(desk(relay()), { filter: {}, targets: null });
    await clock.advance(1000);
    await end("a", "retry");
    await clock.advance(1000);
    await end("a", "retry");
    await clock.advance(1000);
    expect(await waiting("a")).toBe(MAX_UNTRIED * 2);
    expect(await waiting("b")).toBe(MAX_UNTRIED);
  });

  test("queues no more per second than its rate", async () => {
    await storeDead(20);
    await started(desk(relay()), { ...FAILED, ratePerSecond: 4 });
    const sent: number[] = [];
    for (let second = 0; second < 5; second++) {
      await clock.advance(1000);
      sent.push((await end("a", "done")).length);
    }
    expect(Math.max(...sent)).toBeLessThanOrEqual(8);
    const all = sent.reduce((sum, count) => sum + count, 0);
    expect(all).toBeGreaterThanOrEqual(16);
    expect(all).toBeLessThanOrEqual(20);
  });

  test("pause stops the queueing, resume goes on, cancel ends it", async () => {
    await storeDead(MAX_UNTRIED + 30);
    const runner = relay();
    const jobs = desk(runner);
    const job = await started(jobs);
    await clock.advance(500);
    await jobs.change(job.plan.id, "pause");
    expect(await end("a", "done")).toHaveLength(MAX_UNTRIED);
    await clock.advance(5000);
    expect(await waiting("a")).toBe(0);
    expect(runner.counts()).toEqual({ running: 0, paused: 1 });
    expect(progressOf(await now(job))).toMatchObject({ delivered: MAX_UNTRIED, remaining: 30 });
    expect(clock.nextTimerMs).toBeGreaterThan(250);
    await jobs.change(job.plan.id, "resume");
    await clock.advance(500);
    expect(await waiting("a")).toBe(30);
    await jobs.change(job.plan.id, "cancel");
    await end("a", "done");
    await clock.advance(5000);
    expect(await now(job)).toMatchObject({ state: "cancelled" });
    await expect(jobs.change(job.plan.id, "resume")).rejects.toMatchObject({ code: "replay-state" });
    expect(await jobs.change("none", "pause")).toBeNull();
    expect(eventNames()).toEqual(["replay.started", "replay.paused", "replay.resumed", "replay.cancelled"]);
  });

  test("one relay at a time carries out jobs; another takes over when it goes", async () => {
    await storeDead(MAX_UNTRIED + 10);
    const first = relay();
    const job = await started(desk(first));
    await clock.advance(1000);
    relay();
    await clock.advance(5000);
    expect(await waiting("a")).toBe(MAX_UNTRIED);
    await first.close();
    await end("a", "done");
    await clock.advance(5000);
    expect(await waiting("a")).toBe(10);
    await end("a", "done");
    await clock.advance(5000);
    expect(progressOf(await now(job))).toMatchObject({
      queued: MAX_UNTRIED + 10,
      delivered: MAX_UNTRIED + 10,
    });
  });

  test("goes on after a restart, by itself", async () => {
    await storeDead(5);
    const runner = relay();
    await runner.close();
    const job = await started(desk(runner));
    relay();
    await clock.advance(1000);
    await end("a", "done");
    await clock.advance(1000);
    expect((await now(job)).state).toBe("done");
  });

  test("an outage of the storage delays it, and is told once", async () => {
    await storeDead(2);
    let isDown = true;
    const error = new UpstreamError("storage", "out of reach", { retryable: true });
    const frail = {
      onEvent: queue.onEvent,
      replayJobs: {
        ...queue.replayJobs,
        active: () => (isDown ? Promise.reject(error) : queue.replayJobs.active()),
      },
    };
    const runner = relay(frail);
    await started(desk(runner));
    await clock.advance(30_000);
    expect(lines.filter(([event]) => event === "replay.delayed")).toEqual([
      ["replay.delayed", { error: "out of reach" }],
    ]);
    isDown = false;
    await clock.advance(10_000);
    expect(await waiting("a")).toBe(2);
  });

  test("keeps so many ended jobs, for so long", async () => {
    const runner = relay();
    await storeDead(1);
    for (let n = 0; n < KEEP_ENDED + 5; n++) {
      await started(desk(runner));
      await clock.advance(1000);
      await end("a", "dead");
      await clock.advance(1000);
    }
    expect(await queue.replayJobs.list()).toHaveLength(KEEP_ENDED);
    await clock.advance(10_000);
    await runner.close();
    clock.setNow(clock.now() + KEEP_MS);
    relay();
    await clock.advance(10_000);
    expect(await queue.replayJobs.list()).toEqual([]);
  });
});

describe("createReplayDesk()", () => {
  test("refuses a target that there is not, and more jobs than may be at a time", async () => {
    await storeDead(1);
    const jobs = desk(relay());
    for (const order of [
      { filter: { target: "x" }, targets: null },
      { filter: {}, targets: ["x"] },
    ])
      await expect(jobs.start(order, "alice")).rejects.toMatchObject({ code: "unknown-target" });
    for (let n = 0; n < MAX_ACTIVE; n++) await started(jobs);
    await expect(jobs.start(FAILED, "alice")).rejects.toMatchObject({ code: "too-many-replays" });
  });

  test("start() makes no job of what nothing fits", async () => {
    expect(await desk(relay()).start(FAILED, "alice")).toMatchObject({
      matched: { deliveries: 0, isWhole: true },
      job: null,
    });
    expect(await queue.replayJobs.list()).toEqual([]);
  });

  test("preview() counts and makes nothing", async () => {
    await storeDead(3);
    expect(await desk(relay()).preview({ filter: {}, targets: null })).toMatchObject({
      events: 3,
      byTarget: { a: 3, b: 3 },
    });
    expect(await queue.replayJobs.list()).toEqual([]);
  });
});
