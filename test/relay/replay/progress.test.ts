import { expect, test } from "vitest";
import type { ReplayJob, ReplayPart } from "../../../relay/queue/replay-job.ts";
import { freshPart, replayCount } from "../../../relay/queue/replay-set.ts";
import { countText, progressOf } from "../../../relay/replay/progress.ts";

const count = (events: number, byTarget: Record<string, number>, isWhole = true) =>
  replayCount(events, new Map(Object.entries(byTarget)), isWhole);

test.each([
  [count(16, { "jira-sync": 16 }), "16 events to jira-sync: 16 deliveries"],
  [count(1, { a: 1 }), "1 event to a: 1 delivery"],
  [count(1200, { b: 1000, a: 1200 }), "1,200 events to a, b: 2,200 deliveries"],
  [count(2, { a: 1, b: 1, c: 1, d: 1 }), "2 events to 4 targets: 4 deliveries"],
  [count(500, { a: 500 }, false), "at least 500 events to a: 500 deliveries"],
  [count(0, {}), "no delivery fits"],
  [count(0, {}, false), "no delivery found so far"],
])("countText() %#: %s", (counted, text) => {
  expect(countText(counted)).toBe(text);
});

const job = (state: ReplayJob["state"], part: Partial<ReplayPart>): ReplayJob => ({
  plan: {
    id: "j",
    filter: {},
    targets: null,
    upTo: null,
    createdAt: 0,
    createdBy: "alice",
    ratePerSecond: null,
    expected: count(10, { a: 10 }),
    parts: ["a"],
  },
  state,
  endedAt: null,
  parts: [{ ...freshPart("a"), ...part }],
});

test("progressOf() says what is open and what remains", () => {
  expect(progressOf(job("running", { queued: 6, delivered: 3, failed: 1, gone: 1, missed: 1 }))).toEqual({
    queued: 6,
    delivered: 3,
    failed: 1,
    open: 1,
    gone: 2,
    remaining: 3,
    cancelled: 0,
  });
});

test("progressOf() counts as gone what was expected and did not turn up by the end", () => {
  const ended = job("done", { queued: 7, delivered: 7, isScanned: true });
  expect(progressOf(ended)).toMatchObject({ gone: 3, remaining: 0 });
  const met = job("done", { queued: 12, delivered: 12, isScanned: true });
  expect(progressOf(met)).toMatchObject({ gone: 0, remaining: 0 });
});

test("progressOf() says what a cancelled job did not reach", () => {
  expect(progressOf(job("cancelled", { queued: 4, delivered: 4 }))).toMatchObject({
    gone: 0,
    remaining: 0,
    cancelled: 6,
  });
  const reached = job("cancelled", { queued: 7, delivered: 7, isScanned: true });
  expect(progressOf(reached)).toMatchObject({ gone: 3, cancelled: 0 });
});

test("progressOf() counts what is left of each target by itself", () => {
  const { plan, ...rest } = job("cancelled", {});
  const two = {
    ...rest,
    plan: { ...plan, expected: count(10, { a: 10, b: 10 }), parts: ["a", "b"] },
    parts: [
      { ...freshPart("a"), queued: 15, delivered: 15, isScanned: true },
      { ...freshPart("b"), queued: 1, delivered: 1 },
    ],
  };
  expect(progressOf(two)).toMatchObject({ delivered: 16, gone: 0, cancelled: 9 });
});
