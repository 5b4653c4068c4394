/** Times in UTC as people read them, to the second. */

/** "07:26:12 UTC". @param ms wall clock */
export function utcTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(11, 19)} UTC`;
}

/** "2026-01-31 07:26:12 UTC". @param ms wall clock */
export function utcDateTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 10)} ${utcTime(ms)}`;
}
