/**
 * When a failed delivery is tried again: exponential back-off with full jitter, so that a thousand deliveries that failed
 * together do not come back together.
 */
import { jitteredMs } from "../../lib/retry.ts";

export interface BackoffConfig {
  readonly baseSeconds: number;
  readonly capSeconds: number;
}

/**
 * Milliseconds to wait after `attempts` failures: drawn evenly between 0 and the ceiling.
 * @param retryAfterSeconds what the target asked for; honoured where it is later than the draw, up to the cap; null: nothing
 * @param random from 0 up to, not including, 1
 */
export function waitMs(
  config: BackoffConfig,
  attempts: number,
  retryAfterSeconds: number | null,
  random: () => number,
): number {
  const backoff = { baseMs: config.baseSeconds * 1000, capMs: config.capSeconds * 1000 };
  const askedMs = Math.min(backoff.capMs, (retryAfterSeconds ?? 0) * 1000);
  return Math.round(Math.max(jitteredMs(backoff, attempts, random), askedMs));
}
