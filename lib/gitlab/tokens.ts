/**
 * What GitLab's answers have told about each token: what is left of its limit, since when it rests, what it may not do. Tokens are
 * taken in their order; the next one takes over if one is used up, refused, or lacks the scope for a request.
 *
 * GitLab's limits are known from its answers only: `RateLimit-*` on every answer (old versions: on 429 alone) and `Retry-After`.
 * A token rests if what remains would be used up by the requests that are already under way and a small reserve for the token's
 * other users.
 */
import type { Clock } from "../clock.ts";
import { UpstreamError } from "../errors.ts";
import { retryAfterMs } from "../retry.ts";

/** What a request does: a token with the scope `read_api` may read and not write. */
export type Use = "read" | "write";

/** The right to send one request; to be settled exactly once. */
export interface Permit {
  readonly token: string;
  readonly use: Use;
}

export interface AnswerHead {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
}

/** Why GitLab did not execute a request, as far as it concerns its token. */
export type TokenRefusal = "unauthorized" | "insufficient-scope";

export interface PermitSettlement {
  /** A 429 of an endpoint with its own limit says nothing about the others. */
  readonly ownLimit: boolean;
  readonly refusal: TokenRefusal | null;
}

const SHORTEST_REST_MS = 100;
const LONGEST_REST_MS = 3_600_000;
/** GitLab's windows are minutes: the wait if an answer does not name one. */
const WINDOW_MS = 60_000;
/** A clock that differs by more than this from the server's is not used for the server's dates. */
export const CLOCKS_AGREE_MS = 2_000;

/** The server's wall clock at the time of an answer: its `Date` header is exact to a second only. */
export function serverTime(headers: Readonly<Record<string, string>>, now: number): number {
  const date = Date.parse(headers["date"] ?? "");
  return Number.isNaN(date) || Math.abs(date - now) <= CLOCKS_AGREE_MS ? now : date;
}

/** Requests left untouched for other users of the token: one in a hundred. */
export function reserveOf(limit: number | null): number {
  return limit === null ? 0 : Math.min(20, Math.floor(limit / 100));
}

class TokenState {
  readonly token: string;
  inFlight = 0;
  limit: number | null = null;
  /** Null: not known, or its window is over. */
  remaining: number | null = null;
  /** Name of the window: `RateLimit-Reset` as sent. */
  window = 0;
  /** Monotonic. */
  windowEndsAt = 0;
  closedUntil = 0;
  /** Monotonic: GitLab refused it, and until then it is not asked again. */
  refusedUntil = 0;
  /**
   * Uses that GitLab refused for want of a scope. Every write needs the same scope, so such a token writes no more; of the reads
   * only some need more than others, so for them it is merely the last choice.
   */
  readonly lacking = new Set<Use>();

  constructor(token: string) {
    this.token = token;
  }
}

export interface TokensOptions {
  readonly tokens: readonly string[];
  readonly clock: Clock;
  /** How long a refused token is left alone, milliseconds. @default Infinity: for as long as this lives */
  readonly refusedForMs?: number;
}

/** The tokens of one caller. */
export class Tokens {
  readonly #clock: Clock;
  readonly #refusedForMs: number;
  readonly #states: readonly TokenState[];

  constructor({ tokens, clock, refusedForMs = Number.POSITIVE_INFINITY }: TokensOptions) {
    this.#clock = clock;
    this.#refusedForMs = refusedForMs;
    this.#states = tokens.map((token) => new TokenState(token));
  }

  /** How many tokens are refused at present. */
  get refused(): number {
    return this.#states.filter((state) => this.#isRefused(state)).length;
  }

