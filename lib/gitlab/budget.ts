/**
 * The one gate that every request to GitLab passes, whoever sends it: it decides which token a request carries, when it may
 * go, and when the run ends early.
 *
 * GitLab's limits are known from its answers only: `RateLimit-*` on every answer (old versions: on 429 alone) and
 * `Retry-After`. The gate closes for a token when what remains would be used up by the requests that are already under way and
 * a small reserve for the token's other users; it closes for everybody at once. With several tokens the next one takes over.
 * A wait is sat out where it fits the time limit; otherwise the run stops, for all workers, and the next run goes on.
 */
import { sleep, type Clock } from "../clock.ts";
import { UpstreamError } from "../errors.ts";

export type StopReason = "rate-limit" | "time-limit" | "max-requests";

/** Thrown to every worker once the run has to end early. */
export class RunStopped extends Error {
  override readonly name = "RunStopped";
  readonly reason: StopReason;
  constructor(reason: StopReason) {
    super(`the run stops early: ${reason}`);
    this.reason = reason;
  }
}

export interface BudgetOptions {
  readonly tokens: readonly string[];
  readonly clock: Clock;
  /** Requests of this run, retries included. @default null: no limit */
  readonly maxRequests?: number | null;
  /** Length of this run. @default null: no limit, and no wait longer than LONGEST_WAIT_WITHOUT_LIMIT_MS */
  readonly timeLimitSeconds?: number | null;
  /** Hears when a long wait begins, and (null) when it is over. */
  readonly onWait?: (wait: Wait | null) => void;
}

/** A wait of more than five seconds. */
export interface Wait {
  readonly ms: number;
  readonly reason: "rate-limit" | "retry";
}

/** Shorter waits are not told. */
const TOLD_FROM_MS = 5_000;

/** The right to send one request; to be settled exactly once. */
export interface Permit {
  readonly token: string;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
}

export interface Budget {
  /** Waits until a request may go. Throws RunStopped, or UpstreamError where GitLab refused every token. */
  acquire(): Promise<Permit>;
  /**
   * Gives the permit back with what GitLab answered (null: no answer came).
   * @param ownLimit a 429 concerns that endpoint alone and does not close the gate
   */
  settle(permit: Permit, answer: Answer | null, ownLimit?: boolean): void;
  /** A pause between two tries; throws RunStopped where the run ends before it is over. */
  pause(delayMs: number): Promise<void>;
  /** Requests that may still go before some limit is met, as far as is known. */
  room(): number;
  /** Ends the run; the first reason stays. */
  stop(reason: StopReason): void;
  readonly stopped: StopReason | null;
  /** Tokens that GitLab refused in this run. */
  readonly refusedTokens: number;
  readonly counts: { readonly total: number; readonly rejected: number };
}

/** Without a time limit, longer waits end the run: the next one goes on. */
export const LONGEST_WAIT_WITHOUT_LIMIT_MS = 30_000;
export const SHORTEST_RETRY_MS = 100;
export const LONGEST_RETRY_MS = 3_600_000;
/** GitLab's windows are minutes: the wait where an answer does not name one. */
const WINDOW_MS = 60_000;
/** A clock that differs by more than this from the server's is not used for the server's dates. */
const CLOCKS_AGREE_MS = 2_000;

interface TokenState {
  readonly token: string;
  inFlight: number;
  limit: number | null;
  /** Null: not known, or its window is over. */
  remaining: number | null;
  /** Name of the window: `RateLimit-Reset` as sent. */
  window: number;
  /** Monotonic. */
  windowEndsAt: number;
  closedUntil: number;
  refused: boolean;
}

/** Milliseconds that `Retry-After` asks for (seconds or an HTTP date), clamped; null where it says nothing. */
export function retryAfterMs(value: string | undefined, serverNow: number): number | null {
  if (value === undefined || value.trim() === "") return null;
  const wait = /^\d+(\.\d+)?$/.test(value.trim()) ? Number(value) * 1000 : Date.parse(value) - serverNow;
  if (Number.isNaN(wait)) return null;
  return Math.min(LONGEST_RETRY_MS, Math.max(SHORTEST_RETRY_MS, wait));
}

/** The server's wall clock at the time of an answer: its `Date` header is exact to a second only. */
export function serverTime(headers: Readonly<Record<string, string>>, now: number): number {
  const date = Date.parse(headers["date"] ?? "");
  return Number.isNaN(date) || Math.abs(date - now) <= CLOCKS_AGREE_MS ? now : date;
}

function numberIn(headers: Readonly<Record<string, string>>, name: string): number | null {
  const text = headers[name];
  return text !== undefined && /^\d+$/.test(text.trim()) ? Number(text) : null;
}

/** Requests left untouched for other users of the token: one in a hundred. */
export function reserveOf(limit: number | null): number {
  return limit === null ? 0 : Math.min(20, Math.floor(limit / 100));
}

