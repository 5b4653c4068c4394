/** `uninstall`: no hook of ours is left, neither on the group nor in its projects; the hooks of others stay. */
import type { HookApi } from "../gitlab/hook-api.ts";
import type { Place } from "../gitlab/types.ts";
import { Apply } from "./apply.ts";
import type { LevelStore } from "./cursor.ts";
import { EndOfRun } from "./end-of-run.ts";
import { createMaintained } from "./group-projects.ts";
import { meaningOfRefusal, probeGroup, type Probe } from "./level.ts";
import { isOurs } from "./plan.ts";
import { Losses } from "./losses.ts";
import { concluded, type RoundOutcome } from "./outcome.ts";
import { groupPlace, isFiltered, Round, type RoundDeps } from "./round.ts";
import type { HookResult } from "./result.ts";
import { sweepName } from "./round-name.ts";
import { Seen } from "./seen.ts";

export interface UninstallDeps extends RoundDeps {
  readonly levels: LevelStore;
  readonly random: () => number;
}

export async function uninstall(deps: UninstallDeps): Promise<RoundOutcome> {
  const { config, gitlab, budget, levels } = deps;
  const isMaintained = createMaintained(gitlab, config.group);
  const apply = new Apply({
    hooks: gitlab.hooks,
    budget,
    random: deps.random,
    seen: new Seen(),
    losses: new Losses(),
    relayUrl: config.url,
    dryRun: config.dryRun,
    pruneDuplicates: true,
    reenable: false,
    beforeCreate: () => Promise.resolve(null),
    isInstalled: () => Promise.resolve(false),
    isGone: (id) => gitlab.standing.isGone(id),
    isBelowMaintainer: async (id) => !(await isMaintained(id)),
    isEmpty: () => Promise.resolve(false),
  });
  const round = new Round(deps);
  const level = config.level === "group" ? "group" : "project";
  if (config.url === null) deps.notice("without --url ours are known by their marker alone");
  return concluded(
    () => level,
    round,
    async () => {
      let removed = 0;
      const doubts = (await levels.load()) === "project";
      const remove = async (place: Place): Promise<HookResult> => {
        // One stale list would hide a hook where others are known to be about.
        const isDoubted = place.level === "project" && (doubts || removed > 0);
        const result = await apply.remove(place, { doubts: isDoubted });
        if (result.action === "remove") removed++;
        return result;
      };
      // Filters choose projects, so they leave the hooks of groups alone.
      const probe = isFiltered(config) ? null : await lookTwice(gitlab.hooks.group, config.group);
      if (probe !== null && probe.hooks !== null) {
        const below = (await gitlab.standing.subgroups(config.group)).map(({ id, fullPath }) =>
          placeOfGroup(id, fullPath),
        );
        for (const place of [groupPlace(config), ...below]) {
          const result = await remove(place);
          if (result.action !== "none") round.report(result);
        }
      }
      await round.projects({ name: sweepName(config, "uninstall"), everything: true, work: remove });
      await round.close();
      if (removed === 0) round.refuseNothing();
      round.refuseLostToken();
      if (isFiltered(config)) await refuseCoveringHook(deps);
      if (probe !== null && probe.hooks === null) await refuseHiddenHook(deps, { probe, removed });
      if (!config.dryRun && !isFiltered(config) && round.failures === 0) await levels.save(null);
    },
  );
}

function placeOfGroup(id: number, path: string): Place {
  return { level: "group", id, path };
}

/** Filters leave the group's hook alone, and it sends the events of the chosen projects as well. One request. Throws EndOfRun. */
async function refuseCoveringHook({ config, gitlab }: UninstallDeps): Promise<void> {
  const { hooks } = await probeGroup(gitlab.hooks.group, config.group);
  const covering = hooks?.find((hook) => isOurs(hook, config.url));
  if (covering === undefined) return;
  const text = `hook ${covering.id} of the group still sends the events of these projects, as filters leave it alone: uninstall without them, or give the other projects hooks of their own (install with --exclude)`;
  throw new EndOfRun(text, { status: 1, complete: true });
}

/** A single odd answer is gone at the second look. */
async function lookTwice(api: HookApi, group: string): Promise<Probe> {
  const probe = await probeGroup(api, group);
  return probe.hooks === null ? probeGroup(api, group) : probe;
}

/**
 * A hook of ours may be left on the group, out of this token's sight. Throws EndOfRun unless the instance is not licensed for group
 * hooks, or it is known that the hooks were in the projects.
 */
async function refuseHiddenHook(
  { config, gitlab, levels, notice }: UninstallDeps,
  seen: { readonly probe: Probe; readonly removed: number },
): Promise<void> {
  const last = await levels.load();
  if (last === "group") {
    const text =
      "the last installation left a hook of ours on the group, which this token can neither see nor remove: use a token with the Owner role";
    throw new EndOfRun(text, { status: 1, complete: true });
  }
  const meaning = await meaningOfRefusal(gitlab.standing, config.group);
  if (meaning === "not-licensed") return;
  const unseen = "this token does not see the group's hooks: one of ours that may be there stays";
  if (last === "project" || seen.removed > 0 || config.allowEmpty || seen.probe.status !== 403)
    return notice(unseen);
  throw new EndOfRun(`${unseen}, and no project has one; use a token with the Owner role`, {
    status: 1,
    complete: true,
  });
}
