/** What became of one place. */
import type { HookPlace } from "../gitlab/types.ts";
import type { Change } from "./plan.ts";

export const ACTIONS = ["create", "update", "none", "remove", "skip", "fail"] as const;
export type Action = (typeof ACTIONS)[number];

/** Why a project is skipped that a token of a higher role could work on. */
export const BELOW_ROLE = "below the Maintainer role";

/** Why a recovery skips a place. */
export const NO_HOOK = "has no hook of ours";

export interface HookResult {
  /** Null: the group itself. */
  readonly projectId: number | null;
  readonly path: string;
  /** In a dry run: what would be done. */
  readonly action: Action;
  readonly changes: readonly Change[];
  readonly reason: string | null;
  readonly hookId: number | null;
}

export function resultOf(
  place: HookPlace,
  action: Action,
  rest: {
    readonly changes?: readonly Change[];
    readonly reason?: string | null;
    readonly hookId?: number | null;
  } = {},
): HookResult {
  return {
    projectId: place.level === "project" ? Number(place.id) : null,
    path: place.path,
    action,
    changes: rest.changes ?? [],
    reason: rest.reason ?? null,
    hookId: rest.hookId ?? null,
  };
}

/** The project is without what the run was to do, and another run may do it. */
export function isLeftUndone({ action, reason }: HookResult): boolean {
  return action === "fail" || (action === "skip" && reason === BELOW_ROLE);
}
