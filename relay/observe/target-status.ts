/** What is shown of each target: its settings, its worker, and what the last minutes saw. */
import type { Clock } from "../../lib/clock.ts";
import type { Config } from "../config/schema.ts";
import type { DeliveryWorkers } from "../delivery/workers.ts";
import { targetAddress } from "../targets/registry.ts";
import type { Queue } from "../queue/queue.ts";

/** One target's worker, as it is now. */
export interface TargetStatus {
  readonly name: string;
  /** `http`, `log`, `module` or `pipeline`. */
  readonly type: string;
  /** Where it delivers to, fit to be shown: no user info, no query. Null where it has no address. */
  readonly address: string | null;
  readonly breaker: "closed" | "open" | "half-open";
  /** Wall clock at which an open breaker lets a probe through; null unless it is open. */
  readonly breakerUntil: number | null;
  /** Attempts under way. */
  readonly inFlight: number;
  /** Attempts that may be under way at once. */
  readonly concurrency: number;
  /** Attempts that ended in the last minute. */
  readonly attemptsLastMinute: number;
  /** Attempts that ended in the last ten minutes, and how many of them failed. */
  readonly attemptsLastTenMinutes: number;
  readonly failedLastTenMinutes: number;
  /** The last failed attempt since the start; null: none. */
  readonly lastError: { readonly at: number; readonly text: string; readonly eventId: string } | null;
}

/** What came and went in the last ten minutes. */
export interface TargetFlow {
  readonly arrived: number;
  readonly ended: number;
}

export interface TargetBoard {
  /** Every configured target, in the order of the configuration. */
  list(): TargetStatus[];
  flow(target: string): TargetFlow;
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
export function createTargetBoard({ queue, delivery, config, clock }: BoardDeps): TargetBoard {
  const tallies = new Map<string, Tally>();
  const tallyOf = (target: string): Tally => {
    let tally = tallies.get(target);
    if (tally === undefined) tallies.set(target, (tally = new Tally()));
    return tally;
  };
  const close = queue.onEvent((event) => {
    const now = second(clock);
    if (event.type === "routed" || event.type === "replayed") {
      for (const target of event.targets) tallyOf(target).arrived.add(now);
      return;
    }
    if (event.type !== "settled" || event.attempt === null) return;
    const { attempt, delivery: settled, meta } = event;
    const tally = tallyOf(settled.target);
    tally.lastMinute.add(now);
    tally.attempts.add(now);
    if (settled.state !== "waiting") tally.ended.add(now);
    if (attempt.error === null) return;
    tally.failed.add(now);
    tally.lastError = { at: attempt.at, text: attempt.error, eventId: meta.id };
  });
  return {
    close,
    flow(target) {
      const now = second(clock);
      const tally = tallies.get(target);
      return { arrived: tally?.arrived.total(now) ?? 0, ended: tally?.ended.total(now) ?? 0 };
    },
    list() {
      const status = delivery.status();
      const now = second(clock);
      return Object.entries(config().targets).map(([name, target]) => {
        const worker = status.get(name);
        const tally = tallies.get(name);
        const opensInMs = worker?.opensInMs ?? null;
        return {
          name,
          type: target.type,
          address: targetAddress(target),
          breaker: worker?.breaker ?? "closed",
          breakerUntil: opensInMs === null ? null : clock.now() + opensInMs,
          inFlight: worker === undefined ? 0 : worker.sending.first + worker.sending.retry,
          concurrency: target.concurrency,
          attemptsLastMinute: tally?.lastMinute.total(now) ?? 0,
          attemptsLastTenMinutes: tally?.attempts.total(now) ?? 0,
          failedLastTenMinutes: tally?.failed.total(now) ?? 0,
          lastError: tally?.lastError ?? null,
        };
      });
    },
  };
}

function second(clock: Clock): number {
  return Math.floor(clock.monotonic() / 1000);
}

const SLOTS = 60;

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

/** Of the last minute, to the second; the others of ten minutes, to ten seconds. */
class Tally {
  readonly lastMinute = new SlidingCount(1);
  readonly attempts = new SlidingCount(10);
  readonly failed = new SlidingCount(10);
  readonly arrived = new SlidingCount(10);
  readonly ended = new SlidingCount(10);
  lastError: TargetStatus["lastError"] = null;
}
