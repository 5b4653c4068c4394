/** The time in which webhooks were missed, as one span, and in words. Pure. */
import type { MissedWindow } from "../storage/recovery-notes.ts";

/** A delivery that was under way when the relay came back may take so long to fail and be logged: no run begins before. Milliseconds. */
export const SETTLE_MS = 15_000;

export interface MissedSpan {
  /** Wall clock, milliseconds. */
  readonly since: number;
  readonly until: number;
  readonly wasAway: boolean;
}

/** From the first beginning to the last end; null: nothing was missed. */
export function spanOf(windows: readonly MissedWindow[]): MissedSpan | null {
  if (windows.length === 0) return null;
  return {
    since: Math.min(...windows.map(({ since }) => since)),
    until: Math.max(...windows.map(({ until }) => until)),
    wasAway: windows.some(({ cause }) => cause === "away"),
  };
}

/** Whether the second begins within the first or right behind it, so that no run has been made for the first alone. */
export function isContinued(first: MissedWindow, second: MissedWindow): boolean {
  return (
    first.cause === second.cause && second.since >= first.since && second.since < first.until + SETTLE_MS
  );
}

/** "The relay was away from 07:26:12 to 07:26:44 UTC on 2026-01-31". */
export function spanText({ since, until, wasAway }: MissedSpan): string {
  const [from, to] = [utc(since), utc(until)];
  const end = from.date === to.date ? `${to.time} UTC on ${from.date}` : `${to.date} ${to.time} UTC`;
  const begin = from.date === to.date ? from.time : `${from.date} ${from.time}`;
  return `${wasAway ? "the relay was away" : "webhooks got 503"} from ${begin} to ${end}`;
}

function utc(ms: number): { readonly date: string; readonly time: string } {
  const iso = new Date(ms).toISOString();
  return { date: iso.slice(0, 10), time: iso.slice(11, 19) };
}
