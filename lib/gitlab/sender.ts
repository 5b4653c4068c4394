/**
 * Sends one request to GitLab: through the gate, with a time-out, repeated where repeating is harmless. The client library gets
 * its `requesterFn` from here, because its own retries neither wait nor honour Retry-After, repeats a POST, follows redirects
 * and puts the token into its errors.
 *
 * GET, PUT and DELETE are repeated after 5xx, time-outs and network errors, with full jitter. A POST never is: whoever sent it
 * must look first whether it arrived. What GitLab did not execute (429, 401) is sent again for every method, but not for ever: an
 * endpoint that answers 429 to one request ten times in a row ends the run as a rate limit does.
 */
import type { Clock } from "../clock.ts";
import { ConfigError, UpstreamError } from "../errors.ts";
import { jitteredMs } from "../retry.ts";
import type { Gate } from "./budget.ts";
import {
  blockedBy,
  isJson,
  lacksScope,
  misdirectionOf,
  refusalOf,
  unanswered,
  type Answer,
  type AskedRequest,
} from "./refusal.ts";
import type { Permit, TokenRefusal } from "./tokens.ts";
import type { Transport } from "./transport.ts";

export interface SenderDeps {
  readonly transport: Transport;
  readonly clock: Clock;
  /** A number from 0 to 1, as Math.random. */
  readonly random: () => number;
  readonly budget: Gate;
  /** Takes secrets out of texts that come from outside. */
  readonly mask: (text: string) => string;
  /** Longest wait for one answer, body included. @default 30000 */
  readonly timeoutMs?: number;
  /** Tries of a request that may be repeated. @default ATTEMPTS */
  readonly attempts?: number;
  /** How the operator names GitLab's address. @default --gitlab-url */
  readonly addressName?: string;
  /** Ends every request that is under way. */
  readonly signal?: AbortSignal;
}

export interface Outgoing {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly url: URL;
  /** Path for messages, without the query. */
  readonly path: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** The endpoint has its own limit, so that its 429 says nothing about the others. */
  readonly ownLimit?: boolean;
  /** The answer is a file, not JSON; 304 counts as an answer. */
  readonly isFile?: boolean;
}

export type Incoming = Answer;

export type Send = (request: Outgoing) => Promise<Incoming>;

export const ATTEMPTS = 4;
const TIMEOUT_MS = 30_000;
/** 429 in a row to one request, each after the wait that GitLab had asked for: more waiting would not help. */
const MOST_THROTTLED = 10;
const BACKOFF = { baseMs: 500, capMs: 10_000 };

/** Pause before try number `attempt` + 1, milliseconds. */
export function backoffMs(attempt: number, random: () => number): number {
  return jitteredMs(BACKOFF, attempt, random);
}

