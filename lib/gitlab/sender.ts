/**
 * Sends one request to GitLab: through the gate, with a time-out, repeated where repeating is harmless. The client library gets
 * its `requesterFn` from here, because its own retries neither wait nor honour Retry-After, repeats a POST, follows redirects
 * and puts the token into its errors.
 *
 * GET, PUT and DELETE are repeated after 5xx, time-outs and network errors, with full jitter. A POST never is: whoever sent it
 * must look first whether it arrived. What GitLab did not execute (429, 401) is sent again for every method.
 */
import type { Clock } from "../clock.ts";
import { UpstreamError, systemCode } from "../errors.ts";
import { retryAfterMs, serverTime, type Budget, type Permit } from "./budget.ts";
import type { Transport } from "./transport.ts";

export interface SenderDeps {
  readonly transport: Transport;
  readonly clock: Clock;
  /** A number from 0 to 1, as Math.random. */
  readonly random: () => number;
  readonly budget: Budget;
  /** Takes secrets out of texts that come from outside. */
  readonly mask: (text: string) => string;
  /** Longest wait for one answer, body included. @default 30000 */
  readonly timeoutMs?: number;
}

export interface Outgoing {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly url: URL;
  /** Path for messages, without the query. */
  readonly path: string;
  readonly body?: unknown;
  /** The endpoint has a limit of its own, so that its 429 says nothing about the others. */
  readonly ownLimit?: boolean;
}

export interface Incoming {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Parsed JSON, or the text where it is something else; null for an empty answer. */
  readonly body: unknown;
}

export type Send = (request: Outgoing) => Promise<Incoming>;

export const ATTEMPTS = 4;
const TIMEOUT_MS = 30_000;
const BACKOFF_BASE_MS = 500;
const BACKOFF_CAP_MS = 10_000;
const LONGEST_MESSAGE = 300;

/** Pause before try number `attempt` + 1: full jitter under an exponential cap, milliseconds. */
export function backoffMs(attempt: number, random: () => number): number {
  return Math.round(random() * Math.min(BACKOFF_CAP_MS, BACKOFF_BASE_MS * 2 ** (attempt - 1)));
}

/** @returns the answer of a request that GitLab executed (2xx). Throws UpstreamError or RunStopped for everything else. */
export function createSender(deps: SenderDeps): Send {
  const { budget, clock, random, mask } = deps;
  const timeoutMs = deps.timeoutMs ?? TIMEOUT_MS;

  async function exchange(request: Outgoing, token: string): Promise<Incoming> {
    const timeout = new AbortController();
    const timer = clock.after(timeoutMs, () => timeout.abort(new Error("time-out")));
    try {
      const body = request.body === undefined ? undefined : JSON.stringify(request.body);
      const { status, headers, text } = await deps.transport(request.url, {
        method: request.method,
        signal: timeout.signal,
        headers: {
          accept: "application/json",
          "private-token": token,
          ...(body === undefined ? {} : { "content-type": "application/json" }),
        },
        ...(body === undefined ? {} : { body }),
      });
      return { status, headers, body: parse(text, headers["content-type"] ?? "") };
    } catch (error) {
      throw unanswered(request, error, timeout.signal.aborted, timeoutMs);
    } finally {
      timer.cancel();
    }
  }

  /** One try, whatever its status. Throws what the gate throws, and UpstreamError where no answer came. */
  async function attempt(request: Outgoing): Promise<{ answer: Incoming; ownLimit: boolean }> {
    const permit: Permit = await budget.acquire();
    let answer: Incoming | null = null;
    let ownLimit = false;
    try {
      answer = await exchange(request, permit.token);
      // GitLab tells the general budget on every answer, on a refusal by another limit, too.
      ownLimit = request.ownLimit === true && answer.headers["ratelimit-remaining"] !== "0";
      return { answer, ownLimit };
    } finally {
      budget.settle(permit, answer, ownLimit);
    }
  }

  /** The same until GitLab has executed it or refused it: behind a closed gate or with a refused token it did neither. */
  async function executed(request: Outgoing): Promise<Incoming> {
    for (;;) {
      const { answer, ownLimit } = await attempt(request);
      if (answer.status >= 200 && answer.status < 300) return answer;
      const unexecuted = answer.status === 401 || (answer.status === 429 && !ownLimit);
      if (!unexecuted) throw refused(request, answer, mask, clock.now());
    }
  }

  return async function send(request) {
    for (let tries = 1; ; tries++) {
      try {
        return await executed(request);
      } catch (error) {
        if (!(error instanceof UpstreamError) || !error.retryable) throw error;
        if (request.method === "POST" || tries >= ATTEMPTS) throw error;
        await budget.pause(Math.max(error.retryAfterMs ?? 0, backoffMs(tries, random)));
      }
    }
  };
}

function parse(text: string, type: string): unknown {
  if (text === "") return null;
  if (!type.includes("json")) return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/** GitLab's own words: `{"message": ...}`, `{"error": ...}` or plain text. */
function wordsOf(body: unknown): string {
  if (typeof body === "string") return /^\s*<(!doctype|html)/i.test(body) ? "" : body.trim();
  if (typeof body !== "object" || body === null) return "";
  const { message, error, error_description: description } = body as Record<string, unknown>;
  const said = message ?? description ?? error ?? "";
  return typeof said === "string" ? said : JSON.stringify(said);
}

const CODES: Readonly<Record<number, string>> = {
  401: "unauthorized",
  403: "forbidden",
  404: "not-found",
  429: "throttled",
};

function refused(
  request: Outgoing,
  answer: Incoming,
  mask: (text: string) => string,
  now: number,
): UpstreamError {
  const { status } = answer;
  const where = `${request.method} ${request.path}`;
  if (status >= 300 && status < 400) {
    const cure = "check that --gitlab-url is the address that GitLab answers on, https included";
    const message = `${where}: answered with a redirect (${status}), which is not followed: ${cure}`;
    return new UpstreamError("redirect", message, { status, retryable: false });
  }
  const words = mask(wordsOf(answer.body)).slice(0, LONGEST_MESSAGE);
  const said = words.startsWith(String(status)) ? words : `${status} ${words}`.trim();
  const retryable = status >= 500 || status === 408;
  const wait = retryAfterMs(answer.headers["retry-after"], serverTime(answer.headers, now));
  return new UpstreamError(CODES[status] ?? (retryable ? "unavailable" : "invalid"), `${where}: ${said}`, {
    status,
    retryable,
    ...(wait === null ? {} : { retryAfterMs: Math.min(wait, BACKOFF_CAP_MS) }),
  });
}

/** No answer came. What was thrown is read here and dropped: it may carry the request, and with it the token. */
function unanswered(request: Outgoing, error: unknown, timedOut: boolean, timeoutMs: number): UpstreamError {
  const where = `${request.method} ${request.path}`;
  if (timedOut) {
    return new UpstreamError("timeout", `${where}: no answer within ${timeoutMs} ms`, { retryable: true });
  }
  const code = systemCode(error) ?? "connection failed";
  return new UpstreamError("network", `${where}: no connection to ${request.url.host} (${code})`, {
    retryable: true,
  });
}
