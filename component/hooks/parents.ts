/**
 * Hooks of ours on the groups above: GitLab fires them for every project below, so that a second hook here would have every event
 * delivered twice. Who does not see the hooks of a group does not see those of the groups above it either, as roles are inherited
 * downwards: the way up ends at the first refusal.
 */
import type { HookApi } from "../gitlab/client.ts";
import type { Hook } from "../gitlab/types.ts";
import type { WantedHook } from "./desired.ts";
import { probeGroup } from "./level.ts";
import { healthy, pointsTo } from "./plan.ts";

export interface HookAbove {
  readonly group: string;
  readonly hook: Hook;
}

/** One request for each group above, nearest first. @param group full path; an id is not climbed */
export async function hooksAbove(api: HookApi, group: string, relayUrl: string): Promise<HookAbove[]> {
  const found: HookAbove[] = [];
  const parts = group.split("/");
  for (let length = parts.length - 1; length > 0; length--) {
    const path = parts.slice(0, length).join("/");
    const { hooks } = await probeGroup(api, path);
    if (hooks === null) return found;
    found.push(...hooks.filter((hook) => pointsTo(hook, relayUrl)).map((hook) => ({ group: path, hook })));
  }
  return found;
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
