import { expect, test } from "vitest";
import { AWAY_MS, recoveryDue, type RecoveryFacts } from "../../../relay/observe/recovery-due.ts";

const STARTED = Date.UTC(2026, 0, 31, 7, 26, 14);
const facts = (changes: Partial<RecoveryFacts>): RecoveryFacts => ({
  now: STARTED + 1000,
  startedAt: STARTED,
  lastSeenAt: STARTED - 2000,
  firstUnavailableAt: null,
  lastRecoveredAt: null,
  ...changes,
});

test.each<[string, Partial<RecoveryFacts>, number | null]>([
  ["a restart of two seconds", {}, null],
  ["a first start", { lastSeenAt: null }, null],
  ["half a minute away", { lastSeenAt: STARTED - AWAY_MS }, STARTED - AWAY_MS],
  ["away, and fetched back since", { lastSeenAt: STARTED - AWAY_MS, lastRecoveredAt: STARTED + 500 }, null],
  ["away, days ago", { lastSeenAt: STARTED - AWAY_MS, now: STARTED + 86_400_000 }, null],
  ["an answer 503", { firstUnavailableAt: STARTED + 10 }, STARTED + 10],
])("recoveryDue() after %s", (_claim, changes, since) => {
  expect(recoveryDue(facts(changes))?.since ?? null).toBe(since);
});

test("recoveryDue() names the window", () => {
  expect(recoveryDue(facts({ lastSeenAt: STARTED - 3_600_000 }))?.text).toBe(
    "the relay was away from 2026-01-31 06:26:14 UTC to 2026-01-31 07:26:14 UTC; run recover",
  );
});
