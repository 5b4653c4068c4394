/**
 * The worker of one target: claims what is due, as much as its slots, breaker and rate limit let start now, and runs the
 * attempts. Nothing is claimed that cannot start at once, so that waiting uses up no attempt.
 *
 * It is woken by the queue (onWork), by a freed slot, by a timer where the breaker or the rate limit made it wait, and now and
 * then by itself, should a wake-up have been lost. A queue that fails makes it pause, longer each time; nothing ends it.
 */
import { setImmediate } from "node:timers";
import type { Clock, Timer } from "../../lib/clock.ts";
import { messageOf } from "../../lib/errors.ts";
import type { Log } from "../../lib/log.ts";
import type { Settlement } from "../queue/delivery-state.ts";
import type { Claim, Queue } from "../queue/queue.ts";
import type { Target } from "./port.ts";
import type { DeliverySettings } from "./settings.ts";
import { QUEUE_BACKOFF, runAttempt } from "./attempt.ts";
import { waitMs } from "./backoff.ts";
import { admitted, afterEnd, afterStart, atTime, CLOSED, type Breaker } from "./breaker.ts";
import { alreadyHalted, type Halt } from "./halt.ts";
import { createRate, type Rate } from "./rate.ts";
import { nextAsk } from "./slots.ts";

/** Longest time that a lost wake-up can cost, in milliseconds. */
const POLL_MS = 5_000;
/** A claim that the queue has not answered for so long is a sign of trouble, in milliseconds. */
const STUCK_MS = 60_000;

export interface WorkerDeps {
  readonly queue: Pick<Queue, "claim">;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
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
  /** Milliseconds until the breaker lets a probe through; null where it is not open. */
  readonly opensInMs: number | null;
  /** Milliseconds until the rate limit lets an attempt start; null where there is no limit. */
  readonly rateWaitMs: number | null;
  /** Wall clock, milliseconds; null: none since the start. */
  readonly lastDoneAt: number | null;
  readonly lastFailure: { readonly at: number; readonly error: string } | null;
}

export interface Worker {
  /** Looks for work soon. */
  wake(): void;
  /** New settings: for what is claimed from now on; attempts under way end as they began. The breaker starts anew. */
  reconfigure(config: DeliverySettings, target: Target): void;
  /** Claims nothing more; resolves when nothing is under way and the target is closed. */
  retire(): Promise<void>;
  status(): WorkerStatus;
  /** False where the queue has owed it an answer for a minute. */
  alive(): boolean;
}

/** A target as configured at one time, kept until its last attempt has ended. */
interface Generation {
  readonly config: DeliverySettings;
  readonly target: Target;
  sending: number;
}

