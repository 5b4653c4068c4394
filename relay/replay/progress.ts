/** Replay jobs in numbers and words. Pure. */
import { counted } from "../../lib/numbers.ts";
import type { ReplayCount, ReplayJob, ReplayState } from "../queue/replay-job.ts";

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
}

export function progressOf({ plan, state, parts }: ReplayJob): ReplayProgress {
  const sum = (field: "queued" | "delivered" | "failed" | "gone" | "missed"): number =>
    parts.reduce((total, part) => total + part[field], 0);
  const queued = sum("queued");
  const delivered = sum("delivered");
  const failed = sum("failed");
  const lost = sum("gone") + sum("missed");
  const left = Math.max(0, plan.expected.deliveries - queued - sum("missed"));
  const isAtEnd = parts.every((part) => part.isScanned);
  return {
    queued,
    delivered,
    failed,
    open: queued - delivered - failed - sum("gone"),
    gone: lost + (isAtEnd ? left : 0),
    remaining: isAtEnd || state === "cancelled" ? 0 : left,
  };
}

/** Names that a sentence lists. */
const MAX_NAMES = 3;

/** "16 events to jira-sync: 16 deliveries". */
export function countText({ events, deliveries, byTarget, isWhole }: ReplayCount): string {
  if (deliveries === 0) return isWhole ? "no delivery fits" : "no delivery found so far";
  const names = Object.keys(byTarget).sort();
  const to = names.length > MAX_NAMES ? counted(names.length, "target") : names.join(", ");
  const text = `${counted(events, "event")} to ${to}: ${counted(deliveries, "delivery")}`;
  return isWhole ? text : `at least ${text}`;
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
