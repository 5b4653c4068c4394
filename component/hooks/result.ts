/** What became of one place. */
import type { Place } from "../gitlab/types.ts";
import type { Change } from "./plan.ts";

export const ACTIONS = ["create", "update", "none", "remove", "skip", "fail"] as const;
export type Action = (typeof ACTIONS)[number];

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
  place: Place,
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