/** @returns the answer of a request that GitLab executed (2xx). Throws UpstreamError, or what the gate throws, for everything else. */
export function createSender(deps: SenderDeps): Send {
  const { budget, clock, random, mask } = deps;
  const timeoutMs = deps.timeoutMs ?? TIMEOUT_MS;
  const attempts = deps.attempts ?? ATTEMPTS;
  /** Hosts under which GitLab has answered. */
  const heard = new Set<string>();

  function asking(request: Outgoing): AskedRequest {
    const { method, path, url } = request;
    return { what: `${method} ${path}`, url, addressName: deps.addressName ?? "--gitlab-url" };
  }

  async function exchange(request: Outgoing, token: string): Promise<Answer> {
    const ended = new AbortController();
    let timedOut = false;
    const timer = clock.after(timeoutMs, () => {
      timedOut = true;
      ended.abort(new Error("time-out"));
    });
    const signal = deps.signal === undefined ? ended.signal : AbortSignal.any([ended.signal, deps.signal]);
    try {
      const body = request.body === undefined ? undefined : JSON.stringify(request.body);
      const { status, headers, text } = await deps.transport(request.url, {
        method: request.method,
        signal,
        headers: {
          accept: "application/json",
          // What a cache in between answers may be a state that a write has changed since.
          "cache-control": "no-cache",
          ...request.headers,
          "private-token": token,
          ...(body === undefined ? {} : { "content-type": "application/json" }),
        },
        ...(body === undefined ? {} : { body }),
      });
      return { status, headers, body: request.isFile === true ? text : parse(text, headers) };
    } catch (error) {
      if (error instanceof ConfigError) throw error;
      if (deps.signal?.aborted) throw deps.signal.reason as Error;
      throw unanswered(asking(request), error, timedOut ? timeoutMs : null);
    } finally {
      timer.cancel();
    }
  }

  /**
   * One try. Throws what the gate throws, and UpstreamError if no answer came.
   * @returns `throttled`, `refused`: GitLab did not execute it, and it may be sent again as soon as the gate opens for some token
   */
  async function attempt(request: Outgoing): Promise<Answer | "throttled" | "refused"> {
    const permit: Permit = await budget.acquire(request.method === "GET" ? "read" : "write");
    let answer: Answer | null = null;
    let ownLimit = false;
    let refusal: TokenRefusal | null = null;
    let mayAnother = false;
    try {
      answer = await exchange(request, permit.token);
      // GitLab tells the general budget on every answer, on a refusal by another limit, too.
      ownLimit = request.ownLimit === true && answer.headers["ratelimit-remaining"] !== "0";
      refusal = tokenRefusal(answer);
    } finally {
      mayAnother = budget.settle(permit, answer, { ownLimit, refusal });
    }
    if (answer.status === 429 && !ownLimit) return "throttled";
    const isRefused =
      refusal === "unauthorized" || (refusal !== null && (mayAnother || permit.use === "write"));
    return isRefused ? "refused" : answer;
  }

  /**
   * The same until GitLab has executed it or refused it: behind a closed gate or with a refused token it did neither. A single page
   * of something in front of GitLab may be a stray one, so that a GET is sent once more before it is believed.
   */
  async function executed(request: Outgoing): Promise<Answer> {
    let mayBeStray = request.method === "GET";
    for (let throttled = 0; ;) {
      const answer = await attempt(request);
      if (answer === "refused") continue;
      if (answer === "throttled") {
        if (++throttled < MOST_THROTTLED) continue;
        throw budget.starve(
          `${asking(request).what}: GitLab answered 429 (too many requests) ${throttled} times in a row, each time after the wait that it had asked for`,
        );
      }
      if (!mayBeStray || !isForeignRefusal(answer)) return judged(request, answer);
      mayBeStray = false;
    }
  }

  function judged(request: Outgoing, answer: Answer): Answer {
    const asked = asking(request);
    const { host } = request.url;
    const { status } = answer;
    const isFile = request.isFile === true && (status === 200 || status === 304);
    if (isFile) return answer;
    if (isJson(answer)) heard.add(host);
    const blocked = blockedBy(asked, answer, heard);
    if (blocked !== null) throw budget.block(mask(blocked));
    if (status < 200 || status >= 300) throw refusalOf(asked, answer, { mask, now: clock.now() });
    const misdirected = answer.body === null ? null : misdirectionOf(asked, answer);
    if (misdirected !== null) throw misdirected;
    return answer;
  }

  return async function send(request) {
    for (let tries = 1; ; tries++) {
      try {
        return await executed(request);
      } catch (error) {
        if (!(error instanceof UpstreamError) || !error.retryable) throw error;
        if (request.method === "POST" || tries >= attempts) throw error;
        await budget.pause(Math.max(error.retryAfterMs ?? 0, backoffMs(tries, random)));
      }
    }
  };
}

/** GitLab refuses in JSON. */
function isForeignRefusal(answer: Answer): boolean {
  return (answer.status === 403 || answer.status === 404) && !isJson(answer);
}

/** A 401 that is not GitLab's is a log-in in front of it, whatever the token. */
function tokenRefusal(answer: Answer): TokenRefusal | null {
  if (answer.status === 401 && (isJson(answer) || answer.body === null)) return "unauthorized";
  return lacksScope(answer) ? "insufficient-scope" : null;
}

function parse(text: string, headers: Answer["headers"]): unknown {
  if (text === "") return null;
  if (!isJson({ headers })) return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
