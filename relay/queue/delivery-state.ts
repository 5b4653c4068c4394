/**
 * The life of a delivery: one event on its way to one target.
 *
 *   waiting -> sending              claimed by the one worker that may send it now
 *   sending -> done                 the target took it
 *   sending -> waiting (due later)  it failed in a way that may pass; the attempt counts
 *   sending -> waiting (due now)    released: nothing was tried, or the relay is shutting down; no attempt counts
 *   sending -> dead                 the target refused it for good, or attempts or age are used up
 *   waiting -> dead                 its target no longer exists, and it is too old
 *   waiting, dead -> dead           moved: a delivery to another target stands for it
 *   sending -> waiting              the process died: found as `waiting` at the next start, or when its lease ran out
 *
 * done and dead are final. A replay is a delivery of its own, with its own number, whatever became of the earlier ones.
 */

import { EXCHANGES_KEPT, type Exchange } from "./exchange.ts";

export interface Attempt {
  /** Wall clock of its start, milliseconds. */
  readonly at: number;
  readonly durationMs: number;
  /** HTTP status of the answer; null if there was none. */
  readonly status: number | null;
  /** Why it failed, in words fit for an operator; null if it did not. Holds no secret. */
  readonly error: string | null;
  /** Beginning of the answer's body, at most 512 characters. */
  readonly excerpt: string | null;
  /** Steps that a handler named, in order. */
  readonly steps?: readonly {
    readonly name: string;
    readonly durationMs: number;
    readonly error: string | null;
  }[];
  /** What went over the wire; absent for older attempts and for targets that send no request. */
  readonly exchange?: Exchange;
}

export type DeliveryState = "waiting" | "sending" | "done" | "dead";

export interface Delivery {
  readonly eventId: string;
  readonly target: string;
  /** 0 for the first delivery, then 1, 2 ... for each replay to this target. */
  readonly replay: number;
  readonly state: DeliveryState;
  /** Attempts that counted. */
  readonly attempts: number;
  /** Wall clock of the first attempt; null before it. */
  readonly firstAttemptAt: number | null;
  /** Wall clock from which it may be sent; null in a final state. */
  readonly dueAt: number | null;
  /** Wall clock at which it became done or dead. */
  readonly endedAt: number | null;
  /** Why it is dead; null otherwise. */
  readonly reason: string | null;
  /** The target that it was moved to, as its own no longer exists: another delivery stands for it. */
  readonly movedTo?: string;
  /** The last attempts, oldest first. */
  readonly history: readonly Attempt[];
}

/** What a worker says at the end of a claim. */
export type Settlement =
  | { readonly outcome: "done"; readonly at: number; readonly attempt: Attempt }
  | { readonly outcome: "retry"; readonly at: number; readonly attempt: Attempt; readonly dueAt: number }
  | { readonly outcome: "dead"; readonly at: number; readonly attempt: Attempt; readonly reason: string }
  | { readonly outcome: "released"; readonly dueAt: number };

/** Attempts whose details are kept with a delivery. */
export const HISTORY_LENGTH = 30;

/** A delivery without an attempt yet. */
export function newDelivery(eventId: string, target: string, replay: number, dueAt: number): Delivery {
  return {
    eventId,
    target,
    replay,
    state: "waiting",
    attempts: 0,
    firstAttemptAt: null,
    dueAt,
    endedAt: null,
    reason: null,
    history: [],
  };
}

function withAttempt(delivery: Delivery, attempt: Attempt): Delivery {
  return {
    ...delivery,
    attempts: delivery.attempts + 1,
    firstAttemptAt: delivery.firstAttemptAt ?? attempt.at,
    history: withNewest(delivery.history, attempt),
  };
}

/** Only the newest attempts keep what went over the wire. */
function withNewest(history: readonly Attempt[], attempt: Attempt): Attempt[] {
  if (history.length === 0) return [attempt];
  const kept = [...history, attempt].slice(-HISTORY_LENGTH);
  const place = kept.length - 1 - EXCHANGES_KEPT;
  const former = kept[place];
  if (former?.exchange !== undefined) {
    const { exchange: _exchange, ...rest } = former;
    kept[place] = rest;
  }
  return kept;
}

/** A delivery that ends without an attempt. */
export function givenUp(delivery: Delivery, at: number, reason: string): Delivery {
  return { ...delivery, state: "dead", dueAt: null, endedAt: at, reason };
}

/** A delivery that another one, to the target `to`, stands for from now on. */
export function moved(delivery: Delivery, at: number, to: string): Delivery {
  return { ...givenUp(delivery, at, `Moved to the target "${to}"`), movedTo: to };
}

/** The state after a settlement of a delivery that was being sent. */
export function settled(delivery: Delivery, settlement: Settlement): Delivery {
  switch (settlement.outcome) {
    case "done":
      return {
        ...withAttempt(delivery, settlement.attempt),
        state: "done",
        dueAt: null,
        endedAt: settlement.at,
      };
    case "retry":
      return { ...withAttempt(delivery, settlement.attempt), state: "waiting", dueAt: settlement.dueAt };
    case "dead":
      return {
        ...withAttempt(delivery, settlement.attempt),
        state: "dead",
        dueAt: null,
        endedAt: settlement.at,
        reason: settlement.reason,
      };
    case "released":
      return { ...delivery, state: "waiting", dueAt: settlement.dueAt };
    default:
      return settlement satisfies never;
  }
}
