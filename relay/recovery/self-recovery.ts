/**
 * The relay heals by itself: what one GitLab could not deliver while the relay was away or answered 503 is fetched back without
 * anybody. The missed time is written down before the relay says that it is there again, and forgotten only when a run has brought
 * back all that can be; until then runs follow one another, ever further apart. One relay of a storage recovers at a time.
 */
import type { Clock, Timer } from "../../lib/clock.ts";
import { UpstreamError, messageOf } from "../../lib/errors.ts";
import type { Log } from "../../lib/log.ts";
import { utcTime } from "../../lib/utc.ts";
import type { RecoveryLease, MissedWindow, RecoveryNotes } from "../storage/recovery-notes.ts";
import { NO_COUNTS, type RecoveryCounts, type RecoveryRun, type RecoveryRunner } from "./runner.ts";
import { SETTLE_MS, isContinued, spanOf, spanText, type MissedSpan } from "./window.ts";

const TICK_MS = 5000;
const LEASE_MS = 60_000;
/** Pauses between runs: after one that a limit ended, and after one that failed (doubled each time, up to the longest). */
const LIMITED_PAUSE_MS = 60_000;
const FAILED_PAUSE_MS = 60_000;
const LONGEST_PAUSE_MS = 3_600_000;
/** How long no other relay of the storage begins after an unfinished run. A restart with mended settings waits no longer. */
const SHARED_PAUSE_MS = 55_000;

export interface RecoveryResult extends RecoveryCounts {
  readonly since: number;
  readonly until: number;
  readonly wasAway: boolean;
  /** Wall clock, milliseconds. */
  readonly beganAt: number;
  readonly endedAt: number;
  readonly text: string;
}

export interface RecoveryStatus {
  readonly state: "idle" | "waiting" | "running";
  /** What was missed and is not back yet; null: nothing. */
  readonly missed: MissedSpan | null;
  /** Wall clock; null: no run is under way. */
  readonly beganAt: number | null;
  /** Wall clock; null: as soon as the relay is ready. */
  readonly nextTryAt: number | null;
  /** Why the last run did not bring everything back; null: it did, or none was made. */
  readonly trouble: string | null;
  readonly last: RecoveryResult | null;
}

export interface SelfRecoveryDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly notes: RecoveryNotes;
  readonly runner: RecoveryRunner;
  readonly isReady: () => boolean;
  /** Told how each run ended. */
  readonly onRun: (run: RecoveryRun) => void;
}

export class SelfRecovery {
  readonly #deps: SelfRecoveryDeps;
  readonly #stop = new AbortController();
  #timer: Timer | null = null;
  #ticking: Promise<void> = Promise.resolve();
  /** As last read from the notes. */
  #missed: MissedSpan | null = null;
  #last: RecoveryResult | null = null;
  #beganAt: number | null = null;
  #nextTryAt: number | null = null;
  #trouble: string | null = null;
  #failures = 0;
  /** Another relay has the lease: it recovers, or waits to go on. */
  #isElsewhere = false;
  /** What has not been written down yet: the absence, and the answers 503 since the last look. */
  readonly #unnoted: MissedWindow[] = [];

  constructor(deps: SelfRecoveryDeps) {
    this.#deps = deps;
  }

