/** A plan that was carried out, or would be, as the result of its place. Pure. */
import type { UpstreamError } from "../../lib/errors.ts";
import type { HookPlace } from "../gitlab/types.ts";
import type { Change, HookPlan } from "./plan.ts";
import { resultOf, type HookResult } from "./result.ts";

export interface Done {
  readonly changes: readonly Change[];
  readonly hookId: number;
  readonly reasons: readonly string[];
  /** Duplicates were removed, or would be. */
  readonly prunes: boolean;
}

export function planResult(place: HookPlace, { duplicates }: HookPlan, done: Done): HookResult {
  const { prunes, hookId } = done;
  const removed = prunes ? duplicates : [];
  const left = prunes ? 0 : duplicates.length;
  const changes = [
    ...done.changes,
    ...removed.map((one): Change => ({ attribute: "duplicate", from: one.id, to: null })),
  ];
  const reasons =
    left === 0
      ? done.reasons
      : [...done.reasons, `${left} more of our hooks stay: --prune-duplicates is off`];
  const action = done.changes.length > 0 ? "update" : removed.length > 0 ? "remove" : "none";
  return resultOf(place, action, {
    changes,
    hookId,
    reason: reasons.length === 0 ? null : reasons.join("; "),
  });
}

/** Why a hook sleeps on. @param status its `alert_status`; @param error what the test delivery met */
export function asleepReason(status: string, error: UpstreamError): string {
  const cure =
    error.code === "throttled"
      ? "GitLab allows five tests a minute and project; the next run tries again"
      : "a hook that GitLab switched off is woken by a test delivery that the relay answers with 2xx: see that GitLab reaches the relay and that the relay knows this secret; the next run tries again";
  return `the hook is ${status} and a test delivery did not wake it: ${error.message} (${cure})`;
}
