/**
 * One HTTP request of an attempt, whatever the other side does: it costs one slot and at most the time-out. Once the status line
 * and headers are there the outcome is decided; of the body only an excerpt is kept, the rest is thrown away, and an answer that
 * goes on for too long loses its connection.
 */
import type { Dispatcher } from "undici";
import { messageOf, systemCode } from "../../lib/errors.ts";
import { shownUrl } from "../../lib/log.ts";
import { EXCERPT_LENGTH } from "../delivery/outcome.ts";
import { BlockedAddressError } from "./addresses.ts";

/** Bytes of an answer that are read; a longer one is cut off. */
const MAX_ANSWER_BYTES = 262_144;
const LONGEST_ERROR = 300;

export interface Request {
  readonly origin: string;
  readonly path: string;
  readonly method: "GET" | "POST";
  readonly headers: Record<string, string>;
  readonly body: Uint8Array | null;
  /** Bytes of the answer's body to keep. @default enough for an excerpt */
  readonly keepBytes?: number;
}

export interface Answer {
  readonly status: number;
  readonly retryAfter: string | null;
  /** Fit to be shown: without query and user info. */
  readonly location: string | null;
  /** The beginning of the body. */
  readonly body: Buffer;
}

/** No answer came; the message is fit for an operator's eyes and names address and port at most. */
export class ExchangeError extends Error {
  override readonly name = "ExchangeError";
}

/**
 * Sends a request. Resolves once the answer is complete, cut off or, after its headers, aborted. Rejects with the signal's reason
 * where it aborts before the headers, with an ExchangeError where the network fails.
 */
export function exchange(dispatcher: Dispatcher, request: Request, signal: AbortSignal): Promise<Answer> {
  // Four bytes hold any character.
  const { keepBytes = EXCERPT_LENGTH * 4, ...options } = request;
  return new Promise((resolve, reject) => {
    let controller: Dispatcher.DispatchController | null = null;
    let head: Omit<Answer, "body"> | null = null;
    const chunks: Buffer[] = [];
    let kept = 0;
    let received = 0;
    let ended = false;

    const finish = (): boolean => {
      if (ended) return false;
      ended = true;
      signal.removeEventListener("abort", onAbort);
      return true;
    };
    const finishWithAnswer = (): void => {
      if (head !== null && finish()) resolve({ ...head, body: Buffer.concat(chunks) });
    };
    const onAbort = (): void => {
      if (head !== null) finishWithAnswer();
      else if (finish()) reject(signal.reason as Error);
      controller?.abort(signal.reason as Error);
    };
    if (signal.aborted) {
      reject(signal.reason as Error);
      return;
    }
    signal.addEventListener("abort", onAbort, { once: true });

    dispatcher.dispatch(options, {
      onRequestStart(started) {
        controller = started;
        if (ended) started.abort(signal.reason as Error);
      },
      onResponseStart(_controller, status, headers) {
        // 103 and the like come before the answer.
        if (status < 200) return;
        const location = one(headers["location"]);
        head = {
          status,
          retryAfter: one(headers["retry-after"]),
          location: location === null ? null : shownLocation(location, request.origin),
        };
      },
      onResponseData(open, chunk) {
        received += chunk.length;
        if (kept < keepBytes) {
          // A copy: the chunk is a view of a buffer that would stay in memory for its sake.
          const part = Buffer.from(chunk.subarray(0, keepBytes - kept));
          chunks.push(part);
          kept += part.length;
        }
        if (received > Math.max(MAX_ANSWER_BYTES, keepBytes)) {
          finishWithAnswer();
          open.abort(new Error("the answer is too long"));
        }
      },
      onResponseEnd: finishWithAnswer,
      onResponseError(_controller, error) {
        if (head !== null) finishWithAnswer();
        else if (finish()) reject(new ExchangeError(describeFailure(error)));
      },
    });
  });
}

/** The first characters of a body; null where there is none. */
export function excerptOf(body: Buffer): string | null {
  return body.length === 0 ? null : body.toString("utf8").slice(0, EXCERPT_LENGTH);
}

function one(header: string | string[] | undefined): string | null {
  return (Array.isArray(header) ? header[0] : header) ?? null;
}

function shownLocation(location: string, origin: string): string {
  return URL.canParse(location, origin)
    ? shownUrl(new URL(location, origin).href)
    : "an address that is none";
}

/** The system's or library's message and word for it. */
function describeFailure(error: Error): string {
  const inner: unknown = error instanceof AggregateError ? error.errors[0] : error;
  const code = systemCode(inner) ?? systemCode(error);
  const text = messageOf(inner) || messageOf(error);
  const isWhole = code === null || text.includes(code) || error instanceof BlockedAddressError;
  return ((isWhole ? text : `${text} (${code})`) || "the connection failed").slice(0, LONGEST_ERROR);
}
