/**
 * A hook in each project. The group's own hook goes once every project has one: until then a project may be heard twice, never
 * zero times.
 */
import type { Hook, Level, Place } from "../gitlab/types.ts";
import { carriedBy, variablesOf } from "./carried.ts";
import type { BeforeCreate, GroupsBelow } from "./before-create.ts";
import { EndOfRun } from "./end-of-run.ts";
import { GroupOpen, meaningOfRefusal, probeGroup, ProjectGate, type Probe } from "./level.ts";
import { isOurs } from "./plan.ts";
import type { HookResult } from "./result.ts";
import { groupPlace, isFiltered } from "./round.ts";
import { installName } from "./round-name.ts";
import { isInstalledInProjects, lacksToken, type InstallRun } from "./run.ts";

export async function installInProjects(
  run: InstallRun,
  first: Probe,
  beforeCreate: BeforeCreate,
): Promise<void> {
  const { deps, apply, round, losses } = run;
  const { config, gitlab, levels } = deps;
  const lastLevel = await levels.load();
  const asked = config.level === "project" || isFiltered(config);
  const probe = await lookAgain(run, { first, lastLevel, asked });
  const onGroup = probe.hooks?.filter((hook) => isOurs(hook, config.url)) ?? [];
  if (!config.dryRun) refuseLossOfGroupHook(run, onGroup);
  const gate = new ProjectGate({
    api: gitlab.hooks.group,
    standing: gitlab.standing,
    budget: deps.budget,
    group: config.group,
    asked,
    lastLevel,
    isInstalledInProjects: () => isInstalledInProjects(run),
    notice: deps.notice,
  });
  const [hook] = onGroup;
  beforeCreate.arm({
    gate: probe.hooks === null ? gate : null,
    mark: hook === undefined ? null : () => apply.mark(groupPlace(config), hook, { moving: true }),
    below: probe.hooks === null ? null : await groupsBelow(run),
  });
  await walk(run);
  if (onGroup.length > 0) await removeGroupHook(run);
  await round.leftOut();
  const hidden = await hidesGroupHook(run, probe, lastLevel);
  if (!config.dryRun && !hidden && round.failures === 0) await levels.save("project");
  await round.close();
  if (!config.dryRun) losses.refuse();
  round.refuseNothing();
  round.refuseLostToken();
  if (hidden) {
    const text =
      "the last run left a hook of ours on the group, which this token can neither see nor remove: events come twice; use a token with the Owner role";
    throw new EndOfRun(text, { status: 1, complete: true });
  }
}

/** Who sees the hooks of the group sees those of the groups below. */
async function groupsBelow({ deps, desire, round }: InstallRun): Promise<GroupsBelow> {
  const { gitlab, config, notice } = deps;
  const wanted = desire("project", 0);
  return { api: gitlab.hooks.group, group: await round.fullPath(), relayUrl: config.url, wanted, notice };
}

/** The last run left a hook on the group, and now the group's hooks are refused: a single odd answer is gone at the second look. */
async function lookAgain(
  { deps }: InstallRun,
  known: { readonly first: Probe; readonly lastLevel: Level | null; readonly asked: boolean },
): Promise<Probe> {
  if (known.first.hooks !== null || known.lastLevel !== "group") return known.first;
  const probe = await probeGroup(deps.gitlab.hooks.group, deps.config.group);
  if (probe.hooks !== null && !known.asked) throw new GroupOpen(probe);
  return probe;
}

/** Whether a hook that the last run left on the group may still fire, out of this token's sight. */
async function hidesGroupHook({ deps }: InstallRun, probe: Probe, lastLevel: Level | null): Promise<boolean> {
  if (probe.hooks !== null || lastLevel !== "group") return false;
  const meaning = await meaningOfRefusal(deps.gitlab.standing, deps.config.group);
  if (meaning !== "not-licensed") return true;
  deps.notice(
    "the last run left a hook of ours on the group, which fires no more: the instance is not licensed for group hooks now; a run after the licence has come back removes one or the other",
  );
  return false;
}

/**
 * Without a secret to write back, no write is made before every project was looked at: one whose hook would lose its secret may be
 * the last. With one, a hook is looked at and written in one go.
 */
async function walk(run: InstallRun): Promise<void> {
  const { deps, apply, round, losses, desire, seen } = run;
  const { config } = deps;
  const wanted = (place: Place): ReturnType<typeof desire> => desire("project", Number(place.id));
  const made: Made = { all: [], unwarned: [] };
  const install = async (place: Place): Promise<HookResult> => {
    const wasWarned = seen.foundOurs;
    const result = await apply.install(place, wanted(place));
    if (result.action === "create") {
      made.all.push(place);
      if (!wasWarned) made.unwarned.push(place);
    }
    return result;
  };
  if (!lacksToken(config) || config.dryRun) {
    await round.projects({ name: installName("install", desire("project", 0), config), work: install });
  } else {
    await round.projects({
      name: installName("survey", desire("project", 0), config),
      work: async (place) => {
        const { result, losses: lost } = await apply.foresee(place, wanted(place));
        if (lost.length > 0) return { ...result, action: "fail", changes: [] };
        return ["none", "skip", "fail"].includes(result.action) ? result : null;
      },
      check: () => losses.refuse(),
      again: install,
    });
  }
  if (!config.dryRun) await pruneTwins(run, made);
}

/** Projects that got a hook in this run. */
interface Made {
  readonly all: Place[];
  /** Those that were looked at before this run had found any hook of ours, so that nothing spoke for a second look. */
  readonly unwarned: Place[];
}

/**
 * Two runs at the same time may both have found a project without hook. A hook of ours that is younger than the first one of this
 * run tells of the other run; then every project that got one is looked at again. If hooks of ours were only found later, the list
 * of a project before them may have been stale.
 */
async function pruneTwins({ deps, apply, desire, round, seen }: InstallRun, made: Made): Promise<void> {
  if (!deps.config.pruneDuplicates) return;
  if (seen.otherRun)
    deps.notice("another run made hooks at the same time: the projects are looked at once more");
  for (const place of seen.otherRun ? made.all : seen.foundOurs ? made.unwarned : []) {
    const result = await apply.install(place, desire("project", Number(place.id)));
    if (result.action === "fail") round.report(result);
  }
}

async function removeGroupHook({ deps, apply, round }: InstallRun): Promise<void> {
  if (round.undone > 0 || !round.worked) {
    return deps.notice(
      "the group hook stays until every project has its own: some have none, and the other projects are heard twice",
    );
  }
  deps.report(await apply.remove(groupPlace(deps.config)));
}

/** The group's hook goes in the end, and its secret with it. Throws EndOfRun. */
function refuseLossOfGroupHook({ deps, losses }: InstallRun, onGroup: readonly Hook[]): void {
  if (!lacksToken(deps.config)) return;
  for (const hook of onGroup) {
    if (carriedBy(hook, deps.config.url).token === false) continue;
    losses.add(variablesOf({ token: true, signing: false, headers: false }, hook));
  }
  losses.refuse();
}
