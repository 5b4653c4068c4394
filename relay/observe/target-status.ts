/** What is shown of each target: its settings, its worker, and what the last minutes and the last hour saw. */
import type { Clock } from "../../lib/clock.ts";
import { isObject } from "../../lib/json.ts";
import type { Config } from "../config/schema.ts";
import type { WorkerStatus } from "../delivery/worker.ts";
import type { DeliveryWorkers } from "../delivery/workers.ts";
import { targetAddress } from "../targets/registry.ts";
import type { Attempt } from "../queue/delivery-state.ts";
import type { Queue, QueueEvent } from "../queue/queue.ts";
import { ErrorClasses, type ErrorClass } from "./hour/error-classes.ts";
import { Hour, type HourMinute } from "./hour/hour.ts";

/** One target's worker, as it is now. */
export interface TargetStatus {
  readonly name: string;
  /** `http`, `log`, `module` or `pipeline`. */
  readonly type: string;
  /** Where it delivers to, fit to be shown: no user info, no query. Null if it has no address. */
  readonly address: string | null;
  /** False: switched off, apart from projects for which an override switches it on. */
  readonly enabled: boolean;
  readonly breaker: "closed" | "open" | "half-open";
  /** Wall clock at which an open breaker lets a probe through; null unless it is open. */
  readonly breakerUntil: number | null;
  /** Attempts under way. */
  readonly inFlight: number;
  /** Attempts that may be under way at once. */
  readonly concurrency: number;
  /** Milliseconds until the rate limit lets an attempt start; null: there is no limit. */
  readonly rateWaitMs: number | null;
  /** Attempts that ended in the last minute. */
  readonly attemptsLastMinute: number;
  /** Attempts that ended in the last ten minutes, and how many of them failed. */
  readonly attemptsLastTenMinutes: number;
  readonly failedLastTenMinutes: number;
  /** Deliveries that came to wait in the last ten minutes less those that ended: above 0, the backlog grows. */
  readonly trend: number;
  readonly lastHour: TargetHour;
  /** The last failed attempt since the start; null: none. */
  readonly lastError: LastError | null;
  /** Failed attempts since the start by their kind, the most frequent first. */
  readonly errors: readonly ErrorClass[];
}

export interface LastError {
  readonly at: number;
  readonly text: string;
  readonly eventId: string;
}

export interface TargetHour {
  /** Attempts that the target took. */
  readonly succeeded: number;
  readonly failed: number;
  /** Milliseconds of an attempt, the 95th percentile; null: there was none. */
  readonly p95Ms: number | null;
}

export type TargetMinute = HourMinute<"succeeded" | "failed">;

/** What came and went in the last ten minutes. */
export interface TargetFlow {
  readonly arrived: number;
  readonly ended: number;
  /** Wall clock of the minute, in the last hour, from which most attempts of each minute failed; null: they do not. */
  readonly failingSince: number | null;
}

export interface TargetBoard {
  /** Every configured target, in the order of the configuration. */
  list(): TargetStatus[];
  flow(target: string): TargetFlow;
  /** The last hour of a target, oldest first. */
  minutes(target: string): readonly TargetMinute[];
  /** For after a restart. */
  save(): unknown;
  restore(saved: unknown): void;
  /** Stops counting. */
  close(): void;
}

export interface BoardDeps {
  readonly queue: Pick<Queue, "onEvent">;
  readonly delivery: Pick<DeliveryWorkers<never>, "status">;
  readonly config: () => Config;
  readonly clock: Clock;
}

/** Counts from now on, in fixed space per target, whatever the traffic. */
export function createTargetBoard(deps: BoardDeps): TargetBoard {
  return new Board(deps);
}

class Board implements TargetBoard {
  readonly #deps: BoardDeps;
  readonly #tallies = new Map<string, Tally>();
  readonly close: () => void;

  constructor(deps: BoardDeps) {
    this.#deps = deps;
    this.close = deps.queue.onEvent((event) => this.#hear(event));
  }

  flow(target: string): TargetFlow {
    const now = this.#second();
    const tally = this.#tallies.get(target);
    return {
      arrived: tally?.arrived.total(now) ?? 0,
      ended: tally?.ended.total(now) ?? 0,
      failingSince: failingSince(this.minutes(target)),
    };
  }

  minutes(target: string): readonly TargetMinute[] {
    return this.#tallyOf(target).hour.minutes(this.#deps.clock.now());
  }

  list(): TargetStatus[] {
    const { config, delivery } = this.#deps;
    const status = delivery.status();
    return Object.entries(config().targets).map(([name, target]) =>
      Object.assign(this.#worker(status.get(name)), this.#figures(name), {
        name,
        type: target.type,
        address: targetAddress(target),
        enabled: target.enabled,
        concurrency: target.concurrency,
      }),
    );
  }

