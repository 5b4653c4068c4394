/**
 * Hooks of ours on the groups above: GitLab fires them for every project below, so that a second hook here would have every event
 * delivered twice. Who does not see the hooks of a group does not see those of the groups above it either, as roles are inherited
 * downwards: the way up ends at the first refusal.
 */
import { UpstreamError } from "../../lib/errors.ts";
import type { HookApi } from "../gitlab/hook-api.ts";
import type { Hook } from "../gitlab/types.ts";
import type { WantedHook } from "./desired.ts";
import { isGroupMissing } from "./explain.ts";
import { probeGroup } from "./level.ts";
import { healthy, pointsTo } from "./plan.ts";

export interface HookAbove {
  readonly group: string;
  readonly hook: Hook;
}

export interface Above {
  readonly hooks: readonly HookAbove[];
  /** The nearest group whose hooks this token does not see; null: it sees all. */
  readonly unseen: string | null;
}

/** One request for each group above, nearest first. @param group full path */
export async function hooksAbove(api: HookApi, group: string, relayUrl: string): Promise<Above> {
  const found: HookAbove[] = [];
  const parts = group.split("/");
  for (let length = parts.length - 1; length > 0; length--) {
    const path = parts.slice(0, length).join("/");
    const hooks = await hooksOf(api, path);
    if (hooks === null) return { hooks: found, unseen: path };
    found.push(...hooks.filter((hook) => pointsTo(hook, relayUrl)).map((hook) => ({ group: path, hook })));
  }
  return { hooks: found, unseen: null };
}

/** The paths of the groups between a group and one of its projects, from above. @param group full path */
export function groupsBetween(group: string, project: string): string[] {
  const parts = project.split("/").slice(0, -1);
  const depth = group.split("/").length;
  return parts.slice(depth).map((_, index) => parts.slice(0, depth + index + 1).join("/"));
}

/** Hooks of one group for the relay; none if this token does not see them. One request. */
export async function hooksFor(api: HookApi, group: string, relayUrl: string): Promise<HookAbove[]> {
  const hooks = (await hooksOf(api, group)) ?? [];
  return hooks.filter((hook) => pointsTo(hook, relayUrl)).map((hook) => ({ group, hook }));
}

/** Null: this token does not see them, or not even the group. */
async function hooksOf(api: HookApi, group: string): Promise<readonly Hook[] | null> {
  try {
    return (await probeGroup(api, group)).hooks;
  } catch (error) {
    if (error instanceof UpstreamError && isGroupMissing(error)) return null;
    throw error;
  }
}

/** Whether a hook above does all that hooks of projects are wanted for: every event, every branch, awake and with a secret. */
export function covers({ hook }: HookAbove, wanted: WantedHook): boolean {
  const events = Object.entries(wanted.shown).filter(([name]) => name.endsWith("_events"));
  const filter = hook["push_events_branch_filter"] ?? "";
  return (
    healthy(hook) &&
    events.every(([name, on]) => on !== true || hook[name] === true || !(name in hook)) &&
    (filter === "" || filter === wanted.shown["push_events_branch_filter"]) &&
    (hook["token_present"] !== false || hook["signing_token_present"] === true)
  );
}
