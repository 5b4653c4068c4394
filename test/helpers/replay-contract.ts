/** What every driver promises of replay jobs: run on the queue of one process and on Redis. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { EventFilter, QueueEvent, Router } from "../../relay/queue/queue.ts";
import type {
  ReplayJob,
  ReplayLease,
  ReplayPlan,
  ReplayQueue,
  ReplaySet,
} from "../../relay/queue/replay-job.ts";
import { progressOf } from "../../relay/replay/progress.ts";
import { attempt, newEvent, SETTINGS, toTarget, until, type QueueHarness } from "./queue-contract.ts";

const ROOM = { first: 1000, retry: 1000 };

/** @param crashes what the test of crashes begins with, and how many events a step takes there */
export function describeReplayContract(
  name: string,
  createHarness: () => Promise<QueueHarness>,
  crashes: { readonly seeds: readonly number[]; readonly limit: number },
): void {
  describe(`${name} and its replay jobs`, () => {
    let harness: QueueHarness;
    let queue: ReplayQueue;
    let routed: Set<string>;

    const open = async (router: Router = toTarget("a", "b"), targets = ["a", "b"]): Promise<void> => {
      queue = await harness.open(SETTINGS);
      queue.onEvent((event: QueueEvent) => {
        if (event.type === "routed") routed.add(event.meta.id);
      });
      queue.setRouting(router, targets);
    };
    const store = async (key: string, kind = "push"): Promise<string> => {
      await harness.advance(1);
      const { id } = await queue.enqueue(newEvent(key, { receivedAt: harness.now(), kind }));
      await until(() => routed.has(id));
      return id;
    };
    /** Ends whatever waits for the target; returns the events in the order in which they were sent. */
    const end = async (target: string, outcome: "done" | "dead"): Promise<string[]> => {
      const sent: string[] = [];
      for (;;) {
        const claims = await queue.claim(target, ROOM);
        if (claims.length === 0) return sent;
        for (const claimed of claims) {
          sent.push(claimed.meta.id);
          const at = harness.now();
          await claimed.settle(
            outcome === "done"
              ? { outcome, at, attempt: attempt(at) }
              : { outcome, at, attempt: attempt(at, { status: 410, error: "gone" }), reason: "gone" },
          );
        }
      }
    };
    const storeDead = async (count: number): Promise<string[]> => {
      const ids: string[] = [];
      for (let n = 0; n < count; n++) ids.push(await store(`k${n}`));
      expect(await end("a", "dead")).toHaveLength(count);
      expect(await end("b", "dead")).toHaveLength(count);
      return ids;
    };
    const setOf = async (
      filter: EventFilter,
      targets: readonly string[] | null = null,
    ): Promise<ReplaySet> => ({
      filter,
      targets,
      upTo: await queue.replayJobs.newestEvent(),
    });
    const create = async (set: ReplaySet, id = "job"): Promise<ReplayJob> => {
      const expected = await queue.replayJobs.count(set, 5000);
      const plan: ReplayPlan = {
        ...set,
        id,
        createdAt: harness.now(),
        createdBy: "alice",
        ratePerSecond: null,
        expected,
        parts: set.targets ?? Object.keys(expected.byTarget).sort(),
      };
      await queue.replayJobs.create(plan);
      return (await queue.replayJobs.get(id)) as ReplayJob;
    };
    const lease = async (): Promise<ReplayLease> => {
      let found: ReplayLease | null = null;
      await until(async () => (found = await queue.replayJobs.lease(60_000)) !== null);
      return found as unknown as ReplayLease;
    };
    const jobNow = async (id = "job"): Promise<ReplayJob> => (await queue.replayJobs.get(id)) as ReplayJob;
    const replaysOf = async (id: string, target: string): Promise<number> =>
      ((await queue.get(id))?.deliveries ?? []).filter((one) => one.target === target && one.replay > 0)
        .length;

    beforeEach(async () => {
      harness = await createHarness();
      routed = new Set();
      await open();
    });
    afterEach(async () => {
      await queue.close();
      await harness.dispose();
    });

    test("count() says how many events and deliveries a set holds, and to which targets", async () => {
      const ids = await storeDead(3);
      await store("later", "issue");
      await queue.replay(ids[1]!, ["b"]);
      expect(await queue.replayJobs.count(await setOf({}), 5000)).toEqual({
        events: 3,
        deliveries: 5,
        byTarget: { a: 3, b: 2 },
        isWhole: true,
      });
      expect(await queue.replayJobs.count(await setOf({ target: "b" }), 5000)).toMatchObject({
        events: 2,
        byTarget: { b: 2 },
      });
      expect(await queue.replayJobs.count(await setOf({ kind: "issue" }, ["a", "b"]), 5000)).toMatchObject({
        events: 1,
        deliveries: 2,
      });
      expect(await queue.replayJobs.count(await setOf({}), 0)).toMatchObject({ isWhole: false });
      const upTo = ids[1]!;
      expect(await queue.replayJobs.count({ ...(await setOf({ target: "a" })), upTo }, 5000)).toMatchObject({
        events: 2,
      });
    });

    test("a job of an empty queue has nothing to do", async () => {
      const set = await setOf({});
      expect(set.upTo).toBeNull();
      expect((await create(set)).plan.expected.deliveries).toBe(0);
    });

    test("step() queues so many, oldest first, only to the targets that failed, and moves the cursor", async () => {
      const ids = await storeDead(5);
      await create(await setOf({ target: "a" }));
      const mine = await lease();
      const sent: string[] = [];
      for (const queued of [2, 2, 1]) {
        const job = await jobNow();
        const stepped = await queue.replayJobs.step({ job, part: job.parts[0]!, limit: 2, lease: mine });
        expect(stepped).toEqual({ queued, hasMoved: true });
        sent.push(...(await end("a", "done")));
      }
      expect(sent).toEqual(ids);
      expect(await end("b", "done")).toEqual([]);
      const job = await jobNow();
      expect(job.parts).toMatchObject([{ target: "a", isScanned: true, queued: 5 }]);
      await mine.release();
    });

    test("what was stored after the set was fixed is not part of it", async () => {
      await storeDead(2);
      await create(await setOf({}, ["b"]));
      await store("later");
      await end("b", "dead");
      const mine = await lease();
      const job = await jobNow();
      expect(await queue.replayJobs.step({ job, part: job.parts[0]!, limit: 10, lease: mine })).toEqual({
        queued: 2,
        hasMoved: true,
      });
      expect((await jobNow()).parts[0]).toMatchObject({ isScanned: true, queued: 2 });
      await mine.release();
    });

    test("follow() counts what was delivered, what is dead again and what is gone", async () => {
      const ids = await storeDead(4);
      await create(await setOf({ target: "a" }));
      const mine = await lease();
      const job = await jobNow();
      await queue.replayJobs.step({ job, part: job.parts[0]!, limit: 10, lease: mine });
      expect(await queue.replayJobs.follow(job, "a")).toEqual({ open: 4, untried: 4 });
      const claims = await queue.claim("a", { first: 3, retry: 0 });
      const at = harness.now();
      await claims[0]!.settle({ outcome: "done", at, attempt: attempt(at) });
      await claims[1]!.settle({ outcome: "dead", at, attempt: attempt(at), reason: "no" });
      await claims[2]!.settle({ outcome: "retry", at, attempt: attempt(at), dueAt: at + 60_000 });
      await queue.remove(ids[3]!);
      expect(await queue.replayJobs.follow(job, "a")).toEqual({ open: 1, untried: 0 });
      expect(await queue.replayJobs.follow(job, "a")).toEqual({ open: 1, untried: 0 });
      expect(progressOf(await jobNow())).toEqual({
        queued: 4,
        delivered: 1,
        failed: 1,
        open: 1,
        gone: 1,
        remaining: 0,
        cancelled: 0,
      });
      await mine.release();
    });

    test("an event that was removed before its turn is gone", async () => {
      const ids = await storeDead(3);
      await create(await setOf({ target: "a" }));
      await queue.remove(ids[0]!);
      const mine = await lease();
      const job = await jobNow();
      await queue.replayJobs.step({ job, part: job.parts[0]!, limit: 10, lease: mine });
      expect(progressOf(await jobNow())).toMatchObject({ queued: 2, gone: 1, remaining: 0 });
      await mine.release();
    });

    test("a delivery that waits goes out now instead of a second time", async () => {
      const id = await store("one");
      const [claimed] = await queue.claim("a", ROOM);
      const at = harness.now();
      await claimed!.settle({ outcome: "retry", at, attempt: attempt(at), dueAt: at + 3_600_000 });
      await create(await setOf({ state: "waiting", target: "a" }));
      const mine = await lease();
      const job = await jobNow();
      await queue.replayJobs.step({ job, part: job.parts[0]!, limit: 10, lease: mine });
      expect(await end("a", "done")).toEqual([id]);
      expect(await replaysOf(id, "a")).toBe(0);
      await queue.replayJobs.follow(job, "a");
      expect(progressOf(await jobNow())).toMatchObject({ queued: 1, delivered: 1 });
      await mine.release();
    });

    test("step() changes nothing for a job that is paused, and for a cursor that has moved on", async () => {
      const [first] = await storeDead(2);
      const old = await create(await setOf({ target: "a" }));
      const mine = await lease();
      expect(await queue.replayJobs.change("job", ["running"], "paused", harness.now())).toBe(true);
      expect(await queue.replayJobs.change("job", ["running"], "paused", harness.now())).toBe(false);
      const step = { job: old, part: old.parts[0]!, limit: 1, lease: mine };
      expect(await queue.replayJobs.step(step)).toBeNull();
      await queue.replayJobs.change("job", ["paused"], "running", harness.now());
      expect(await queue.replayJobs.step(step)).toMatchObject({ queued: 1 });
      expect(await queue.replayJobs.step(step)).toBeNull();
      expect(await replaysOf(first!, "a")).toBe(1);
      await mine.release();
    });

    test("step() waits for a target that is not in the settings", async () => {
      await storeDead(1);
      await create(await setOf({ target: "a" }));
      queue.setRouting(toTarget("b"), ["b"]);
      const mine = await lease();
      const job = await jobNow();
      const step = { job, part: job.parts[0]!, limit: 10, lease: mine };
      expect(await queue.replayJobs.step(step)).toEqual({ queued: 0, hasMoved: false });
      queue.setRouting(toTarget("a", "b"), ["a", "b"]);
      expect(await queue.replayJobs.step(step)).toMatchObject({ queued: 1 });
      await mine.release();
    });

    test("step() is carried out as a whole or not at all where the storage refuses to write", async () => {
      const ids = await storeDead(2);
      const job = await create(await setOf({ target: "a" }));
      const mine = await lease();
      const step = { job, part: job.parts[0]!, limit: 10, lease: mine };
      await harness.refuseWrites(true);
      // Redis carries out a script that takes something away first.
      const refused = await queue.replayJobs.step(step).catch(() => null);
      await harness.refuseWrites(false);
      expect(await replaysOf(ids[0]!, "a")).toBe(refused === null ? 0 : 1);
      await queue.replayJobs.step(step);
      for (const id of ids) expect(await replaysOf(id, "a")).toBe(1);
      expect((await jobNow()).parts[0]).toMatchObject({ queued: 2, isScanned: true });
      await mine.release();
    });

    test("jobs are listed, newest first, over a restart, until they are removed", async () => {
      await storeDead(1);
      const first = await create(await setOf({ target: "a", project: ["acme/**"], from: 5 }), "first");
      await harness.advance(5);
      await create(await setOf({}, ["b"]), "second");
      await queue.replayJobs.change("second", ["running", "paused"], "cancelled", harness.now());
      await queue.close();
      await open();
      const ids = (await queue.replayJobs.list()).map(({ plan }) => plan.id);
      expect(ids).toEqual(["second", "first"]);
      expect(await queue.replayJobs.get("first")).toEqual(first);
      expect(await queue.replayJobs.get("second")).toMatchObject({
        state: "cancelled",
        endedAt: harness.now(),
      });
      expect((await queue.replayJobs.active()).map(({ plan }) => plan.id)).toEqual(["first"]);
      await queue.replayJobs.remove("first");
      expect(await queue.replayJobs.get("first")).toBeNull();
      expect(await queue.replayJobs.active()).toEqual([]);
    });

    test.each(crashes.seeds)(
      "after kill -9 at any moment, every event is queued exactly once more (seed %i)",
      async (seed) => {
        const ids = await storeDead(9);
        await create(await setOf({}));
        for (let round = seed; ; round++) {
          const mine = await lease();
          const job = await jobNow();
          const part = job.parts.find((one) => !one.isScanned);
          if (part === undefined) break;
          const step = queue.replayJobs
            .step({ job, part, limit: crashes.limit, lease: mine })
            .catch(() => null);
          // Sometimes the relay learns what became of the step, sometimes it dies before or while it is carried out.
          if (round % 4 === 0) await step;
          else for (let turn = 0; turn < (round % 4) - 1; turn++) await turnOfLoop();
          await harness.crash();
          await open();
        }
        for (const target of ["a", "b"]) {
          for (const id of ids) expect(await replaysOf(id, target), `${id} to ${target}`).toBe(1);
          expect(await end(target, "done")).toEqual(ids);
          await queue.replayJobs.follow(await jobNow(), target);
        }
        expect(progressOf(await jobNow())).toMatchObject({ queued: 18, delivered: 18, open: 0, gone: 0 });
      },
    );
  });
}

function turnOfLoop(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
