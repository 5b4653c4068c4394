/**
 * One request and its whole answer on a dispatcher of undici. Its `request()` would do; the stream that it makes of each body costs a
 * third of the processor time of a run, and these answers are read to their end.
 */
import type { Dispatcher } from "undici";
import type { Received, Sent } from "./exchange.ts";

/** Thrown for an answer that does not end. */
export class AnswerTooLong extends Error {
  override readonly name = "AnswerTooLong";
}

/** An answer beyond this is not GitLab's, bytes. */
const MAX_ANSWER_BYTES = 67_108_864;

/**
 * Rejects with the signal's reason, AnswerTooLong or undici's error.
 * @param cutAt bytes of the body that are read; undefined: a body beyond 64 MiB is an error
 */
export function roundTrip(
  dispatcher: Dispatcher,
  url: URL,
  sent: Sent,
  cutAt: number | undefined,
): Promise<Received> {
  const { method, headers, body, signal } = sent;
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason as Error);
      return;
    }
    const { origin, pathname, search } = url;
    dispatcher.dispatch(
      { origin, path: `${pathname}${search}`, method, headers, ...(body === undefined ? {} : { body }) },
      new RoundTrip({ signal, cutAt, resolve, reject }),
    );
  });
}

interface WantedAnswer {
  readonly signal: AbortSignal;
  readonly cutAt: number | undefined;
  readonly resolve: (answer: Received) => void;
  readonly reject: (error: unknown) => void;
}

/** The answer as it comes in. */
class RoundTrip implements Dispatcher.DispatchHandler {
  readonly #wanted: WantedAnswer;
  readonly #chunks: Buffer[] = [];
  readonly #onAbort = (): void => this.#fail(this.#wanted.signal.reason);
  #controller: Dispatcher.DispatchController | null = null;
  #status = 0;
  #headers: Readonly<Record<string, string>> = {};
  #size = 0;
  #ended = false;

  constructor(wanted: WantedAnswer) {
    this.#wanted = wanted;
    wanted.signal.addEventListener("abort", this.#onAbort);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    // It ended while the connection was made.
    if (this.#ended) controller.abort(this.#wanted.signal.reason as Error);
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    // 103 and the like come before the answer.
    if (status < 200) return;
    this.#status = status;
    for (const [name, value] of Object.entries(headers))
      if (typeof value !== "string") headers[name] = String(value);
    this.#headers = headers as Record<string, string>;
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#ended) return;
    const { cutAt } = this.#wanted;
    this.#size += chunk.length;
    if (cutAt !== undefined && this.#size >= cutAt) {
      this.#chunks.push(chunk.subarray(0, chunk.length - (this.#size - cutAt)));
      this.onResponseEnd();
      controller.abort(new Error("enough was read"));
    } else if (this.#size > MAX_ANSWER_BYTES)
      this.#fail(new AnswerTooLong(`the answer is longer than ${MAX_ANSWER_BYTES} bytes`));
    else this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    if (!this.#finish()) return;
    const [first] = this.#chunks;
    const body = this.#chunks.length === 1 && first !== undefined ? first : Buffer.concat(this.#chunks);
    this.#wanted.resolve({ status: this.#status, headers: this.#headers, text: body.toString("utf8") });
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#finish()) this.#wanted.reject(error);
  }

  /** @returns whether it had not ended before */
  #finish(): boolean {
    if (this.#ended) return false;
    this.#ended = true;
    this.#wanted.signal.removeEventListener("abort", this.#onAbort);
    return true;
  }

  #fail(reason: unknown): void {
    if (!this.#finish()) return;
    this.#wanted.reject(reason);
    this.#controller?.abort(reason as Error);
  }
}
