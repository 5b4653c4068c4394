/** A group above has a hook of ours: what that means for this one. */
import { covers, hooksAbove, type HookAbove } from "./parents.ts";
import type { Probe } from "./level.ts";
import { isOurs } from "./plan.ts";
import { resultOf } from "./result.ts";
import { groupPlace } from "./round.ts";
import { sweep, takeSample, type InstallRun } from "./run.ts";

/**
 * Where a group above covers this one, no hook of ours is wanted here: those that are there go.
 * @returns whether it was so, and the run has nothing more to do
 */
export async function coveredByParent(run: InstallRun, probe: Probe): Promise<boolean> {
  const { deps, desire, round } = run;
  const { config, gitlab } = deps;
  const { hooks: above, unseen } = await hooksAbove(gitlab.hooks.group, await round.fullPath(), config.url);
  // Whoever sees the hooks of this group knows that the instance has group hooks.
  if (unseen !== null && probe.hooks !== null) {
    deps.notice(
      `this token does not see the hooks of the group ${unseen} above: if one of ours is there, events come twice`,
    );
  }
  if (above.length === 0) return false;
  const covering = above.find((one) => covers(one, desire("project", 1)));
  if (covering === undefined) {
    for (const { group, hook } of above) {
      deps.notice(
        `the group ${group} above has hook ${hook.id} for the same relay with other events: what both send comes twice`,
      );
    }
    return false;
  }
  await leaveToParent(run, probe, covering);
  return true;
}

async function leaveToParent(run: InstallRun, probe: Probe, { group, hook }: HookAbove): Promise<void> {
  const { deps, apply, round } = run;
  const { config } = deps;
  const place = groupPlace(config);
  const reason = `hook ${hook.id} of the group ${group} above sends every event of this group to the relay: a second one would have each delivered twice`;
  deps.notice(reason);
  if (probe.hooks?.some((one) => isOurs(one, config.url)) === true) deps.report(await apply.remove(place));
  else
    deps.report(
      resultOf(place, "none", { reason: `covered by hook ${hook.id} of ${group}`, hookId: hook.id }),
    );
  const { projectId, hasOurs } = await takeSample(run, null);
  if (hasOurs) await sweep(run, { last: projectId });
  await round.close();
}
