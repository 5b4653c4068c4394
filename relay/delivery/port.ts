/**
 * What a target is to the worker: something that takes one event at a time and says how that ended. Each type has one file.
 */
import type { Cancellation } from "../../lib/cancellation.ts";
import type { Result } from "./outcome.ts";
import type { EventMeta } from "../event/event.ts";

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
}

export interface Target {
  /**
   * Sends the event. Whatever the other side does is a Result; it rejects with the signal's reason soon after the signal aborts,
   * and with anything else only for a bug of ours.
   */
  send(sending: Sending): Promise<Result>;
  /** Lets go of connections and threads. Nothing is under way any more. */
  close(): Promise<void>;
}
