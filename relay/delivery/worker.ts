/**
 * The worker of one target: claims what is due, as much as its slots, breaker and rate limit let start now, and runs the
 * attempts. Nothing is claimed that cannot start at once, so that waiting uses up no attempt.
 *
 * It is woken by the queue (onWork), by a freed slot, by a timer if the breaker or the rate limit made it wait, and now and
 * then by itself, in case a wake-up was lost. A queue that fails makes it pause, longer each time; nothing ends it.
 */
import { setImmediate } from "node:timers";
import type { Clock, Timer } from "../../lib/clock.ts";
import { messageOf } from "../../lib/errors.ts";
import type { Log } from "../../lib/log.ts";
import type { Claim, Queue } from "../queue/queue.ts";
import { Admission, sideOf, type Admitted } from "./admission.ts";
import { QUEUE_BACKOFF, runAttempt, type AttemptDeps, type EndedAttempt } from "./attempt.ts";
import { waitMs } from "./backoff.ts";
import type { Breaker } from "./breaker.ts";
import { Generations, type Generation } from "./generations.ts";
import { alreadyHalted, type Halt } from "./halt.ts";
import { incomingTraceId, type TraceIdOf } from "../event/trace.ts";
import { OutcomeLog } from "./outcome-log.ts";
import type { Target } from "./port.ts";
import type { DeliverySettings } from "./settings.ts";

/** Longest time that a lost wake-up can cost, in milliseconds. */
const POLL_MS = 5_000;
/** A claim that the queue has not answered for so long is a sign of trouble, in milliseconds. */
const STUCK_MS = 60_000;

export interface WorkerDeps {
  readonly queue: Pick<Queue, "claim">;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  /** @default the id of the trace that the event came with */
  readonly traceIdOf?: TraceIdOf | undefined;
  /** Halts when attempts that are still under way are to be called off. */
  readonly stopping: Halt;
}

/** What an operator sees of a target's worker. */
export interface WorkerStatus {
  readonly type: string;
  readonly concurrency: number;
  /** Attempts under way. */
  readonly sending: { readonly first: number; readonly retry: number };
  readonly breaker: Breaker["state"];
  readonly failuresInARow: number;
  /** Milliseconds until the breaker lets a probe through; null if it is not open. */
  readonly opensInMs: number | null;
  /** Milliseconds until the rate limit lets an attempt start; null if there is no limit. */
  readonly rateWaitMs: number | null;
  /** Wall clock, milliseconds; null: none since the start. */
  readonly lastDoneAt: number | null;
  readonly lastFailure: { readonly at: number; readonly error: string } | null;
}

export class Worker {
  readonly #name: string;
  readonly #deps: WorkerDeps;
  readonly #log: Log;
  readonly #admission: Admission;
  readonly #generations: Generations;
  readonly #attemptDeps: AttemptDeps;
  readonly #outcomes: OutcomeLog;
  /** It claims nothing more and ends. */
  #retired = false;
  /** It looks for work when this turn of the event loop ends. */
  #scheduled = false;
  /** Monotonic time since which the queue owes it an answer; null if it owes none. */
  #claimingSince: number | null = null;
  /** It was woken while it waited for the queue. */
  #wokenMeanwhile = false;
  #queueFailures = 0;
  /** Set while a failing queue is given a rest. */
  #pause: Timer | null = null;
  /** Wakes it when the next attempt may start. */
  #alarm: Timer | null = null;
  /** Monotonic time at which the alarm goes off. */
  #alarmAt = Infinity;
  readonly #idleWaiters: (() => void)[] = [];

  constructor(name: string, config: DeliverySettings, target: Target, deps: WorkerDeps) {
    this.#name = name;
    this.#deps = deps;
    this.#log = deps.log.child({ target: name });
    this.#admission = new Admission(config);
    this.#generations = new Generations(config, target, { clock: deps.clock, log: this.#log });
    const { clock, random, stopping } = deps;
    this.#attemptDeps = { clock, random, log: this.#log, stopping };
    this.#outcomes = new OutcomeLog(this.#log, deps.traceIdOf ?? incomingTraceId);
    this.#setAlarm();
  }