  /**
   * Notes for how long the relay was away, then looks after it. To be awaited before the relay notes that it is there: a crash in
   * between would forget the absence.
   * @param lastSeenAt wall clock; null: nothing is known of a run before this one
   */
  async begin(lastSeenAt: number | null, startedAt: number): Promise<void> {
    const { notes, clock } = this.#deps;
    if (lastSeenAt !== null && startedAt > lastSeenAt)
      this.#unnoted.push({ since: lastSeenAt, until: startedAt, cause: "away" });
    await this.#orLater(async () => {
      await this.#readLast();
      await this.#noteTrouble();
      this.#missed = spanOf(await notes.windows());
    });
    this.#timer = clock.after(TICK_MS, () => this.#tick());
  }

  /** A webhook was answered with 503. */
  noteUnavailable(): void {
    const now = this.#deps.clock.now();
    const [last] = this.#unnoted.slice(-1);
    if (last?.cause === "unavailable") this.#unnoted.splice(-1, 1, { ...last, until: now });
    else this.#unnoted.push({ since: now, until: now, cause: "unavailable" });
  }

  status(): RecoveryStatus {
    const missed = this.#missed;
    const state = this.#beganAt !== null ? "running" : missed === null ? "idle" : "waiting";
    return {
      state,
      missed,
      beganAt: this.#beganAt,
      nextTryAt: this.#nextTryAt,
      trouble: this.#trouble,
      last: this.#last,
    };
  }

  /** What is missing and what is done about it, in one sentence; null: nothing is missing. */
  due(): { readonly since: number; readonly text: string } | null {
    const { missed, beganAt, trouble, nextTryAt } = this.status();
    if (missed === null) return null;
    const doing =
      beganAt !== null
        ? `recovery began ${utcTime(beganAt)}`
        : trouble === null
          ? this.#isElsewhere
            ? "another relay recovers"
            : "recovery begins as soon as the relay is ready"
          : `recovery: ${trouble}; the next run is at ${utcTime(nextTryAt ?? missed.until)}`;
    return { since: missed.since, text: `${spanText(missed)}; ${doing}` };
  }

  /** Ends a run under way. What it has not brought back stays noted. */
  async close(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = null;
    this.#stop.abort();
    await this.#ticking;
  }

  #tick(): void {
    this.#ticking = this.#orLater(() => this.#look()).then(() => {
      if (this.#timer !== null) this.#timer = this.#deps.clock.after(TICK_MS, () => this.#tick());
    });
  }

  /** While the storage is away, what is to be noted is kept. */
  async #orLater(task: () => Promise<void>): Promise<void> {
    try {
      await task();
    } catch (error) {
      if (!(error instanceof UpstreamError)) throw error;
      this.#deps.log.warn("recovery.delayed", { error: messageOf(error) });
    }
  }

  async #look(): Promise<void> {
    const { clock, notes, isReady } = this.#deps;
    await this.#noteTrouble();
    const before = this.#missed;
    this.#missed = spanOf(await notes.windows());
    if (before !== null && this.#missed === null) await this.#settledElsewhere();
    const now = clock.now();
    const isDue = this.#missed !== null && now >= this.#missed.until + SETTLE_MS;
    if (!isDue || !isReady() || now < (this.#nextTryAt ?? 0)) return;
    const lease = await notes.lease(LEASE_MS);
    this.#isElsewhere = lease === null;
    if (lease === null) return;
    let holdMs = 0;
    try {
      holdMs = await this.#recover(this.#missed as MissedSpan, lease);
    } finally {
      await (holdMs > 0 ? lease.renew(holdMs) : lease.release());
    }
  }

  async #settledElsewhere(): Promise<void> {
    await this.#readLast();
    this.#forgetTrouble();
  }

  async #readLast(): Promise<void> {
    const kept = await this.#deps.notes.lastResult();
    this.#last = kept === null ? null : { ...NO_COUNTS, ...(JSON.parse(kept) as RecoveryResult) };
  }

  #forgetTrouble(): void {
    [this.#failures, this.#nextTryAt, this.#trouble, this.#isElsewhere] = [0, null, null, false];
  }

  /** What cannot be noted stays for the next look. */
  async #noteTrouble(): Promise<void> {
    for (let window = this.#unnoted[0]; window !== undefined; window = this.#unnoted[0]) {
      await this.#note(window);
      // What was added to it meanwhile is a window of its own.
      const { until } = this.#unnoted.shift() as MissedWindow;
      if (until > window.until) this.#unnoted.unshift({ ...window, since: window.until, until });
    }
  }

  /** A window that goes on from a noted one makes that one longer: an outage of hours is one window, not one for each look. */
  async #note(window: MissedWindow): Promise<void> {
    const { notes } = this.#deps;
    const goesOn = (await notes.windows()).find((noted) => isContinued(noted, window));
    if (goesOn === undefined) await notes.add(window);
    else await notes.add({ ...goesOn, until: Math.max(goesOn.until, window.until) }, goesOn);
  }

  /** Returns the milliseconds for which the other relays are to wait as well, so that a limit of GitLab's is one for all of them. */
  async #recover(missed: MissedSpan, lease: RecoveryLease): Promise<number> {
    const { clock, log, runner, notes } = this.#deps;
    const beganAt = clock.now();
    this.#beganAt = beganAt;
    log.info("recovery.began", { since: iso(missed.since), until: iso(missed.until) });
    const lost = new AbortController();
    const renewing = this.#renewing(lease, lost);
    const run = await runner.run(missed.since, AbortSignal.any([this.#stop.signal, lost.signal]));
    renewing.cancel();
    this.#beganAt = null;
    this.#deps.onRun(run);
    const { outcome, text, ...counts } = run;
    const fields = { outcome, ...counts, seconds: Math.round((clock.now() - beganAt) / 1000) };
    if (outcome !== "complete") {
      this.#later(run);
      log.warn("recovery.unfinished", { ...fields, error: text });
      return this.#stop.signal.aborted || lost.signal.aborted ? 0 : SHARED_PAUSE_MS;
    }
    const result: RecoveryResult = { ...missed, ...counts, text, beganAt, endedAt: clock.now() };
    await notes.settle(missed.until, JSON.stringify(result));
    this.#last = result;
    this.#forgetTrouble();
    this.#missed = spanOf(await notes.windows());
    log.info("recovery.ended", { ...fields, note: text });
    return 0;
  }

  #later({ outcome, text }: RecoveryRun): void {
    this.#failures = outcome === "limited" ? 0 : this.#failures + 1;
    const pause =
      outcome === "limited"
        ? LIMITED_PAUSE_MS
        : outcome === "refused"
          ? LONGEST_PAUSE_MS
          : Math.min(LONGEST_PAUSE_MS, FAILED_PAUSE_MS * 2 ** (this.#failures - 1));
    this.#nextTryAt = this.#deps.clock.now() + pause;
    this.#trouble = text;
  }

  /** Keeps the lease; aborts the run if it is somebody else's. */
  #renewing(lease: RecoveryLease, lost: AbortController): { cancel(): void } {
    const { clock } = this.#deps;
    let timer: Timer;
    const renew = (): void => {
      lease
        .renew()
        .then((isOurs) => {
          if (!isOurs) lost.abort();
        })
        .catch((error: unknown) => {
          // The storage is away: the lease ends by itself, unless it is back in time.
          if (!(error instanceof UpstreamError)) throw error;
        });
      timer = clock.after(LEASE_MS / 4, renew);
    };
    timer = clock.after(LEASE_MS / 4, renew);
    return { cancel: () => timer.cancel() };
  }
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
