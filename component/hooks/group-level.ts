/**
 * One hook on the group, and none of ours in its projects beside it. Where projects may have some, the group's hook says
 * `moving` until all of them were looked at, so that a run that ends in between is followed by one that knows. Afterwards one
 * request a run shows whether a hook of ours is beside it: runs take turns in looking at a project and at who came into the group.
 */
import type { Hook } from "../gitlab/types.ts";
import { carriedBy, variablesOf } from "./carried.ts";
import type { Look } from "./cursor.ts";
import { markerIn, type ListShape, type WantedHook } from "./desired.ts";
import type { Probe } from "./level.ts";
import { findNewcomers, listedNow, sameList, type Newcomers } from "./newcomers.ts";
import type { HookPlan } from "./plan.ts";
import { resultOf } from "./result.ts";
import { groupPlace } from "./round.ts";
import { lacksToken, sweep, takeSample, type InstallRun, type Sample } from "./run.ts";
import { workThrough } from "./work-through.ts";

export async function installOnGroup(run: InstallRun, probe: Probe): Promise<void> {
  const { deps, apply, round, losses } = run;
  const { config, levels } = deps;
  const place = groupPlace(config);
  const wanted = run.desire("group", await groupNumber(run, probe));
  if (probe.hooks === null) return deps.report(await apply.install(place, wanted));
  const plan = apply.planListed(wanted, probe.hooks);
  // Where an earlier move to the group had stopped means nothing for a hook that is only made now.
  if (plan.keep === null) await deps.cursors.save(null);
  const evidence = await evidenceOfLeftOvers(run, plan);
  if (!config.dryRun) {
    if (plan.losses.length > 0) losses.add(plan.losses);
    losses.refuse();
    if (evidence.leftOvers) await refuseLossOfMove(run, plan, wanted);
  }
  const marker = { ...wanted.marker, moving: evidence.leftOvers, sample: evidence.sample?.projectId ?? null };
  const marked = { ...wanted, marker };
  const writes = plan.keep === null || plan.changes.length > 0 || plan.asleep !== null;
  // What is listed already need not be listed again if nothing is written.
  const result = writes
    ? await apply.install(place, marked)
    : await apply.installListed(place, marked, probe.hooks);
  deps.report(result);
  if (result.action === "fail") return;
  if (evidence.leftOvers) {
    if (plan.keep !== null && !writes) await apply.mark(place, plan.keep, { moving: true });
    const listed = await listedNow(deps.gitlab, config.group);
    await sweep(run);
    await arrive(run, listed);
  } else await keepAlone(run, { hook: plan.keep as Hook, wasWritten: writes }, evidence);
  if (!config.dryRun && round.failures === 0) await levels.save("group", nextLook(evidence));
  // What an earlier level left in the state file has no meaning any more.
  await round.close();
}

/** Newcomers lose their hooks, and the group's hook remembers what was seen. */
async function keepAlone(
  run: InstallRun,
  { hook, wasWritten }: { readonly hook: Hook; readonly wasWritten: boolean },
  { sample, newcomers }: Evidence,
): Promise<void> {
  const { apply, deps, round } = run;
  const place = groupPlace(deps.config);
  await workThrough(
    newcomers?.places ?? [],
    { ...deps, concurrency: deps.config.concurrency },
    async (one) => {
      const result = await apply.remove(one);
      if (result.action === "remove" || result.action === "fail") round.report(result);
    },
  );
  const before = markerIn(hook["description"]);
  if (before === null || round.failures > 0) return;
  const seen = {
    ...(sample === null || sample.projectId === before.sample ? {} : { sample: sample.projectId }),
    ...(newcomers === null || sameList(before.listed, newcomers.now) ? {} : { listed: newcomers.now }),
  };
  if (Object.keys(seen).length === 0) return;
  // A mark sends the address that goes with it: the one from before a write would take the secret away.
  const [present] = wasWritten ? await apply.ours(place) : [hook];
  if (present !== undefined) await apply.mark(place, present, seen);
}

/** After a look at a project it is the turn of the newcomers, and after a sweep as well: some may have come since. */
function nextLook({ newcomers, leftOvers }: Evidence): Look {
  return newcomers === null || leftOvers ? "newcomers" : "sample";
}

/** Only a hook with secrets of its own needs the group's number. */
async function groupNumber({ deps }: InstallRun, probe: Probe): Promise<number> {
  if (deps.config.secrets.masterSecret === null) return 0;
  const shown = probe.hooks?.[0]?.["group_id"];
  return typeof shown === "number" ? shown : (await deps.gitlab.standing.group(deps.config.group)).id;
}

interface Evidence {
  /** Projects may have hooks of ours, and nothing tells which. */
  readonly leftOvers: boolean;
  /** Null: no project was looked at. */
  readonly sample: Sample | null;
  /** Null: it was not this run's turn to look for them. */
  readonly newcomers: Newcomers | null;
}

const NO_LOOK = { sample: null, newcomers: null };

/** A hook that was not ours alone before, a move that was interrupted, a level that the last run left, or a project with a hook. */
async function evidenceOfLeftOvers(run: InstallRun, plan: HookPlan): Promise<Evidence> {
  const { levels, gitlab, config } = run.deps;
  if (plan.keep === null) return { leftOvers: true, ...NO_LOOK };
  const marker = markerIn(plan.keep["description"]);
  const known = "description" in plan.keep;
  if (known && marker?.moving !== false) return { leftOvers: true, ...NO_LOOK };
  if ((await levels.load()) === "project") return { leftOvers: true, ...NO_LOOK };
  const looks = await levels.looks();
  const looksAtSample = looks.has("sample") || !known;
  const sample = looksAtSample ? await takeSample(run, marker?.sample ?? null) : null;
  if (sample?.hasOurs === true) return { leftOvers: true, sample, newcomers: null };
  const newcomers =
    known && looks.has("newcomers")
      ? await findNewcomers(gitlab, config.group, marker?.listed ?? null)
      : null;
  return { leftOvers: false, sample, newcomers };
}

/** Without a secret to write, the hooks of the projects may be the last ones that have one. Throws EndOfRun. */
async function refuseLossOfMove(run: InstallRun, plan: HookPlan, wanted: WantedHook): Promise<void> {
  const { deps, apply, round, losses } = run;
  const keptHasToken = plan.keep !== null && carriedBy(plan.keep, wanted.url).token === true;
  if (!lacksToken(deps.config) || keptHasToken) return;
  await round.projects({
    name: "survey-of-move",
    everything: true,
    work: async (place) => {
      for (const hook of await apply.oursIfThere(place)) {
        const { token } = carriedBy(hook, deps.config.url);
        if (token !== false) losses.add(variablesOf({ token: true, signing: false, headers: false }, hook));
      }
      return resultOf(place, "none");
    },
    keep: () => false,
    check: () => losses.refuse(),
  });
}

/** Writes into the group's hook that no project has one of ours any more. @param listed the projects before they were swept */
async function arrive(run: InstallRun, listed: ListShape): Promise<void> {
  const { deps, apply, round } = run;
  if (deps.config.dryRun) return;
  if (round.failures > 0) {
    return deps.notice("some projects keep a hook of ours beside the group hook: the next run removes it");
  }
  const [hook] = await apply.ours(groupPlace(deps.config));
  if (hook === undefined) return;
  const { projectId } = await takeSample(run, null);
  await apply.mark(groupPlace(deps.config), hook, { moving: false, sample: projectId, listed });
}
