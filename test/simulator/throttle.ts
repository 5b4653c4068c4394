/**
 * GitLab's limits. Two kinds: the general budget of a user, announced in headers and answered with plain text, and the limits of
 * single endpoints, which no header shows and which are answered in JSON. Both count in fixed windows.
 */
import type { Clock } from "../../lib/clock.ts";
import { ApiError } from "./http.ts";
import type { Budget } from "./options.ts";

/** How one request stands against its budget. */
export interface Verdict {
  readonly limit: number;
  /** Limit for sixty seconds, as the header tells it. */
  readonly perMinute: number;
  readonly observed: number;
  readonly resetAt: number;
  readonly rejected: boolean;
  readonly name: string;
}

interface Window {
  index: number;
  count: number;
  /** When the first refusal of the window was made; null: none yet. */
  closedAt: number | null;
}

export class Throttle {
  readonly #clock: Clock;
  readonly #minuteMs: number;
  readonly #origin: number;
  readonly #windows = new Map<string, Window>();

  /** Windows begin at the whole second before the throttle's making, so that a test's minute does not end by accident. */
  constructor(clock: Clock, minuteMs: number) {
    this.#clock = clock;
    this.#minuteMs = minuteMs;
    this.#origin = clock.now() - (clock.now() % 1000);
  }

  /** Counts one request against a budget; refused requests count too. */
  count(key: string, budget: Budget, name: string): Verdict & { readonly afterRefusal: boolean } {
    const minutes = budget.periodMinutes ?? 1;
    const period = this.#minuteMs * minutes;
    const now = this.#clock.now();
    const index = Math.floor((now - this.#origin) / period);
    const window = this.#window(key, index);
    window.count++;
    const rejected = window.count > budget.requests;
    const afterRefusal = window.closedAt !== null;
    if (rejected) window.closedAt ??= now;
    return {
      limit: budget.requests,
      perMinute: Math.ceil(budget.requests / minutes),
      observed: window.count,
      resetAt: this.#origin + (index + 1) * period,
      rejected,
      name,
      afterRefusal,
    };
  }

  /** Counts one request against the limit of an endpoint. Throws the 429 that GitLab sends. */
  endpoint(key: string, perMinute: number, minutes = 1): void {
    const verdict = this.count(key, { requests: perMinute, periodMinutes: minutes }, key);
    if (!verdict.rejected) return;
    throw new ApiError(
      429,
      { message: { error: "This endpoint has been requested too many times. Try again later." } },
      { "Retry-After": String(seconds(this.#minuteMs * minutes)) },
    );
  }

  /** Counts one call; true where there are more than allowed. */
  exceeded(key: string, perMinute: number): boolean {
    return this.count(key, { requests: perMinute }, key).rejected;
  }

  /** Headers of a response. @param always false: only a refusal carries them */
  headers(verdict: Verdict, always: boolean): Record<string, string> {
    if (!always && !verdict.rejected) return {};
    const headers: Record<string, string> = {
      "RateLimit-Limit": String(verdict.perMinute),
      "RateLimit-Name": verdict.name,
      "RateLimit-Observed": String(verdict.observed),
      "RateLimit-Remaining": String(Math.max(0, verdict.limit - verdict.observed)),
      "RateLimit-Reset": String(seconds(verdict.resetAt)),
    };
    if (verdict.rejected) {
      headers["RateLimit-ResetTime"] = new Date(seconds(verdict.resetAt) * 1000).toUTCString();
      headers["Retry-After"] = String(Math.max(1, seconds(verdict.resetAt - this.#clock.now())));
    }
    return headers;
  }

  /** Forgets all counts, as if the next window had begun. */
  reset(): void {
    this.#windows.clear();
  }

  #window(key: string, index: number): Window {
    const known = this.#windows.get(key);
    if (known && known.index === index) return known;
    const window: Window = { index, count: 0, closedAt: null };
    this.#windows.set(key, window);
    return window;
  }
}

/** Whole seconds, never too early. */
function seconds(ms: number): number {
  return Math.ceil(ms / 1000);
}