  save(): unknown {
    return Object.fromEntries([...this.#tallies].map(([name, tally]) => [name, tally.hour.save()]));
  }

  restore(saved: unknown): void {
    if (!isObject(saved)) return;
    const wall = this.#deps.clock.now();
    for (const [name, hour] of Object.entries(saved)) this.#tallyOf(name).restore(hour, wall, this.#second());
  }

  #worker(worker: WorkerStatus | undefined) {
    const opensInMs = worker?.opensInMs ?? null;
    return {
      breaker: worker?.breaker ?? ("closed" as const),
      breakerUntil: opensInMs === null ? null : this.#deps.clock.now() + opensInMs,
      inFlight: worker === undefined ? 0 : worker.sending.first + worker.sending.retry,
      rateWaitMs: worker?.rateWaitMs ?? null,
    };
  }

  #figures(name: string) {
    const now = this.#second();
    const wall = this.#deps.clock.now();
    const tally = this.#tallyOf(name);
    return {
      attemptsLastMinute: tally.lastMinute.total(now),
      attemptsLastTenMinutes: tally.attempts.total(now),
      failedLastTenMinutes: tally.failed.total(now),
      trend: tally.arrived.total(now) - tally.ended.total(now),
      lastHour: { ...tally.hour.total(wall), p95Ms: tally.hour.quantile(wall, 0.95) },
      lastError: tally.lastError,
      errors: tally.errors.list(),
    };
  }

  #hear(event: QueueEvent): void {
    const now = this.#second();
    if (event.type === "routed" || event.type === "replayed") {
      for (const target of event.targets) this.#tallyOf(target).arrived.add(now);
      return;
    }
    if (event.type !== "settled" || event.attempt === null) return;
    const tally = this.#tallyOf(event.delivery.target);
    tally.lastMinute.add(now);
    tally.attempts.add(now);
    if (event.delivery.state !== "waiting") tally.ended.add(now);
    this.#note(tally, event.attempt, event.meta.id);
    if (event.attempt.error !== null) tally.failed.add(now);
  }

  #note(tally: Tally, attempt: Attempt, eventId: string): void {
    const wall = this.#deps.clock.now();
    tally.hour.add(wall, attempt.error === null ? "succeeded" : "failed");
    tally.hour.time(wall, attempt.durationMs);
    if (attempt.error === null) return;
    tally.lastError = { at: attempt.at, text: attempt.error, eventId };
    tally.errors.add(attempt);
  }

  #tallyOf(target: string): Tally {
    let tally = this.#tallies.get(target);
    if (tally === undefined) this.#tallies.set(target, (tally = new Tally()));
    return tally;
  }

  #second(): number {
    return Math.floor(this.#deps.clock.monotonic() / 1000);
  }
}

/** Minutes without an attempt say nothing. */
function failingSince(minutes: readonly TargetMinute[]): number | null {
  let since: number | null = null;
  for (const { at, counts } of minutes.toReversed()) {
    if (counts.failed + counts.succeeded === 0) continue;
    if (counts.failed <= counts.succeeded) return since;
    since = at;
  }
  return since;
}

const SLOTS = 60;
const MINUTE_MS = 60_000;

/** A ring of 60 counts, each of one or more seconds. */
class SlidingCount {
  readonly #counts = new Uint32Array(SLOTS);
  readonly #slotSeconds: number;
  #last = 0;

  constructor(slotSeconds: number) {
    this.#slotSeconds = slotSeconds;
  }

  add(seconds: number): void {
    const slot = this.#moveTo(seconds);
    this.#counts[slot % SLOTS] = (this.#counts[slot % SLOTS] as number) + 1;
  }

  /** Counts what happened before; what is too long ago is left out. */
  addPast(seconds: number, agoSeconds: number, count: number): void {
    const slot = Math.floor((seconds - agoSeconds) / this.#slotSeconds);
    if (this.#moveTo(seconds) - slot >= SLOTS) return;
    // The clock may have begun less than that ago.
    const index = ((slot % SLOTS) + SLOTS) % SLOTS;
    this.#counts[index] = (this.#counts[index] as number) + count;
  }

  total(seconds: number): number {
    this.#moveTo(seconds);
    return this.#counts.reduce((sum, count) => sum + count, 0);
  }

  #moveTo(seconds: number): number {
    const slot = Math.floor(seconds / this.#slotSeconds);
    if (slot - this.#last >= SLOTS) this.#counts.fill(0);
    else for (let s = this.#last + 1; s <= slot; s += 1) this.#counts[s % SLOTS] = 0;
    this.#last = slot;
    return slot;
  }
}

/** Of the last minute, to the second; of ten minutes, to ten seconds; of the hour, to the minute. */
class Tally {
  readonly lastMinute = new SlidingCount(1);
  readonly attempts = new SlidingCount(10);
  readonly failed = new SlidingCount(10);
  readonly arrived = new SlidingCount(10);
  readonly ended = new SlidingCount(10);
  readonly hour = new Hour(["succeeded", "failed"] as const);
  readonly errors = new ErrorClasses();
  lastError: LastError | null = null;

  /** Of the hour, what is of the last ten minutes counts there, too: a target that failed before a restart fails after it. */
  restore(saved: unknown, wall: number, seconds: number): void {
    this.hour.restore(saved);
    const past = new Hour(["succeeded", "failed"] as const);
    past.restore(saved);
    for (const { at, counts } of past.minutes(wall)) {
      const ago = Math.max(0, (wall - at - MINUTE_MS) / 1000);
      this.attempts.addPast(seconds, ago, counts.succeeded + counts.failed);
      this.failed.addPast(seconds, ago, counts.failed);
    }
  }
}
