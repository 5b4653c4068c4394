/** When something that failed is tried again: `Retry-After` and exponential back-off with full jitter, read and drawn in one place. Pure. */

/**
 * Milliseconds that a `Retry-After` header asks for, as seconds or an HTTP date; null: it says neither. Never negative.
 * @param now wall clock of the server that sent it, milliseconds
 */
export function retryAfterMs(value: string | null | undefined, now: number): number | null {
  const text = value?.trim() ?? "";
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000;
  if (!/^[A-Za-z]{3,9},? /.test(text)) return null;
  const date = Date.parse(text);
  return Number.isNaN(date) ? null : Math.max(0, date - now);
}

export interface Backoff {
  readonly baseMs: number;
  readonly capMs: number;
}

/** Upper end of the pause after `failures` failures: base, 2 x base, 4 x base ... at most the cap. */
export function backoffCeilingMs({ baseMs, capMs }: Backoff, failures: number): number {
  return Math.min(capMs, baseMs * 2 ** (failures - 1));
}

/** The pause after `failures` failures, drawn evenly between 0 and its ceiling. @param random from 0 up to 1 */
export function jitteredMs(backoff: Backoff, failures: number, random: () => number): number {
  return Math.round(random() * backoffCeilingMs(backoff, failures));
}
