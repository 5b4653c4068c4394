/**
 * The target that is a stream of NATS JetStream: each event is one message, done once the stream has acknowledged that it is stored. An
 * attempt whose acknowledgement got lost is repeated with the same message id, which the stream recognises within its duplicate window.
 *
 * The connection is made with the first event, never in the background: while it is down attempts fail at once and the breaker holds
 * the rest, so that nothing is buffered here that the queue does not know of.
 */
import type { Cancellation } from "../../../lib/cancellation.ts";
import { messageOf } from "../../../lib/errors.ts";
import { resultOfFailure } from "../../delivery/outcome.ts";
import type { AttemptResult, Target } from "../../delivery/port.ts";
import { readCredentials, type NatsCredentials } from "./credentials.ts";
import { createMessages, type Message } from "./message.ts";
import type { NatsTargetSettings } from "./settings.ts";
import { openStreams, PayloadTooLargeError, type Streams } from "./streams.ts";

/** Throws a ConfigError if certificates or credentials cannot be read. */
export function createNatsTarget(config: NatsTargetSettings): Target {
  return new NatsTarget(config, readCredentials(config));
}

/** Credentials go with the connection, not with the message. */
const NONE: ReadonlySet<string> = new Set();

class NatsTarget implements Target {
  readonly #config: NatsTargetSettings;
  readonly #credentials: NatsCredentials;
  readonly #messageFor: ReturnType<typeof createMessages>;
  /** Of the connection that is there or being made; null: the next attempt makes one. */
  #streams: Promise<Streams> | null = null;

  constructor(config: NatsTargetSettings, credentials: NatsCredentials) {
    this.#config = config;
    this.#credentials = credentials;
    this.#messageFor = createMessages(config);
  }

  async send(sending: Parameters<Target["send"]>[0]): Promise<AttemptResult> {
    const { body, signal } = sending;
    if (signal.aborted) throw signal.reason;
    let message: Message;
    try {
      message = this.#messageFor(sending);
    } catch (error) {
      return { ...resultOfFailure(messageOf(error)), verdict: "dead" };
    }
    const headers = { ...message.headers, "nats-msg-id": message.id };
    sending.wire?.sent({ method: "PUB", url: message.subject, headers, hidden: NONE });
    try {
      const { stream, seq, duplicate } = await untilAborted(this.#publish(message, body), signal);
      sending.wire?.answered({});
      const excerpt = duplicate ? `${stream} had it already, as ${seq}` : `${stream} stored it as ${seq}`;
      return { verdict: "done", status: null, error: null, excerpt, retryAfterSeconds: null };
    } catch (error) {
      if (signal.aborted && error === signal.reason) throw error;
      const failure = resultOfFailure(messageOf(error).slice(0, LONGEST_ERROR));
      return error instanceof PayloadTooLargeError ? { ...failure, verdict: "dead" } : failure;
    }
  }

  async close(): Promise<void> {
    const streams = await this.#streams?.catch(() => null);
    await streams?.close();
  }

  async #publish(message: Message, body: Uint8Array): ReturnType<Streams["publish"]> {
    const streams = await this.#connected();
    return streams.publish(message, body);
  }

  #connected(): Promise<Streams> {
    if (this.#streams !== null) return this.#streams;
    const opening = openStreams(this.#config, this.#credentials, () => {
      if (this.#streams === opening) this.#streams = null;
    });
    this.#streams = opening;
    opening.catch(() => {
      if (this.#streams === opening) this.#streams = null;
    });
    return opening;
  }
}

const LONGEST_ERROR = 300;

/** Settles with the promise, or rejects with the signal's reason. */
function untilAborted<T>(promise: Promise<T>, signal: Cancellation): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error);
    signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
