import { expect, test } from "vitest";
import {
  AWAY_MS,
  dueOfAll,
  MissWatch,
  recoveryDue,
  type RecoveryFacts,
} from "../../../relay/observe/recovery-due.ts";
import type { RequestListener } from "../../../relay/observe/metrics.ts";
import type { QueueEvent } from "../../../relay/queue/queue.ts";
import { eventMeta } from "../../helpers/events.ts";

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

test("MissWatch: what is fetched back for one GitLab leaves that of another due", () => {
  let ask: RequestListener = () => {};
  let tell: (event: QueueEvent) => void = () => {};
  const noEnd = () => {};
  const watch = new MissWatch(
    { onRequest: (listener) => ((ask = listener), noEnd) },
    { onEvent: (listener) => ((tell = listener), noEnd) },
    () => STARTED,
  );
  ask("unavailable", 1, undefined);
  ask("unavailable", 1, "partner");
  ask("accepted", 1, "cloud");
  tell({ type: "stored", meta: eventMeta({ recovered: true, instanceName: "partner" }) });
  expect(watch.of("default")).toEqual({ firstUnavailableAt: STARTED, lastRecoveredAt: null });
  expect(watch.of("partner")).toEqual({ firstUnavailableAt: null, lastRecoveredAt: STARTED });
  expect(watch.of("cloud")).toEqual({ firstUnavailableAt: null, lastRecoveredAt: null });
});

test("dueOfAll() names the GitLabs if there are several, and says what is alike once", () => {
  const away = { since: 2, text: "the relay was away; run recover" };
  const all = [
    { instance: "partner", since: 1, text: "webhooks got 503; recovery began" },
    { instance: "default", ...away },
    { instance: "cloud", ...away },
  ];
  expect(dueOfAll(all, true)).toEqual({
    since: 1,
    text: "partner: webhooks got 503; recovery began; default, cloud: the relay was away; run recover",
  });
  expect(dueOfAll([{ instance: "default", ...away }], false)).toEqual(away);
  expect(dueOfAll([], true)).toBeNull();
});