export function createBudget(options: BudgetOptions): Budget {
  const { clock } = options;
  const maxRequests = options.maxRequests ?? null;
  const limitSeconds = options.timeLimitSeconds ?? null;
  const deadline = limitSeconds === null ? null : clock.monotonic() + limitSeconds * 1000;
  const ended = new AbortController();
  const states: TokenState[] = options.tokens.map((token) => ({
    token,
    inFlight: 0,
    limit: null,
    remaining: null,
    window: 0,
    windowEndsAt: 0,
    closedUntil: 0,
    refused: false,
  }));
  let stopped: StopReason | null = null;
  let total = 0;
  let rejected = 0;

  function stop(reason: StopReason): void {
    if (stopped !== null) return;
    stopped = reason;
    ended.abort(new RunStopped(reason));
  }

  function refresh(state: TokenState): void {
    if (state.remaining !== null && clock.monotonic() >= state.windowEndsAt) state.remaining = null;
  }

  /** Monotonic time from which the token may be used; 0: now. */
  function opensAt(state: TokenState): number {
    refresh(state);
    if (state.closedUntil > clock.monotonic()) return state.closedUntil;
    const usedUp = state.remaining !== null && state.remaining <= state.inFlight + reserveOf(state.limit);
    return usedUp ? state.windowEndsAt : 0;
  }

  function usable(): TokenState[] {
    const left = states.filter((s) => !s.refused);
    if (left.length > 0) return left;
    const which = states.length === 1 ? "the token" : `each of the ${states.length} tokens`;
    throw new UpstreamError(
      "unauthorized",
      `GitLab refused ${which} (401): expired, revoked or of another instance`,
      {
        status: 401,
        retryable: false,
      },
    );
  }

  let told = false;

  /** All workers wait for the same thing: one of them tells. */
  async function wait(long: Wait): Promise<void> {
    const tells = !told && long.ms > TOLD_FROM_MS;
    if (tells) {
      told = true;
      options.onWait?.(long);
    }
    try {
      await sleep(clock, long.ms, ended.signal);
    } finally {
      if (tells) {
        told = false;
        options.onWait?.(null);
      }
    }
  }

  function throwIfOver(): void {
    if (stopped === null && maxRequests !== null && total >= maxRequests) stop("max-requests");
    if (stopped === null && deadline !== null && clock.monotonic() >= deadline) stop("time-limit");
    if (stopped !== null) throw new RunStopped(stopped);
  }

  function fits(waitMs: number): boolean {
    return deadline === null
      ? waitMs <= LONGEST_WAIT_WITHOUT_LIMIT_MS
      : clock.monotonic() + waitMs < deadline;
  }

  function readWindow(state: TokenState, answer: Answer, serverNow: number): void {
    const remaining = numberIn(answer.headers, "ratelimit-remaining");
    if (remaining === null) return;
    state.limit = numberIn(answer.headers, "ratelimit-limit") ?? state.limit;
    const reset = numberIn(answer.headers, "ratelimit-reset") ?? state.window;
    if (reset < state.window) return;
    refresh(state);
    const sameWindow = reset === state.window && state.remaining !== null;
    state.remaining = sameWindow ? Math.min(state.remaining ?? remaining, remaining) : remaining;
    const lengthMs =
      reset === 0 ? WINDOW_MS : Math.min(LONGEST_RETRY_MS, Math.max(0, reset * 1000 - serverNow));
    if (!sameWindow) state.windowEndsAt = clock.monotonic() + lengthMs;
    state.window = reset;
  }

  return {
    async acquire() {
      for (;;) {
        throwIfOver();
        const candidates = usable();
        const now = clock.monotonic();
        const open = candidates.find((s) => opensAt(s) <= now);
        if (open) {
          open.inFlight++;
          total++;
          return open;
        }
        const waitMs = Math.min(...candidates.map(opensAt)) - now;
        if (!fits(waitMs)) {
          stop("rate-limit");
          continue;
        }
        await wait({ ms: waitMs, reason: "rate-limit" });
      }
    },
    settle(permit, answer, ownLimit = false) {
      const state = states.find((s) => s.token === permit.token) as TokenState;
      state.inFlight--;
      if (answer === null) return;
      const serverNow = serverTime(answer.headers, clock.now());
      readWindow(state, answer, serverNow);
      if (answer.status === 401) state.refused = true;
      if (answer.status !== 429) return;
      rejected++;
      if (ownLimit) return;
      const asked =
        retryAfterMs(answer.headers["retry-after"], serverNow) ??
        retryAfterMs(answer.headers["ratelimit-resettime"], serverNow) ??
        (state.remaining === null
          ? WINDOW_MS
          : Math.max(SHORTEST_RETRY_MS, state.windowEndsAt - clock.monotonic()));
      state.closedUntil = Math.max(state.closedUntil, clock.monotonic() + asked);
    },
    async pause(delayMs) {
      throwIfOver();
      if (deadline !== null && clock.monotonic() + delayMs >= deadline) stop("time-limit");
      await wait({ ms: delayMs, reason: "retry" });
    },
    room() {
      const byCount = maxRequests === null ? Number.POSITIVE_INFINITY : maxRequests - total;
      const byTokens = states.map((s) => {
        if (s.refused || s.closedUntil > clock.monotonic()) return 0;
        refresh(s);
        return s.remaining === null
          ? Number.POSITIVE_INFINITY
          : Math.max(0, s.remaining - s.inFlight - reserveOf(s.limit));
      });
      return Math.min(
        byCount,
        byTokens.reduce((sum, n) => sum + n, 0),
      );
    },
    stop,
    get stopped() {
      return stopped;
    },
    get refusedTokens() {
      return states.filter((s) => s.refused).length;
    },
    get counts() {
      return { total, rejected };
    },
  };
}
