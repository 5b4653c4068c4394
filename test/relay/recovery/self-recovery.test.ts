import { expect, test } from "vitest";
import { UpstreamError } from "../../../lib/errors.ts";
import { silentLog, type LogFields } from "../../../lib/log.ts";
import { NO_COUNTS, type RecoveryRun } from "../../../relay/recovery/runner.ts";
import { SelfRecovery } from "../../../relay/recovery/self-recovery.ts";
import type { RecoveryLease, MissedWindow, RecoveryNotes } from "../../../relay/storage/recovery-notes.ts";
import { FakeClock } from "../../helpers/clock.ts";

const COMPLETE: RecoveryRun = {
  ...NO_COUNTS,
  outcome: "complete",
  text: "31 of 31 delivered",
  missed: 31,
  delivered: 31,
};
const LIMITED: RecoveryRun = { ...NO_COUNTS, outcome: "limited", text: "stopped by rate-limit" };
const FAILED: RecoveryRun = { ...NO_COUNTS, outcome: "failed", text: "2 deliveries are still missed" };
const REFUSED: RecoveryRun = { ...NO_COUNTS, outcome: "refused", text: "the token is wrong" };

/** Notes in memory. */
class MemoryNotes implements RecoveryNotes {
  kept: MissedWindow[] = [];
  result: string | null = null;
  failing = false;
  /** Wall clock until which somebody has the lease. */
  leasedUntil = 0;
  isLost = false;
  readonly #clock: FakeClock;
  constructor(clock: FakeClock) {
    this.#clock = clock;
  }
  async windows() {
    this.#check();
    return this.kept;
  }
  async add(window: MissedWindow, goesOn?: MissedWindow) {
    this.#check();
    this.kept = [...this.kept.filter((known) => known !== goesOn), window];
  }
  async settle(until: number, result: string) {
    this.#check();
    this.kept = this.kept.filter((window) => window.until > until);
    this.result = result;
  }
  async lastResult() {
    this.#check();
    return this.result;
  }
  async lease(ttlMs: number): Promise<RecoveryLease | null> {
    if (this.leasedUntil > this.#clock.now()) return null;
    const hold = (ms: number): void => void (this.leasedUntil = this.#clock.now() + ms);
    hold(ttlMs);
    return {
      renew: async (forMs = ttlMs) => {
        if (!this.isLost) hold(forMs);
        return !this.isLost;
      },
      release: async () => hold(0),
    };
  }
  #check(): void {
    if (this.failing) throw new UpstreamError("storage", "out of reach", { retryable: true });
  }
}

interface Stage {
  readonly clock: FakeClock;
  readonly notes: MemoryNotes;
  readonly self: SelfRecovery;
  readonly runs: { readonly since: number; readonly signal: AbortSignal }[];
  readonly lines: { readonly event: string; readonly fields: LogFields }[];
  /** How runs end, one after another; the last one again and again. */
  outcomes: RecoveryRun[];
  /** Runs do not end by themselves. */
  hangs: boolean;
  isReady: boolean;
}

function stage(clock = new FakeClock(), notes = new MemoryNotes(clock)): Stage {
  const note =
    () =>
    (event: string, fields: LogFields = {}): void =>
      void made.lines.push({ event, fields });
  const made: Stage = {
    clock,
    notes,
    runs: [],
    lines: [],
    outcomes: [COMPLETE],
    hangs: false,
    isReady: true,
    self: undefined as unknown as SelfRecovery,
  };
  const self = new SelfRecovery({
    clock,
    notes,
    log: { ...silentLog, info: note(), warn: note() },
    isReady: () => made.isReady,
    onRun: () => {},
    runner: {
      async run(since, signal) {
        made.runs.push({ since, signal });
        if (made.hangs) {
          await new Promise((resolve) => signal.addEventListener("abort", resolve));
          return LIMITED;
        }
        return made.outcomes.length > 1
          ? (made.outcomes.shift() as RecoveryRun)
          : (made.outcomes[0] as RecoveryRun);
      },
    },
  });
  return Object.assign(made, { self });
}

test("SelfRecovery brings back what was missed while the relay was away, once it is ready", async () => {
  const s = stage();
  const [since, until] = [s.clock.now() - 32_000, s.clock.now()];
  s.isReady = false;
  await s.self.begin(since, until);
  expect(s.self.due()?.text).toContain("the relay was away from");
  await s.clock.advance(60_000);
  expect(s.runs).toEqual([]);
  s.isReady = true;
  await s.clock.advance(5000);
  expect(s.runs.map((run) => run.since)).toEqual([since]);
  expect([s.self.due(), s.notes.kept]).toEqual([null, []]);
  expect(s.self.status()).toMatchObject({ state: "idle", last: { since, until, delivered: 31 } });
  expect(s.lines.map(({ event }) => event)).toEqual(["recovery.began", "recovery.ended"]);
  await s.clock.advance(3_600_000);
  expect(s.runs).toHaveLength(1);
  await s.self.close();
});

test("SelfRecovery waits until deliveries that were under way have failed and are logged", async () => {
  const s = stage();
  await s.self.begin(s.clock.now() - 1000, s.clock.now());
  await s.clock.advance(10_000);
  expect(s.runs).toEqual([]);
  await s.clock.advance(10_000);
  expect(s.runs).toHaveLength(1);
  await s.self.close();
});

test("SelfRecovery has nothing to do at the first start", async () => {
  const s = stage();
  await s.self.begin(null, s.clock.now());
  await s.clock.advance(600_000);
  expect([s.runs, s.self.due()]).toEqual([[], null]);
  await s.self.close();
});

test("SelfRecovery brings back what was answered with 503, once that has ended", async () => {
  const s = stage();
  await s.self.begin(null, s.clock.now());
  await s.clock.advance(60_000);
  const since = s.clock.now();
  for (let n = 0; n < 10; n += 1) {
    s.self.noteUnavailable();
    await s.clock.advance(3000);
  }
  expect(s.runs).toEqual([]);
  expect(s.self.due()?.text).toContain("webhooks got 503 from");
  expect(s.notes.kept).toEqual([{ since, until: s.clock.now() - 3000, cause: "unavailable" }]);
  await s.clock.advance(20_000);
  expect(s.runs.map((run) => run.since)).toEqual([since]);
  await s.self.close();
});

test("SelfRecovery notes starts that follow one another at once as one absence", async () => {
  const clock = new FakeClock();
  const notes = new MemoryNotes(clock);
  const since = clock.now() - 60_000;
  for (let n = 0; n < 5; n += 1) {
    const s = stage(clock, notes);
    await s.self.begin(n === 0 ? since : clock.now() - 1000, clock.now());
    await clock.advance(2000);
    await s.self.close();
  }
  expect(notes.kept).toEqual([{ since, until: clock.now() - 2000, cause: "away" }]);
});

test("SelfRecovery goes on after a limit, and ever later after failures, until all is back", async () => {
  const s = stage();
  s.outcomes = [LIMITED, FAILED, FAILED, REFUSED, COMPLETE];
  await s.self.begin(s.clock.now() - 60_000, s.clock.now());
  const at: number[] = [];
  for (let n = 0; n < 2000 && s.notes.kept.length > 0; n += 1) {
    const before = s.runs.length;
    await s.clock.advance(5000);
    if (s.runs.length > before) at.push(s.clock.now());
  }
  const pauses = at.slice(1).map((time, n) => time - (at[n] as number));
  expect(pauses).toEqual([60_000, 60_000, 120_000, 3_600_000]);
  expect(s.notes.kept).toEqual([]);
  await s.self.close();
});

test("SelfRecovery says why something is still missing, and when it tries again", async () => {
  const s = stage();
  s.outcomes = [FAILED];
  await s.self.begin(s.clock.now() - 60_000, s.clock.now());
  await s.clock.advance(20_000);
  expect(s.self.due()?.text).toMatch(/2 deliveries are still missed; the next run is at \d\d:\d\d:\d\d UTC$/);
  expect(s.lines.at(-1)).toMatchObject({ event: "recovery.unfinished", fields: { error: FAILED.text } });
  await s.self.close();
});

test("SelfRecovery: a restart in the middle forgets nothing", async () => {
  const first = stage();
  first.hangs = true;
  const since = first.clock.now() - 60_000;
  await first.self.begin(since, first.clock.now());
  await first.clock.advance(20_000);
  expect(first.self.status()).toMatchObject({ state: "running" });
  await first.self.close();
  expect(first.runs[0]?.signal.aborted).toBe(true);
  const second = stage(first.clock, first.notes);
  await second.self.begin(first.clock.now() - 5000, first.clock.now());
  await second.clock.advance(20_000);
  expect(second.runs.map((run) => run.since)).toEqual([since]);
  await second.self.close();
});

test("SelfRecovery: of several relays one recovers, and one that lost its lease stops", async () => {
  const clock = new FakeClock();
  const notes = new MemoryNotes(clock);
  const [a, b] = [stage(clock, notes), stage(clock, notes)];
  a.hangs = true;
  b.hangs = true;
  await a.self.begin(clock.now() - 60_000, clock.now());
  await b.self.begin(null, clock.now());
  await clock.advance(60_000);
  expect(a.runs.length + b.runs.length).toBe(1);
  notes.isLost = true;
  await clock.advance(16_000);
  const [run] = [...a.runs, ...b.runs];
  expect(run?.signal.aborted).toBe(true);
  await Promise.all([a.self.close(), b.self.close()]);
});

test("SelfRecovery: a limit that ended the run of one relay makes the others wait too, and all tell the same of the end", async () => {
  const clock = new FakeClock();
  const notes = new MemoryNotes(clock);
  const [a, b] = [stage(clock, notes), stage(clock, notes)];
  for (const { outcomes } of [a, b]) outcomes.unshift(LIMITED);
  await a.self.begin(clock.now() - 60_000, clock.now());
  await b.self.begin(null, clock.now());
  const at: number[] = [];
  for (let n = 0; n < 100 && notes.kept.length > 0; n += 1) {
    const before = a.runs.length + b.runs.length;
    await clock.advance(5000);
    if (a.runs.length + b.runs.length > before) at.push(clock.now());
    if (at.length === 1)
      expect([a.self.due()?.text, b.self.due()?.text].join()).toContain("another relay recovers");
  }
  expect(at.slice(1).every((time, n) => time - (at[n] as number) >= 55_000)).toBe(true);
  await clock.advance(5000);
  expect(a.self.status()).toEqual(b.self.status());
  expect(a.self.status()).toMatchObject({
    state: "idle",
    trouble: null,
    nextTryAt: null,
    last: { delivered: 31 },
  });
  await Promise.all([a.self.close(), b.self.close()]);
});

test("SelfRecovery keeps what it cannot note while the storage is away", async () => {
  const s = stage();
  s.notes.failing = true;
  const since = s.clock.now() - 60_000;
  await s.self.begin(since, s.clock.now());
  s.self.noteUnavailable();
  await s.clock.advance(60_000);
  expect(s.runs).toEqual([]);
  s.notes.failing = false;
  await s.clock.advance(20_000);
  expect(s.runs.map((run) => run.since)).toEqual([since]);
  await s.self.close();
});
