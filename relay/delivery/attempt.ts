/**
 * One attempt from claim to settlement: sends within the time allowed, decides what its end means, and tells the queue,
 * however often that takes.
 */
import { Cancellable } from "../../lib/cancellation.ts";
import type { Clock } from "../../lib/clock.ts";
import { messageOf } from "../../lib/errors.ts";
import type { Log } from "../../lib/log.ts";
import type { Attempt, Settlement } from "../queue/delivery-state.ts";
import type { Claim } from "../queue/queue.ts";
import type { AttemptResult } from "./port.ts";
import { waitMs } from "./backoff.ts";
import type { Sign } from "./breaker.ts";
import type { Generation } from "./generations.ts";
import type { Halt } from "./halt.ts";
import { resultOfFailure, settlementOf, withRetriedStatuses } from "./outcome.ts";
import { WireNotes } from "./wire-notes.ts";

/** Waits between two tries on a queue that fails, in seconds. */
export const QUEUE_BACKOFF = { baseSeconds: 0.1, capSeconds: 30 } as const;

export interface AttemptDeps {
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  /** Halts when the relay's time to finish is over: attempts are called off, a failing queue is asked once more only. */
  readonly stopping: Halt;
}

export interface EndedAttempt {
  readonly sign: Sign;
  /** What the queue was told; null if the claim was lost. */
  readonly settlement: Settlement | null;
}

type Mutable<T> = { -readonly [Name in keyof T]: T[Name] };

const TIME_UP = new Error("the attempt's time is up");
const LOST = new Error("another relay has taken the delivery over");
const STOPPING = new Error("the relay is stopping");

/** Never rejects. A crash on the way leaves the delivery to be sent again. */
export async function runAttempt(
  claim: Claim,
  generation: Generation,
  deps: AttemptDeps,
): Promise<EndedAttempt> {
  const begun = { at: deps.clock.now(), monotonic: deps.clock.monotonic() };
  const wire = new WireNotes();
  const result = await sendInTime(claim, generation, wire, deps);
  if (result === LOST) return { sign: "called-off", settlement: null };
  if (result === STOPPING) {
    const settlement: Settlement = { outcome: "released", dueAt: claim.delivery.dueAt ?? begun.at };
    await settleSurely(claim, settlement, deps);
    return { sign: "called-off", settlement };
  }
  const { retry } = generation.config;
  const ended = withRetriedStatuses(result as AttemptResult, retry.statuses);
  const attempt = keptAttempt({ begun, claim, result: ended, wire }, deps.clock);
  const end = { result: ended, attempt, delivery: claim.delivery, endedAt: deps.clock.now() };
  const settlement = settlementOf(end, retry, deps.random);
  await settleSurely(claim, settlement, deps);
  return { sign: ended.verdict === "retry" ? "failed" : "answered", settlement };
}

interface EndOfSending {
  readonly begun: { readonly at: number; readonly monotonic: number };
  readonly claim: Claim;
  readonly result: AttemptResult;
  readonly wire: WireNotes;
}

/** The attempt as it is kept. Not within an async function: every variable of one lives on the heap. */
function keptAttempt({ begun, claim, result, wire }: EndOfSending, clock: Clock): Attempt {
  const exchange = wire.exchange(claim.meta);
  const attempt: Mutable<Attempt> = {
    at: begun.at,
    durationMs: Math.round(clock.monotonic() - begun.monotonic),
    status: result.status,
    error: result.error,
    excerpt: wire.masked(result.excerpt),
  };
  if (result.steps !== undefined) attempt.steps = result.steps;
  if (exchange !== null) attempt.exchange = exchange;
  return attempt;
}

async function sendInTime(
  claim: Claim,
  { config, target, timeouts }: Generation,
  wire: WireNotes,
  deps: AttemptDeps,
): Promise<AttemptResult | typeof LOST | typeof STOPPING> {
  const signal = new Cancellable();
  const timer = timeouts.set(() => signal.abort(TIME_UP));
  signal.follow(claim.lost, LOST);
  const forgetStopping = deps.stopping.onHalt(() => signal.abort(STOPPING));
  const { delivery, meta, body } = claim;
  try {
    if (signal.aborted) throw signal.reason;
    return await target.send({
      meta,
      body,
      attempt: delivery.attempts + 1,
      replay: delivery.replay,
      signal,
      wire,
    });
  } catch (error) {
    if (signal.aborted && error === signal.reason) {
      if (error === TIME_UP) return resultOfFailure(`no answer within ${config.timeoutSeconds} s`);
      return error === LOST ? LOST : STOPPING;
    }
    // A target reports failures as results: this is a bug in it; the delivery is kept and retried.
    deps.log.error("delivery.broken", { eventId: meta.id, error: messageOf(error) });
    return resultOfFailure(messageOf(error));
  } finally {
    timer.cancel();
    signal.unfollow();
    forgetStopping();
  }
}

/** Settles, and tries again while the queue fails: until it works, the claim is lost or the relay's time is over. */
async function settleSurely(claim: Claim, settlement: Settlement, deps: AttemptDeps): Promise<void> {
  for (let failures = 1; ; failures++) {
    try {
      await claim.settle(settlement);
      return;
    } catch (error) {
      deps.log.error("queue.settle-failed", {
        eventId: claim.meta.id,
        outcome: settlement.outcome,
        tries: failures,
        error: messageOf(error),
      });
    }
    if (claim.lost.aborted || deps.stopping.halted) return;
    await pause(waitMs(QUEUE_BACKOFF, failures, null, deps.random), deps);
  }
}

/** Resolves after that time, or as soon as the relay's time is over. */
function pause(ms: number, deps: AttemptDeps): Promise<void> {
  return new Promise((resolve) => {
    const timer = deps.clock.after(ms, () => {
      forget();
      resolve();
    });
    const forget = deps.stopping.onHalt(() => {
      timer.cancel();
      resolve();
    });
  });
}
