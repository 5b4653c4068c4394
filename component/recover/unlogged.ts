/**
 * When may GitLab have dropped events without a row in its log? Pure.
 *
 * A hook that fails four times in a row is paused: a minute, then twice as long with each further failure, up to a day; after
 * the fortieth it is off for good. What happens meanwhile is neither sent nor logged. The pauses follow from the log: they
 * begin with a failure and end when they are over, or with the next attempt. A failure well within a pause proves that there was
 * none: the instance does not switch hooks off. Only what GitLab itself says of the hook counts then.
 */
import type { Attempted } from "./finding.ts";

export interface UnloggedWindow {
  /** Wall clock, milliseconds. */
  readonly from: number;
  readonly to: number;
  readonly reason: string;
}

export interface HookState {
  /** `executable`, `temporarily_disabled`, `disabled`; null: this GitLab does not say. */
  readonly alertStatus: string | null;
  readonly disabledUntil: number | null;
  /** Failures in a row before the first of the attempts, as an earlier run left them. */
  readonly failures: number;
}

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const FREE_FAILURES = 3;
const LAST_FAILURE = 40;

/**
 * @param attempts oldest first
 * @param now wall clock, milliseconds
 * @returns the windows, and the failures in a row after the last attempt
 */
export function unloggedWindows(
  attempts: readonly Attempted[],
  hook: HookState,
  now: number,
): { readonly windows: readonly UnloggedWindow[]; readonly failures: number } {
  const rows = attempts.filter((row): row is Attempted & { at: number } => row.at !== null);
  const asleep = hook.alertStatus !== null && hook.alertStatus !== "executable";
  const windows: UnloggedWindow[] = [];
  let { failures } = hook;
  let neverPaused = false;
  rows.forEach((row, index) => {
    failures = row.ok ? 0 : failures + 1;
    if (failures <= FREE_FAILURES) return;
    const next = rows[index + 1];
    const isLast = next === undefined;
    const forGood = failures >= LAST_FAILURE;
    const pauseMs = Math.min(DAY_MS, MINUTE_MS * 2 ** (failures - FREE_FAILURES - 1));
    const end = forGood ? Number.POSITIVE_INFINITY : row.at + pauseMs;
    if (!isLast && !next.ok && next.at < row.at + pauseMs * 0.9) neverPaused = true;
    if (isLast && !asleep && now < end) return;
    const until = isLast ? (asleep ? Math.min(now, hook.disabledUntil ?? now) : now) : next.at;
    const to = Math.min(end, until);
    const reason = forGood ? "switched off for good" : `paused after ${failures} failures in a row`;
    if (to > row.at) windows.push({ from: row.at, to, reason });
  });
  if (neverPaused && !asleep) return { windows: [], failures };
  const last = rows.at(-1);
  if (asleep && last !== undefined && windows.at(-1)?.from !== last.at) {
    // Failures that are no longer in the log have been counted, too.
    const to = Math.min(now, hook.disabledUntil ?? now);
    const reason = hook.alertStatus === "disabled" ? "switched off for good" : "paused by GitLab";
    if (to > last.at) windows.push({ from: last.at, to, reason });
  }
  return { windows: asleep && neverPaused ? windows.slice(-1) : windows, failures };
}
