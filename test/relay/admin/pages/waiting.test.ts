import { expect, test } from "vitest";
import { NO_STATS } from "../../../../relay/admin/api/event-json.ts";
import { withTimes } from "../../../../relay/admin/pages/html.ts";
import { waitsFor } from "../../../../relay/admin/pages/waiting.ts";
import type { TargetRow } from "../../../../relay/admin/pages/view.ts";
import { newDelivery } from "../../../../relay/queue/delivery-state.ts";
import { targetStatus } from "../../../helpers/admin.ts";

const NOW = Date.UTC(2026, 0, 31, 7, 20, 0);
const row = (changes: Partial<TargetRow>): TargetRow => ({
  ...targetStatus("ci-bot"),
  ...NO_STATS,
  trouble: null,
  isBehind: false,
  waiting: 1101,
  concurrency: 8,
  ...changes,
});

test.each([
  ["no such target", null, null, "the settings no longer name this target"],
  ["paused", row({ paused: true }), null, "the target is paused"],
  [
    "an open breaker",
    row({ breaker: "open", breakerUntil: NOW + 3000 }),
    null,
    "the breaker is open until 07:20:03 UTC",
  ],
  ["a later attempt", row({}), NOW + 60_000, "the next attempt is at 07:21:00 UTC"],
  ["busy slots", row({ inFlight: 8 }), null, "8 of 8 slots are busy, 1,100 others are waiting"],
  ["a probe", row({ breaker: "half-open" }), null, "the target is being probed, 1,100 others are waiting"],
  [
    "a rate limit",
    row({ rateWaitMs: 20 }),
    null,
    "the rate limit of the target has been reached, 1,100 others",
  ],
  ["its turn", row({ rateWaitMs: 0 }), NOW - 1000, "in line, 1,100 others are waiting"],
  ["nothing", row({ waiting: 1 }), null, "next in line"],
] as const)("waitsFor(): %s", (_case, target, dueAt, text) => {
  expect(waitsFor({ ...newDelivery("e1", "ci-bot", 0, 0), dueAt }, target, NOW)).toContain(text);
});

test.each([
  ["away from 2026-01-30 23:59:58 UTC to 2026-01-31 07:20:00 UTC", ["01-30T23:59:58", "01-31T07:20:00"]],
  ["the breaker is open until 07:20:03 UTC", ["01-31T07:20:03"]],
  ["no time at all, 12:30 UTC", []],
])("withTimes(): %s", (text, times) => {
  const html = withTimes(text, NOW).join("");
  expect([...html.matchAll(/datetime="2026-([^.]+)\./g)].map(([, time]) => time)).toEqual(times);
});

test("withTimes() takes a time without its day for the nearest", () => {
  const midnight = Date.UTC(2026, 0, 31, 0, 0, 30);
  expect(withTimes("until 23:59:50 UTC", midnight).join("")).toContain('datetime="2026-01-30T23:59:50');
  expect(withTimes("until 00:00:10 UTC", midnight - 60_000).join("")).toContain(
    'datetime="2026-01-31T00:00:10',
  );
});
