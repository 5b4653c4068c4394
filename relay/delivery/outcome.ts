/**
 * What an attempt's end means for its delivery. One table for answers over HTTP:
 *
 *   2xx                  done
 *   408 425 429 5xx      retry, not before Retry-After
 *   3xx                  dead: redirects are not followed, the operator has to correct the address
 *   410 and other 4xx    dead: the target says that it will never take this
 *
 * No answer (refused, reset, name not found, time-out, TLS) is a retry. A retry becomes dead where attempts or age are used up.
 */
import { retryAfterMs } from "../../lib/retry.ts";
import type { Attempt, Delivery, Settlement } from "../queue/delivery-state.ts";
import { waitMs } from "./backoff.ts";
import type { AttemptResult } from "./port.ts";
import type { RetrySettings } from "./settings.ts";

const RETRIED: ReadonlySet<number> = new Set([408, 425, 429]);

export function verdictOf(status: number): AttemptResult["verdict"] {
  if (status >= 200 && status < 300) return "done";
  return RETRIED.has(status) || status >= 500 ? "retry" : "dead";
}

/**
 * The result of an HTTP answer.
 * @param headers values of `retry-after` and `location`, null if absent
 * @param nowMs wall clock, for a Retry-After that is a date
 */
export function resultOfAnswer(
  status: number,
  headers: { readonly retryAfter: string | null; readonly location: string | null },
  excerpt: string | null,
  nowMs: number,
): AttemptResult {
  const verdict = verdictOf(status);
  const askedMs = verdict === "retry" ? retryAfterMs(headers.retryAfter, nowMs) : null;
  return {
    verdict,
    status,
    error: verdict === "done" ? null : reasonOf(status, headers.location),
    excerpt,
    retryAfterSeconds: askedMs === null ? null : askedMs / 1000,
  };
}

function reasonOf(status: number, location: string | null): string {
  if (status < 300 || status >= 400) return `answered ${status}`;
  const where = location === null ? "" : ` to ${location}`;
  return `answered ${status}, a redirect${where}: redirects are not followed, correct the target's url`;
}

/** The result for a target that answers with these statuses for a while, such as 404 while its proxy restarts. */
export function withRetriedStatuses(result: AttemptResult, statuses: readonly number[]): AttemptResult {
  const isRetried = result.verdict === "dead" && result.status !== null && statuses.includes(result.status);
  return isRetried ? { ...result, verdict: "retry" } : result;
}

/** The result if there was no answer. */
export function resultOfFailure(error: string): AttemptResult {
  return { verdict: "retry", status: null, error, excerpt: null, retryAfterSeconds: null };
}

/** An attempt that has ended, and what it belongs to. */
export interface AttemptEnd {
  readonly result: AttemptResult;
  /** As it is kept with the delivery. */
  readonly attempt: Attempt;
  /** As it was claimed, that is: without this attempt. */
  readonly delivery: Delivery;
  /** Wall clock, milliseconds. */
  readonly endedAt: number;
}

type RetryRules = Omit<RetrySettings, "statuses">;

/** The settlement of an attempt. @param random from 0 up to, not including, 1 */
export function settlementOf(end: AttemptEnd, retry: RetryRules, random: () => number): Settlement {
  const { result, attempt, endedAt } = end;
  switch (result.verdict) {
    case "done":
      return { outcome: "done", at: endedAt, attempt };
    case "dead":
      return { outcome: "dead", at: endedAt, attempt, reason: attempt.error ?? "refused" };
    case "retry":
      return retryOrDead(end, retry, random);
    default:
      return result.verdict satisfies never;
  }
}

function retryOrDead(
  { result, attempt, delivery, endedAt }: AttemptEnd,
  retry: RetryRules,
  random: () => number,
): Settlement {
  const attempts = delivery.attempts + 1;
  const lastMoment = (delivery.firstAttemptAt ?? attempt.at) + retry.maxAgeSeconds * 1000;
  const because = attempt.error ?? "failed";
  if (attempts >= retry.maxAttempts) {
    const reason = `gave up after ${attempts} ${attempts === 1 ? "attempt" : "attempts"}: ${because}`;
    return { outcome: "dead", at: endedAt, attempt, reason };
  }
  if (endedAt >= lastMoment) {
    const reason = `gave up ${retry.maxAgeSeconds} s after the first attempt: ${because}`;
    return { outcome: "dead", at: endedAt, attempt, reason };
  }
  const wanted = endedAt + waitMs(retry, attempts, result.retryAfterSeconds, random);
  // The last moment is not let pass without a last attempt.
  return { outcome: "retry", at: endedAt, attempt, dueAt: Math.min(wanted, lastMoment) };
}