  /** Looks for work soon. */
  wake(): void {
    if (this.#retired || this.#pause !== null || this.#scheduled) return;
    if (this.#claimingSince !== null) {
      this.#wokenMeanwhile = true;
      return;
    }
    // One claim for all slots that become free in this turn of the event loop.
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      void this.#look();
    });
  }

  /** New settings: for what is claimed from now on; attempts under way end as they began. The breaker starts anew. */
  reconfigure(config: DeliverySettings, target: Target): void {
    this.#generations.replace(config, target);
    this.#admission.reconfigure(config);
    this.wake();
  }

  /** Claims nothing more; resolves when nothing is under way and the target is closed. */
  async retire(): Promise<void> {
    this.#retired = true;
    this.#pause?.cancel();
    this.#alarm?.cancel();
    await new Promise<void>((resolve) => {
      this.#idleWaiters.push(resolve);
      this.#noteIdle();
    });
    await this.#generations.close();
  }

  status(): WorkerStatus {
    const now = this.#deps.clock.monotonic();
    const { config } = this.#generations.current;
    const breaker = this.#admission.breaker(now);
    return {
      type: config.type,
      concurrency: config.concurrency,
      sending: { ...this.#admission.sending },
      breaker: breaker.state,
      failuresInARow: breaker.state === "closed" ? breaker.failures : config.breaker.failures,
      opensInMs: breaker.state === "open" ? breaker.until - now : null,
      rateWaitMs: this.#admission.rateWaitMs(now),
      lastDoneAt: this.#outcomes.lastDoneAt,
      lastFailure: this.#outcomes.lastFailure,
    };
  }

  /** False if the queue has owed it an answer for a minute. */
  alive(): boolean {
    return this.#claimingSince === null || this.#deps.clock.monotonic() - this.#claimingSince < STUCK_MS;
  }

  async #look(): Promise<void> {
    const { clock, random } = this.#deps;
    this.#claimingSince = clock.monotonic();
    this.#wokenMeanwhile = false;
    try {
      await this.#fill();
      this.#queueFailures = 0;
    } catch (error) {
      this.#queueFailures += 1;
      const tries = this.#queueFailures;
      const pauseMs = waitMs(QUEUE_BACKOFF, tries, null, random);
      this.#log.error("queue.claim-failed", { tries, pauseMs, error: messageOf(error) });
      this.#pause = clock.after(pauseMs, () => {
        this.#pause = null;
        this.wake();
      });
    } finally {
      this.#claimingSince = null;
    }
    if (this.#wokenMeanwhile) this.wake();
    this.#setAlarm();
    this.#noteIdle();
  }

  /** Claims and starts until no slot is free or nothing is left. */
  async #fill(): Promise<void> {
    const dry = { first: false, retry: false };
    while (!this.#retired) {
      const ask = this.#admission.ask(dry, this.#deps.clock.monotonic());
      if (ask === null) return;
      const capMs = this.#generations.current.config.retry.capSeconds * 1000;
      const claims = await this.#deps.queue.claim(this.#name, { ...ask, capMs });
      const now = this.#deps.clock.monotonic();
      let retries = 0;
      for (const claim of claims) {
        if (sideOf(claim) === "retry") retries += 1;
        this.#start(claim, now);
      }
      if (claims.length - retries < ask.first) dry.first = true;
      if (retries < ask.retry) dry.retry = true;
    }
  }

  /** @param now monotonic */
  #start(claim: Claim, now: number): void {
    const generation = this.#generations.begin();
    const admitted = this.#admission.start(claim, now);
    // What was claimed while the worker was retired is given back at once.
    const deps = this.#retired ? { ...this.#attemptDeps, stopping: alreadyHalted() } : this.#attemptDeps;
    void runAttempt(claim, generation, deps).then((ended) => this.#ended(claim, generation, admitted, ended));
  }

  #ended(claim: Claim, generation: Generation, admitted: Admitted, { sign, settlement }: EndedAttempt): void {
    this.#admission.free(admitted);
    if (generation === this.#generations.current) {
      const changed = this.#admission.judge(admitted, sign, this.#deps.clock.monotonic());
      if (changed !== null) this.#outcomes.breaker(changed, generation.config);
    }
    if (settlement !== null) this.#outcomes.settled(claim, settlement);
    this.#generations.end(generation);
    this.wake();
    this.#setAlarm();
    this.#noteIdle();
  }

  /**
   * Wakes the worker when breaker or rate limit let the next attempt start, at the latest after POLL_MS. An alarm that goes off before
   * that stays: setting one anew with each attempt takes longer than a wake-up for nothing.
   */
  #setAlarm(): void {
    const { clock, random } = this.#deps;
    if (this.#retired || (this.#alarmAt < Infinity && this.#admission.isUnhindered())) return;
    const now = clock.monotonic();
    const breaker = this.#admission.breaker(now);
    const rateWait = this.#admission.rateWaitMs(now) ?? 0;
    let delayMs = POLL_MS * (0.75 + random() / 2);
    if (breaker.state === "open") delayMs = Math.min(delayMs, Math.max(0, breaker.until - now));
    if (rateWait > 0) delayMs = Math.min(delayMs, rateWait);
    if (this.#alarmAt <= now + delayMs) return;
    this.#alarm?.cancel();
    this.#alarmAt = now + Math.ceil(delayMs);
    this.#alarm = clock.after(Math.ceil(delayMs), () => {
      this.#alarmAt = Infinity;
      this.wake();
      this.#setAlarm();
    });
  }

  #noteIdle(): void {
    if (!this.#retired || this.#claimingSince !== null || this.#scheduled || !this.#admission.isIdle())
      return;
    for (const waiter of this.#idleWaiters.splice(0)) waiter();
  }
}
