/**
 * When a failed delivery is tried again: exponential back-off with full jitter, so that a thousand deliveries that failed
 * together do not come back together.
 */

export interface BackoffConfig {
  readonly baseSeconds: number;
  readonly capSeconds: number;
}

/** Upper end of the wait after `attempts` failures, in seconds: base, 2 x base, 4 x base ... at most the cap. */
export function ceilingSeconds(config: BackoffConfig, attempts: number): number {
  return Math.min(config.capSeconds, config.baseSeconds * 2 ** (attempts - 1));
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
  const drawn = random() * ceilingSeconds(config, attempts);
  const asked = Math.min(config.capSeconds, retryAfterSeconds ?? 0);
  return Math.round(Math.max(drawn, asked) * 1000);
}
