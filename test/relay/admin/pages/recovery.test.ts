import { expect, test } from "vitest";
import { recoveryLine } from "../../../../relay/admin/pages/recovery.ts";
import type { RecoveryResult, RecoveryStatus } from "../../../../relay/recovery/self-recovery.ts";

const [AWAY, BACK, BEGAN] = [12, 44, 50].map((second) => Date.UTC(2026, 0, 31, 7, 26, second)) as [
  number,
  number,
  number,
];
const IDLE: RecoveryStatus = {
  state: "idle",
  missed: null,
  beganAt: null,
  nextTryAt: null,
  trouble: null,
  last: null,
};
const span = { since: AWAY, until: BACK, wasAway: true };
const last: RecoveryResult = {
  ...span,
  beganAt: BEGAN,
  endedAt: BEGAN + 9000,
  text: "31 of 31 delivered",
  missed: 31,
  delivered: 31,
  outstanding: 0,
  unrecoverable: 0,
  unlogged: 0,
};

test.each<[string, Partial<RecoveryStatus>, RegExp]>([
  ["nothing yet", {}, /Recovery: nothing has been missed/],
  [
    "a complete run",
    { last },
    /away from .*07:26:12.* to .*07:26:44.*; recovery began .*07:26:50.*; 31 of 31 delivered/,
  ],
  [
    "a pipeline's run",
    { last: { ...last, missed: null, delivered: null, text: "pipeline 7 of acme/hooks succeeded" } },
    /pipeline 7 of acme\/hooks succeeded/,
  ],
  [
    "a run under way",
    { state: "running", missed: { ...span, wasAway: false }, beganAt: BEGAN },
    /webhooks got 503 from .*; recovery began .*07:26:50/,
  ],
  [
    "trouble",
    { state: "waiting", missed: span, trouble: "the token <lacks> the scope api" },
    /the token &lt;lacks&gt; the scope api/,
  ],
])("recoveryLine() of %s", (_case, changes, line) => {
  const shown = String(recoveryLine({ instance: "default", status: { ...IDLE, ...changes } }, false));
  expect(shown).toMatch(line);
});

test("recoveryLine() says what no run can bring back", () => {
  const lossy = { ...last, delivered: 29, unrecoverable: 2, unlogged: 1200 };
  const shown = String(recoveryLine({ instance: "default", status: { ...IDLE, last: lossy } }, false));
  expect(shown).toContain(
    "29 of 31 delivered; 2 can no longer be delivered; GitLab sent and logged nothing in 1,200 times",
  );
});

test("recoveryLine() names the GitLab if there are several", () => {
  expect(String(recoveryLine({ instance: "partner", status: IDLE }, true))).toContain("Recovery of partner:");
});
