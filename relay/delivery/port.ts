/**
 * What a target is to the worker: something that takes one event at a time and says how that ended. delivery/ owns this port; targets/ has a folder for each type.
 */
import type { Cancellation } from "../../lib/cancellation.ts";
import type { EventMeta } from "../event/event.ts";
import type { Attempt } from "../queue/delivery-state.ts";
import type { AnswerHeaders, SentRequest } from "../queue/exchange.ts";

/** How one attempt ended, as the target's adapter says it. */
export interface AttemptResult {
  /** `retry`: worth another attempt; `dead`: the other side will never take it. */
  readonly verdict: "done" | "retry" | "dead";
  /** HTTP status of the answer; null if there was none. */
  readonly status: number | null;
  /** Why it was not taken, fit for an operator's eyes; null if it was. */
  readonly error: string | null;
  /** Beginning of the answer's body, at most EXCERPT_LENGTH characters; null if there was none. */
  readonly excerpt: string | null;
  /** What the target asked us to wait, in seconds; null: nothing. */
  readonly retryAfterSeconds: number | null;
  readonly steps?: NonNullable<Attempt["steps"]>;
}

/** Characters of an answer that are kept with the attempt. */
export const EXCERPT_LENGTH = 512;

/** One attempt. */
export interface Sending {
  readonly meta: EventMeta;
  readonly body: Uint8Array;
  /** From 1. */
  readonly attempt: number;
  /** 0 for the delivery after receipt, then 1, 2 ... for each replay. */
  readonly replay: number;
  /** Aborts when the attempt's time is up, the claim is lost or the relay stops. */
  readonly signal: Cancellation;
  /** Is told what goes over the wire. @default not told */
  readonly wire?: Wire;
}

/** What an attempt tells about its request, so that an operator can see it. */
export interface Wire {
  /** Before it goes out; with a second request, the second one counts. */
  sent(request: SentRequest): void;
  answered(headers: AnswerHeaders): void;
}

export interface Target {
  /**
   * Sends the event. Whatever the other side does is a result; it rejects with the signal's reason soon after the signal aborts,
   * and with anything else only for a bug of ours.
   */
  send(sending: Sending): Promise<AttemptResult>;
  /** Lets go of connections and threads. Nothing is under way any more. */
  close(): Promise<void>;
}
