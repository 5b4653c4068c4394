/**
 * One HTTP request of an attempt, whatever the other side does: it costs one slot and at most the time-out. Once the status line
 * and headers are there the outcome is decided; of the body only an excerpt is kept, the rest is thrown away, and an answer that
 * goes on for too long loses its connection.
 */
import type { Dispatcher } from "undici";
import type { Cancellation } from "../../../lib/cancellation.ts";
import { messageOf, systemCode } from "../../../lib/errors.ts";
import { shownUrl } from "../../../lib/log.ts";
import { EXCERPT_LENGTH } from "../../delivery/port.ts";
import { BlockedAddressError } from "./addresses.ts";
import { uncompressed } from "./uncompressed.ts";

/** Bytes of an answer that are read; a longer one is cut off. */
const MAX_ANSWER_BYTES = 262_144;
const LONGEST_ERROR = 300;
const NOTHING = Buffer.alloc(0);

export interface ExchangeRequest {
  readonly origin: string;
  readonly path: string;
  readonly method: "GET" | "POST";
  readonly headers: Record<string, string>;
  readonly body: Uint8Array | null;
  /** Bytes of the answer's body to keep. @default enough for an excerpt */
  readonly keepBytes?: number;
}

export interface ExchangeAnswer {
  readonly status: number;
  /** As they came, names in lower case. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly retryAfter: string | null;
  /** Fit to be shown: without query and user info. */
  readonly location: string | null;
  /** The beginning of the body, uncompressed. */
  readonly body: Buffer;
}

interface Head extends Omit<ExchangeAnswer, "body"> {
  readonly encoding: string | null;
}

/** No answer came; the message is fit for an operator's eyes and names address and port at most. */
export class ExchangeError extends Error {
  override readonly name = "ExchangeError";
}

/**
 * Sends a request. Resolves once the answer is complete, cut off or, after its headers, aborted. Rejects with the signal's reason
 * where it aborts before the headers, with an ExchangeError where the network fails.
 */
export function exchange(
  dispatcher: Dispatcher,
  request: ExchangeRequest,
  signal: Cancellation,
): Promise<ExchangeAnswer> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason as Error);
      return;
    }
    // Four bytes hold any character.
    const { origin, keepBytes = EXCERPT_LENGTH * 4 } = request;
    dispatcher.dispatch(request, new Exchange({ origin, keepBytes, signal, resolve, reject }));
  });
}

interface WantedAnswer {
  readonly origin: string;
  /** Bytes of the body that are kept. */
  readonly keepBytes: number;
  readonly signal: Cancellation;
  readonly resolve: (answer: ExchangeAnswer) => void;
  readonly reject: (error: Error) => void;
}

/** The answer as it comes in; a class, since a closure for each of these would be made for every attempt. */
class Exchange implements Dispatcher.DispatchHandler {
  readonly #wanted: WantedAnswer;
  readonly #chunks: Buffer[] = [];
  readonly #onAbort: () => void;
  #controller: Dispatcher.DispatchController | null = null;
  #head: Head | null = null;
  #kept = 0;
  #received = 0;
  #ended = false;

  constructor(wanted: WantedAnswer) {
    this.#wanted = wanted;
    this.#onAbort = () => this.#abort();
    wanted.signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#ended) controller.abort(this.#wanted.signal.reason as Error);
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    // 103 and the like come before the answer.
    if (status < 200) return;
    const location = one(headers["location"]);
    this.#head = {
      status,
      headers,
      retryAfter: one(headers["retry-after"]),
      location: location === null ? null : shownLocation(location, this.#wanted.origin),
      encoding: one(headers["content-encoding"]),
    };
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#received += chunk.length;
    if (this.#kept < this.#wanted.keepBytes) {
      // A copy: the chunk is a view of a buffer that would stay in memory for its sake.
      const part = Buffer.from(chunk.subarray(0, this.#wanted.keepBytes - this.#kept));
      this.#chunks.push(part);
      this.#kept += part.length;
    }
    if (this.#received > Math.max(MAX_ANSWER_BYTES, this.#wanted.keepBytes)) {
      this.#answer();
      controller.abort(new Error("the answer is too long"));
    }
  }

  onResponseEnd(): void {
    this.#answer();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#head !== null) this.#answer();
    else if (this.#finish()) this.#wanted.reject(new ExchangeError(describeFailure(error)));
  }

  #finish(): boolean {
    if (this.#ended) return false;
    this.#ended = true;
    this.#wanted.signal.removeEventListener("abort", this.#onAbort);
    return true;
  }

  #answer(): void {
    const head = this.#head;
    if (head === null || !this.#finish()) return;
    const { status, headers, retryAfter, location, encoding } = head;
    const body = joined(this.#chunks);
    if (encoding === null) {
      this.#wanted.resolve({ status, headers, retryAfter, location, body });
      return;
    }
    void uncompressed(encoding, body, this.#wanted.keepBytes).then((plain) =>
      this.#wanted.resolve({ status, headers, retryAfter, location, body: plain }),
    );
  }

  #abort(): void {
    if (this.#head !== null) this.#answer();
    else if (this.#finish()) this.#wanted.reject(this.#wanted.signal.reason as Error);
    this.#controller?.abort(this.#wanted.signal.reason as Error);
  }
}

/** Most answers have one piece or none: nothing is made for those. */
function joined(chunks: readonly Buffer[]): Buffer {
  return chunks.length > 1 ? Buffer.concat(chunks) : (chunks[0] ?? NOTHING);
}

/** The first characters of a body; null if there is none. */
export function excerptOf(body: Buffer): string | null {
  return body.length === 0 ? null : body.toString("utf8").slice(0, EXCERPT_LENGTH);
}

function one(header: string | string[] | undefined): string | null {
  return (Array.isArray(header) ? header[0] : header) ?? null;
}

function shownLocation(location: string, origin: string): string {
  return URL.canParse(location, origin) ? shownUrl(new URL(location, origin).href) : "an invalid address";
}

/** The system's or library's message and word for it. */
function describeFailure(error: Error): string {
  const inner: unknown = error instanceof AggregateError ? error.errors[0] : error;
  const code = systemCode(inner) ?? systemCode(error);
  const text = messageOf(inner) || messageOf(error);
  const isWhole = code === null || text.includes(code) || error instanceof BlockedAddressError;
  return ((isWhole ? text : `${text} (${code})`) || "the connection failed").slice(0, LONGEST_ERROR);
}
