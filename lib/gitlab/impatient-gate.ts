/**
 * The gate of a caller that never waits, such as an attempt of a delivery, which comes back by its own schedule: if no token may go
 * on, the request fails at once and says when to come back. Made once and shared by all requests with these tokens.
 */
import type { Clock } from "../clock.ts";
import { UpstreamError } from "../errors.ts";
import type { Gate } from "./budget.ts";
import { Tokens } from "./tokens.ts";

/** A refused token is asked again after this time, in milliseconds: it may have been given its scopes. */
const REFUSED_MS = 60_000;

/** `acquire` throws a retryable UpstreamError: `throttled` with the time to wait, or what Tokens throws if every token is refused. */
export function createImpatientGate(tokens: readonly string[], clock: Clock): Gate {
  const states = new Tokens({ tokens, clock, refusedForMs: REFUSED_MS });
  const later = (code: string, text: string, retryAfterMs?: number): UpstreamError =>
    new UpstreamError(code, text, {
      retryable: true,
      ...(retryAfterMs === undefined ? {} : { status: 429, retryAfterMs }),
    });
  return {
    acquire(use) {
      try {
        const permit = states.take(use);
        if (typeof permit !== "number") return Promise.resolve(permit);
        return Promise.reject(later("throttled", "GitLab's rate limit is used up for every token", permit));
      } catch (error) {
        return Promise.reject(error as Error);
      }
    },
    settle: (permit, answer, settlement) => states.settle(permit, answer, settlement),
    pause: () => Promise.resolve(),
    block: (text) => later("blocked", text),
    starve: (text) => later("throttled", text, 0),
  };
}