  /**
   * Takes the first open token, or says how long all of them rest, milliseconds.
   * Throws UpstreamError if GitLab refused every one: "unauthorized", or "insufficient-scope" for a write.
   */
  take(use: Use): Permit | number {
    const now = this.#clock.monotonic();
    const usable = this.#usable(use);
    const open = usable.find((state) => this.#opensAt(state) <= now);
    if (open === undefined) return Math.min(...usable.map((state) => this.#opensAt(state))) - now;
    open.inFlight++;
    return { token: open.token, use };
  }

  /**
   * Gives the permit back with what GitLab answered.
   * @param answer null: no answer came
   * @returns whether another token may do better, where this one was refused
   */
  settle(permit: Permit, answer: AnswerHead | null, { ownLimit, refusal }: PermitSettlement): boolean {
    const state = this.#states.find(({ token }) => token === permit.token) as TokenState;
    state.inFlight--;
    if (answer !== null) this.#learn(state, answer, permit.use, { ownLimit, refusal });
    return this.#states.some((other) => !this.#isRefused(other) && !other.lacking.has(permit.use));
  }

  /** Requests that may still go before all tokens rest, as far as is known. */
  room(): number {
    const now = this.#clock.monotonic();
    let room = 0;
    for (const state of this.#states) {
      if (this.#isRefused(state) || state.closedUntil > now) continue;
      this.#refresh(state);
      if (state.remaining === null) return Number.POSITIVE_INFINITY;
      room += Math.max(0, state.remaining - state.inFlight - reserveOf(state.limit));
    }
    return room;
  }

  #learn(state: TokenState, answer: AnswerHead, use: Use, { ownLimit, refusal }: PermitSettlement): void {
    const serverNow = serverTime(answer.headers, this.#clock.now());
    this.#readWindow(state, answer, serverNow);
    if (refusal === "unauthorized") state.refusedUntil = this.#clock.monotonic() + this.#refusedForMs;
    if (refusal === "insufficient-scope") state.lacking.add(use);
    if (answer.status !== 429 || ownLimit) return;
    const rest =
      clamped(retryAfterMs(answer.headers["retry-after"], serverNow)) ??
      clamped(retryAfterMs(answer.headers["ratelimit-resettime"], serverNow)) ??
      (state.remaining === null
        ? WINDOW_MS
        : Math.max(SHORTEST_REST_MS, state.windowEndsAt - this.#clock.monotonic()));
    state.closedUntil = Math.max(state.closedUntil, this.#clock.monotonic() + rest);
  }

  #isRefused(state: TokenState): boolean {
    return state.refusedUntil > this.#clock.monotonic();
  }

  #usable(use: Use): readonly TokenState[] {
    const accepted = this.#states.filter((state) => !this.#isRefused(state));
    const able = accepted.filter((state) => !state.lacking.has(use));
    if (able.length > 0) return able;
    if (use === "read" && accepted.length > 0) return accepted;
    const which = this.#states.length === 1 ? "the token" : `each of the ${this.#states.length} tokens`;
    if (accepted.length > 0) {
      const why = `GitLab refused ${which} (403 insufficient_scope): the scope \`api\` is needed to change anything`;
      throw new UpstreamError("insufficient-scope", why, { status: 403, retryable: false });
    }
    const why = `GitLab refused ${which} (401): expired, revoked or of another instance`;
    throw new UpstreamError("unauthorized", why, { status: 401, retryable: false });
  }

  #refresh(state: TokenState): void {
    if (state.remaining !== null && this.#clock.monotonic() >= state.windowEndsAt) state.remaining = null;
  }

  /** Monotonic time from which the token may be used; 0: now. */
  #opensAt(state: TokenState): number {
    this.#refresh(state);
    if (state.closedUntil > this.#clock.monotonic()) return state.closedUntil;
    const usedUp = state.remaining !== null && state.remaining <= state.inFlight + reserveOf(state.limit);
    return usedUp ? state.windowEndsAt : 0;
  }

  #readWindow(state: TokenState, { headers }: AnswerHead, serverNow: number): void {
    const remaining = count(headers["ratelimit-remaining"]);
    if (remaining === null) return;
    state.limit = count(headers["ratelimit-limit"]) ?? state.limit;
    const reset = count(headers["ratelimit-reset"]) ?? state.window;
    if (reset < state.window) return;
    this.#refresh(state);
    const sameWindow = reset === state.window && state.remaining !== null;
    state.remaining = sameWindow ? Math.min(state.remaining ?? remaining, remaining) : remaining;
    const lengthMs =
      reset === 0 ? WINDOW_MS : Math.min(LONGEST_REST_MS, Math.max(0, reset * 1000 - serverNow));
    if (!sameWindow) state.windowEndsAt = this.#clock.monotonic() + lengthMs;
    state.window = reset;
  }
}

function clamped(restMs: number | null): number | null {
  return restMs === null ? null : Math.min(LONGEST_REST_MS, Math.max(SHORTEST_REST_MS, restMs));
}

function count(text: string | undefined): number | null {
  return text !== undefined && /^\d+$/.test(text.trim()) ? Number(text) : null;
}
