/**
 * Whether events may have been missed that GitLab's own log still has: webhooks that the relay answered with 503, or the time for
 * which it was away. GitLab repeats neither; `recover` fetches them back.
 */
import { utcDateTime } from "../../lib/utc.ts";
import type { MinuteStats } from "./hour/minute-stats.ts";

/** Shorter absences are those of an ordinary restart. */
export const AWAY_MS = 30_000;
/** How long an absence is recalled. */
const RECALL_MS = 86_400_000;

export interface RecoveryDue {
  /** Wall clock from which webhooks may be missing, milliseconds. */
  readonly since: number;
  readonly text: string;
}

export interface RecoveryFacts extends Pick<MinuteStats, "firstUnavailableAt" | "lastRecoveredAt"> {
  readonly now: number;
  /** Wall clock at which the run before was last seen; null: never, as far as is known. */
  readonly lastSeenAt: number | null;
  readonly startedAt: number;
}

/** Null: nothing is missing that the relay knows of. */
export function recoveryDue(facts: RecoveryFacts): RecoveryDue | null {
  const { firstUnavailableAt, lastRecoveredAt, lastSeenAt, startedAt, now } = facts;
  const isRecalled = lastRecoveredAt === null && now - startedAt < RECALL_MS;
  if (isRecalled && lastSeenAt !== null && startedAt - lastSeenAt >= AWAY_MS)
    return {
      since: lastSeenAt,
      text: `the relay was away from ${utcDateTime(lastSeenAt)} to ${utcDateTime(startedAt)}; run recover`,
    };
  if (firstUnavailableAt !== null)
    return {
      since: firstUnavailableAt,
      text: `webhooks got 503 from ${utcDateTime(firstUnavailableAt)} on; run recover`,
    };
  return null;
}