export function createWorker(
  name: string,
  config: DeliverySettings,
  target: Target,
  deps: WorkerDeps,
): Worker {
  const { queue, clock, random } = deps;
  const log = deps.log.child({ target: name });
  let current: Generation = { config, target, sending: 0 };
  let rate = rateOf(config);
  let breaker: Breaker = CLOSED;
  const sending = { first: 0, retry: 0 };
  let last: "first" | "retry" = "retry";
  let retired = false;
  let scheduled = false;
  let claimingSince: number | null = null;
  let wokenMeanwhile = false;
  let queueFailures = 0;
  /** Set while a failing queue is given a rest. */
  let pause: Timer | null = null;
  let alarm: Timer | null = null;
  let lastDoneAt: number | null = null;
  let lastFailure: WorkerStatus["lastFailure"] = null;
  const idleWaiters: (() => void)[] = [];
  const closing = new Set<Promise<void>>();

  const wake = (): void => {
    if (retired || pause !== null || scheduled) return;
    if (claimingSince !== null) {
      wokenMeanwhile = true;
      return;
    }
    // One claim for all slots that become free in this turn of the event loop.
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      void look();
    });
  };

  async function look(): Promise<void> {
    claimingSince = clock.monotonic();
    wokenMeanwhile = false;
    try {
      await fill();
      queueFailures = 0;
    } catch (error) {
      queueFailures += 1;
      const pauseMs = waitMs(QUEUE_BACKOFF, queueFailures, null, random);
      log.error("delivery.unclaimed", { tries: queueFailures, pauseMs, error: messageOf(error) });
      pause = clock.after(pauseMs, () => {
        pause = null;
        wake();
      });
    } finally {
      claimingSince = null;
    }
    if (wokenMeanwhile) wake();
    setAlarm();
    noteIdle();
  }

  async function fill(): Promise<void> {
    const dry = { first: false, retry: false };
    for (;;) {
      if (retired) return;
      const now = clock.monotonic();
      breaker = atTime(breaker, now);
      const { concurrency } = current.config;
      const wanted = Math.min(concurrency, rate?.available(now) ?? concurrency);
      const ask = nextAsk({ concurrency, ...sending, last }, admitted(breaker, wanted), dry);
      if (ask === null) return;
      const claims = await queue.claim(name, ask);
      const retries = claims.filter(isRetry).length;
      if (claims.length - retries < ask.first) dry.first = true;
      if (retries < ask.retry) dry.retry = true;
      for (const claim of claims) start(claim);
    }
  }

  function start(claim: Claim): void {
    const generation = current;
    const side = isRetry(claim) ? "retry" : "first";
    const probe = breaker.state === "half-open";
    sending[side] += 1;
    generation.sending += 1;
    last = side;
    rate?.take(1, clock.monotonic());
    breaker = afterStart(breaker);
    // What was claimed while the worker was retired is given back at once.
    const stopping = retired ? alreadyHalted() : deps.stopping;
    void runAttempt(claim, generation.config, generation.target, {
      clock,
      random,
      log,
      stopping,
    }).then((ended) => {
      sending[side] -= 1;
      generation.sending -= 1;
      if (generation === current) {
        const before = breaker.state;
        breaker = afterEnd(breaker, ended.sign, probe, generation.config.breaker, clock.monotonic());
        noteBreaker(before, breaker, generation.config);
      }
      if (ended.settlement !== null) noteSettlement(claim, ended.settlement);
      if (generation !== current && generation.sending === 0) close(generation);
      wake();
      setAlarm();
      noteIdle();
    });
  }

  /** Wakes the worker when breaker or rate limit let the next attempt start, at the latest after POLL_MS. */
  function setAlarm(): void {
    alarm?.cancel();
    alarm = null;
    if (retired) return;
    const now = clock.monotonic();
    const waits = [POLL_MS * (0.75 + random() / 2)];
    if (breaker.state === "open") waits.push(Math.max(0, breaker.until - now));
    const rateWait = rate?.waitMs(now) ?? 0;
    if (rateWait > 0) waits.push(rateWait);
    alarm = clock.after(Math.ceil(Math.min(...waits)), () => {
      wake();
      setAlarm();
    });
  }

  function noteSettlement(claim: Claim, settlement: Settlement): void {
    const eventId = claim.meta.id;
    const { replay } = claim.delivery;
    const attempt = claim.delivery.attempts + 1;
    if (settlement.outcome === "released") {
      log.debug("delivery.released", { eventId, replay, attempt });
      return;
    }
    const { status, error, durationMs } = settlement.attempt;
    const facts = { eventId, replay, attempt, status, durationMs };
    if (settlement.outcome === "done") {
      lastDoneAt = settlement.at;
      log.debug("delivery.done", facts);
      return;
    }
    lastFailure = { at: settlement.at, error: error ?? "failed" };
    if (settlement.outcome === "dead") log.warn("delivery.dead", { ...facts, reason: settlement.reason });
    else log.info("delivery.retry", { ...facts, error, inMs: Math.max(0, settlement.dueAt - settlement.at) });
  }

  function noteBreaker(before: Breaker["state"], after: Breaker, settings: DeliverySettings): void {
    if (before === after.state) return;
    if (after.state === "open") {
      log.warn("breaker.open", { cooldownSeconds: settings.breaker.cooldownSeconds });
    } else if (after.state === "closed") log.info("breaker.closed");
  }

  function close(generation: Generation): void {
    const closed = generation.target
      .close()
      .catch((error: unknown) => log.warn("target.unclosed", { error: messageOf(error) }))
      .finally(() => closing.delete(closed));
    closing.add(closed);
  }

  function noteIdle(): void {
    if (!retired || claimingSince !== null || scheduled || sending.first + sending.retry > 0) return;
    for (const waiter of idleWaiters.splice(0)) waiter();
  }

  setAlarm();
  return {
    wake,
    reconfigure(nextConfig, nextTarget) {
      const old = current;
      current = { config: nextConfig, target: nextTarget, sending: 0 };
      if (JSON.stringify(old.config.rateLimit) !== JSON.stringify(nextConfig.rateLimit)) {
        rate = rateOf(nextConfig);
      }
      breaker = CLOSED;
      if (old.sending === 0) close(old);
      wake();
    },
    async retire() {
      retired = true;
      pause?.cancel();
      alarm?.cancel();
      await new Promise<void>((resolve) => {
        idleWaiters.push(resolve);
        noteIdle();
      });
      close(current);
      await Promise.all(closing);
    },
    status() {
      const now = clock.monotonic();
      const seen = atTime(breaker, now);
      return {
        type: current.config.type,
        concurrency: current.config.concurrency,
        sending: { ...sending },
        breaker: seen.state,
        failuresInARow: seen.state === "closed" ? seen.failures : current.config.breaker.failures,
        opensInMs: seen.state === "open" ? seen.until - now : null,
        rateWaitMs: rate?.waitMs(now) ?? null,
        lastDoneAt,
        lastFailure,
      };
    },
    alive: () => claimingSince === null || clock.monotonic() - claimingSince < STUCK_MS,
  };
}

function isRetry(claim: Claim): boolean {
  return claim.delivery.attempts > 0;
}

function rateOf(config: DeliverySettings): Rate | null {
  return config.rateLimit === undefined ? null : createRate(config.rateLimit);
}
