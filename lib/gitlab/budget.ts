/**
 * The one gate that every request of a run passes, whoever sends it: it decides which token a request carries, when it may go, and
 * when the run ends early.
 *
 * The gate closes for everybody at once. A wait is sat out if it fits the time limit; otherwise the run stops, for all workers, and
 * the next run goes on.
 */
import { sleep, type Clock } from "../clock.ts";
import {
  CLOCKS_AGREE_MS,
  serverTime,
  Tokens,
  type AnswerHead,
  type Permit,
  type PermitSettlement,
  type Use,
} from "./tokens.ts";

export type StopReason = "rate-limit" | "time-limit" | "max-requests" | "blocked";

const STOP_TEXTS: Readonly<Record<StopReason, string>> = {
  "rate-limit": "by the rate-limit",
  "time-limit": "by the time-limit",
  "max-requests": "by the max-requests",
  blocked: "because this address is blocked",
};

/** What ended a run, as the end of "the run stopped early ...". */
export function stopText(reason: StopReason): string {
  return STOP_TEXTS[reason];
}

/** Thrown to every worker once the run has to end early. */
export class RunStopped extends Error {
  override readonly name = "RunStopped";
  readonly reason: StopReason;
  constructor(reason: StopReason) {
    super(`the run stops early: ${reason}`);
    this.reason = reason;
  }
}

/** What a sender needs of whoever paces its requests. */
export interface Gate {
  /** Waits until a request may go. Throws if none may: see the implementations. */
  acquire(use: Use): Promise<Permit>;
  /** Gives the permit back with what GitLab answered: see Tokens. @returns whether another token may do better */
  settle(permit: Permit, answer: AnswerHead | null, settlement: PermitSettlement): boolean;
  /** A pause between two tries. Throws if the run ends before it is over. */
  pause(delayMs: number): Promise<void>;
  /** Something in front of GitLab refuses this address: no request has a chance for now. @returns what to throw */
  block(text: string): Error;
  /** GitLab throttles a request however long it waits: the run ends at its rate limit. @returns what to throw */
  starve(text: string): Error;
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

/** `acquire` throws RunStopped, or UpstreamError if GitLab refused every token. */
export interface Budget extends Gate {
  /** Requests that may still go before some limit is met, as far as is known. */
  room(): number;
  /** Ends the run; the first reason stays. */
  stop(reason: StopReason): void;
  readonly stopped: StopReason | null;
  /** What an operator has to know of the stop: what blocks or throttles, and the cure; null: the reason says it all. */
  readonly stopNote: string | null;
  /** The earliest that GitLab's wall clock may say now, milliseconds, by the answer that came last. */
  serverNow(): number;
  /** Tokens that GitLab refused in this run. */
  readonly refusedTokens: number;
  readonly counts: { readonly total: number; readonly rejected: number };
}

/** Without a time limit, longer waits end the run: the next one goes on. */
const LONGEST_WAIT_WITHOUT_LIMIT_MS = 30_000;

export function createBudget(options: BudgetOptions): Budget {
  const { clock } = options;
  const maxRequests = options.maxRequests ?? null;
  const limitSeconds = options.timeLimitSeconds ?? null;
  const deadline = limitSeconds === null ? null : clock.monotonic() + limitSeconds * 1000;
  const ended = new AbortController();
  const tokens = new Tokens(options);
  let stopped: StopReason | null = null;
  let stopNote: string | null = null;
  let total = 0;
  let rejected = 0;
  /** By how much GitLab's clock is ahead of ours. */
  let aheadMs = 0;

  function stop(reason: StopReason): void {
    if (stopped !== null) return;
    stopped = reason;
    ended.abort(new RunStopped(reason));
  }

  function stopWith(reason: StopReason, text: string): Error {
    if (stopped === null) stopNote = text;
    stop(reason);
    return new RunStopped(stopped ?? reason);
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

  return {
    async acquire(use) {
      for (;;) {
        throwIfOver();
        const permit = tokens.take(use);
        if (typeof permit !== "number") {
          total++;
          return permit;
        }
        if (!fits(permit)) {
          stop("rate-limit");
          continue;
        }
        await wait({ ms: permit, reason: "rate-limit" });
      }
    },
    settle(permit, answer, settlement) {
      if (answer?.status === 429) rejected++;
      const now = clock.now();
      if (answer !== null) aheadMs = serverTime(answer.headers, now) - now;
      return tokens.settle(permit, answer, settlement);
    },
    async pause(delayMs) {
      throwIfOver();
      if (deadline !== null && clock.monotonic() + delayMs >= deadline) stop("time-limit");
      await wait({ ms: delayMs, reason: "retry" });
    },
    block: (text) => stopWith("blocked", text),
    starve: (text) => stopWith("rate-limit", text),
    room() {
      const byCount = maxRequests === null ? Number.POSITIVE_INFINITY : maxRequests - total;
      return Math.min(byCount, tokens.room());
    },
    stop,
    get stopped() {
      return stopped;
    },
    get stopNote() {
      return stopNote;
    },
    // The server's date is cut to a second, which makes it early; clocks that agree may be apart by so much.
    serverNow: () => clock.now() + (aheadMs === 0 ? -CLOCKS_AGREE_MS : aheadMs),
    get refusedTokens() {
      return tokens.refused;
    },
    get counts() {
      return { total, rejected };
    },
  };
}
