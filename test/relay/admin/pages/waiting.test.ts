import { expect, test } from "vitest";
import { NO_STATS } from "../../../../relay/admin/api/event-json.ts";
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
  ["its turn", row({}), NOW - 1000, "its turn, 1,100 others are waiting"],
  ["nothing", row({ waiting: 1 }), null, "next in line"],
] as const)("waitsFor(): %s", (_case, target, dueAt, text) => {
  expect(waitsFor({ ...newDelivery("e1", "ci-bot", 0, 0), dueAt }, target, NOW)).toContain(text);
});
