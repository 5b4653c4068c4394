/**
 * Whether a target is worth trying. A target that fails again and again gets a rest, so that neither it nor the relay spends
 * its time on attempts that cannot succeed; deliveries wait meanwhile and use up no attempt.
 *
 *   closed -> open           `failures` attempts in a row failed in a way that may pass
 *   open -> half-open        the rest is over: one attempt, the probe, is let through
 *   half-open -> closed      the target answered the probe
 *   half-open -> open        the probe failed; a new rest begins
 *   half-open -> half-open   the probe was called off: the next attempt is the probe
 *   open -> closed           an attempt that was still under way succeeded
 *
 * A refusal (4xx) is an answer: the target lives. Times are those of the monotonic clock, in milliseconds.
 */

export interface BreakerConfig {
  readonly failures: number;
  readonly cooldownSeconds: number;
}

export type Breaker =
  | { readonly state: "closed"; readonly failures: number }
  | { readonly state: "open"; readonly until: number }
  | { readonly state: "half-open"; readonly probing: boolean };

export const CLOSED: Breaker = { state: "closed", failures: 0 };

/** `answered`: taken or refused; `failed`: worth a retry; `called-off`: says nothing about the target. */
export type Sign = "answered" | "failed" | "called-off";

/** The breaker after the passing of time. */
export function atTime(breaker: Breaker, now: number): Breaker {
  return breaker.state === "open" && now >= breaker.until ? { state: "half-open", probing: false } : breaker;
}

/** How many attempts it lets start now, of `wanted`. */
export function admitted(breaker: Breaker, wanted: number): number {
  switch (breaker.state) {
    case "closed":
      return wanted;
    case "open":
      return 0;
    case "half-open":
      return breaker.probing ? 0 : Math.min(1, wanted);
    default:
      return breaker satisfies never;
  }
}

/** The breaker after an attempt has started. */
export function afterStart(breaker: Breaker): Breaker {
  return breaker.state === "half-open" ? { state: "half-open", probing: true } : breaker;
}

/** How an attempt ended, and whether it was let through as the probe. */
export interface Ended {
  readonly sign: Sign;
  readonly probe: boolean;
}

/** The breaker after an attempt has ended. */
export function afterEnd(
  breaker: Breaker,
  { sign, probe }: Ended,
  config: BreakerConfig,
  now: number,
): Breaker {
  if (sign === "answered") return CLOSED;
  if (sign === "called-off") return probe ? { state: "half-open", probing: false } : breaker;
  switch (breaker.state) {
    case "closed":
      return breaker.failures + 1 >= config.failures
        ? resting(config, now)
        : { state: "closed", failures: breaker.failures + 1 };
    case "open":
      return breaker;
    case "half-open":
      return probe ? resting(config, now) : breaker;
    default:
      return breaker satisfies never;
  }
}

function resting(config: BreakerConfig, now: number): Breaker {
  return { state: "open", until: now + config.cooldownSeconds * 1000 };
}
