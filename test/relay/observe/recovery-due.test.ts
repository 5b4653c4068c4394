import { expect, test } from "vitest";
import {
  AWAY_MS,
  dueOfAll,
  MissWatch,
  recoveryDue,
  type Misses,
  type TimeAway,
} from "../../../relay/observe/recovery-due.ts";
import type { RequestListener } from "../../../relay/observe/metrics.ts";
import type { QueueEvent } from "../../../relay/queue/queue.ts";
import { eventMeta } from "../../helpers/events.ts";

const STARTED = Date.UTC(2026, 0, 31, 7, 26, 14);
const AWAY: TimeAway = { from: STARTED - 3_600_000, until: STARTED };
const DAY_MS = 86_400_000;

test.each<[string, Partial<Misses>, number, number | null]>([
  ["nothing", {}, STARTED, null],
  ["an absence", { absences: [AWAY] }, STARTED + DAY_MS - 1, AWAY.from],
  ["an absence a day ago", { absences: [AWAY] }, STARTED + DAY_MS, null],
  ["an answer 503", { firstUnavailableAt: STARTED + 10 }, STARTED + DAY_MS, STARTED + 10],
])("recoveryDue() after %s", (_claim, changes, now, since) => {
  const due = recoveryDue({ absences: [], firstUnavailableAt: null, ...changes }, now);
  expect(due?.since ?? null).toBe(since);
});

test("recoveryDue() names the first window and counts the others", () => {
  const due = (absences: TimeAway[]) => recoveryDue({ absences, firstUnavailableAt: null }, STARTED)?.text;
  const first = "the relay was away from 2026-01-31 06:26:14 UTC to 2026-01-31 07:26:14 UTC";
  expect(due([AWAY])).toBe(`${first}; run recover`);
  expect(due([AWAY, AWAY, AWAY])).toBe(`${first} and 2 more times since; run recover`);
});

interface Watched {
  readonly watch: MissWatch;
  ask: RequestListener;
  tell(event: QueueEvent): void;
}

function watchAfter(awayMs: number | null): Watched {
  const noEnd = () => {};
  const watched = { ask: (() => {}) as RequestListener, tell: (_event: QueueEvent) => {} };
  const watch = new MissWatch(
    { onRequest: (listener) => ((watched.ask = listener), noEnd) },
    { onEvent: (listener) => ((watched.tell = listener), noEnd) },
    { now: () => STARTED, away: awayMs === null ? null : { from: STARTED - awayMs, until: STARTED } },
  );
  return Object.assign(watched, { watch });
}

const fetchedBack = (instanceName: string): QueueEvent => ({
  type: "stored",
  meta: eventMeta({ recovered: true, instanceName }),
});

test.each([
  [null, 0],
  [AWAY_MS - 1, 0],
  [AWAY_MS, 1],
])("MissWatch after %s ms away knows %i absences", (awayMs, count) => {
  expect(watchAfter(awayMs).watch.of("default").absences).toHaveLength(count);
});

test("MissWatch: what is fetched back for one GitLab leaves that of another due", () => {
  const { watch, ask, tell } = watchAfter(AWAY_MS);
  ask("unavailable", 1, undefined);
  ask("unavailable", 1, "partner");
  ask("accepted", 1, "cloud");
  tell(fetchedBack("partner"));
  const absences = [{ from: STARTED - AWAY_MS, until: STARTED }];
  expect(watch.of("default")).toEqual({ absences, firstUnavailableAt: STARTED });
  expect(watch.of("partner")).toEqual({ absences: [], firstUnavailableAt: null });
  expect(watch.of("cloud")).toEqual({ absences, firstUnavailableAt: null });
});

test("MissWatch: what was missed is still due after another start, until it is fetched back", () => {
  const first = watchAfter(AWAY_MS);
  first.ask("unavailable", 1, "partner");
  first.tell(fetchedBack("cloud"));
  const second = watchAfter(3000);
  second.watch.restore(JSON.parse(JSON.stringify(first.watch.save())));
  const absences = [{ from: STARTED - AWAY_MS, until: STARTED }];
  expect(second.watch.of("default")).toEqual({ absences, firstUnavailableAt: null });
  expect(second.watch.of("partner")).toEqual({ absences, firstUnavailableAt: STARTED });
  expect(second.watch.of("cloud")).toEqual({ absences: [], firstUnavailableAt: null });
  second.tell(fetchedBack("default"));
  const third = watchAfter(AWAY_MS);
  third.watch.restore(JSON.parse(JSON.stringify(second.watch.save())));
  expect(third.watch.of("default").absences).toHaveLength(1);
  expect(third.watch.of("partner").absences).toHaveLength(2);
});

test.each([[undefined], [null], [{}], [{ others: 1, instances: {} }], [{ others: { absences: [1] } }]])(
  "MissWatch.restore() takes nothing of %j",
  (saved) => {
    const { watch } = watchAfter(AWAY_MS);
    watch.restore(saved);
    expect(watch.of("default").absences).toHaveLength(1);
  },
);

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
