/** Replay jobs in numbers and words. Pure. */
import { own } from "../../lib/json.ts";
import { counted } from "../../lib/numbers.ts";
import type { ReplayCount, ReplayJob, ReplayPart, ReplayState } from "../queue/replay-job.ts";

export interface ReplayProgress {
  readonly queued: number;
  /** Of these: taken by their targets, and dead again. */
  readonly delivered: number;
  readonly failed: number;
  /** Of these: neither, so far. */
  readonly open: number;
  /** What fitted when the job was made and did not go out: its event was removed or has expired, or something else delivered it. */
  readonly gone: number;
  /** What fitted when the job was made and is not queued yet; a job that met more than that has none left. */
  readonly remaining: number;
  /** What was not queued when the job was cancelled. */
  readonly cancelled: number;
}

export function progressOf({ plan, state, parts }: ReplayJob): ReplayProgress {
  const sum = (of: (part: ReplayPart) => number): number =>
    parts.reduce((total, part) => total + of(part), 0);
  const left = ({ target, queued, missed }: ReplayPart): number =>
    Math.max(0, (own(plan.expected.byTarget, target) ?? 0) - queued - missed);
  const queued = sum((part) => part.queued);
  const delivered = sum((part) => part.delivered);
  const failed = sum((part) => part.failed);
  const gone = sum((part) => part.gone);
  const ahead = sum((part) => (part.isScanned ? 0 : left(part)));
  return {
    queued,
    delivered,
    failed,
    open: queued - delivered - failed - gone,
    gone: gone + sum((part) => part.missed + (part.isScanned ? left(part) : 0)),
    remaining: state === "cancelled" ? 0 : ahead,
    cancelled: state === "cancelled" ? ahead : 0,
  };
}

/** Names that a sentence lists. */
const MAX_NAMES = 3;

/** "16 events to jira-sync: 16 deliveries". */
export function countText(count: ReplayCount): string {
  const { events, deliveries, isWhole } = count;
  if (deliveries === 0) return isWhole ? "no delivery fits" : "no delivery found so far";
  const text = `${counted(events, "event")} to ${targetsText(count)}: ${counted(deliveries, "delivery")}`;
  return isWhole ? text : `at least ${text}`;
}

/** "ci-bot, jira-sync", or "12 targets". */
export function targetsText({ byTarget }: ReplayCount): string {
  const names = Object.keys(byTarget).sort();
  return names.length > MAX_NAMES ? counted(names.length, "target") : names.join(", ");
}

/** States from which a person may put a job into another one. */
export const CHANGES = {
  pause: { from: ["running"], to: "paused" },
  resume: { from: ["paused"], to: "running" },
  cancel: { from: ["running", "paused"], to: "cancelled" },
} as const satisfies Readonly<
  Record<string, { readonly from: readonly ReplayState[]; readonly to: ReplayState }>
>;

export type ReplayChange = keyof typeof CHANGES;
