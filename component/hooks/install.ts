/**
 * `install`: every project of the group, or the group itself, has exactly one healthy hook of ours.
 *
 * Between the levels it moves safely: the new level is complete before the other one goes. Until then a project may be heard
 * twice, never not at all.
 */
import { createApply, type Apply, type Seen } from "./apply.ts";
import { createDesire, eventsWithout, type Desire } from "./desired.ts";
import { decideLevel, probeGroup, type Probe } from "./level.ts";
import { isOurs } from "./plan.ts";
import type { Level } from "../gitlab/types.ts";
import {
  concluded,
  createRound,
  groupPlace,
  isFiltered,
  type Round,
  type RoundDeps,
  type RoundOutcome,
  type RunConfig,
} from "./round.ts";

export interface InstallDeps extends RoundDeps {
  readonly config: RunConfig & { readonly url: string };
  readonly random: () => number;
}

/** @returns how far it came; results and notices went to `report` and `notice` on the way */
export async function install(deps: InstallDeps): Promise<RoundOutcome> {
  const { config, gitlab, budget, notice } = deps;
  const seen: Seen = { signingIgnored: false, noDescriptions: false };
  const { dryRun, pruneDuplicates, reenable, url: relayUrl } = config;
  const apply = createApply({
    hooks: gitlab.hooks,
    budget,
    random: deps.random,
    seen,
    relayUrl,
    dryRun,
    pruneDuplicates,
    reenable,
  });
  const desire = createDesire(config);
  const round = createRound(deps);
  let level: Level = config.level === "group" ? "group" : "project";

  const outcome = await concluded(
    () => level,
    round,
    async () => {
      const probe = await probeGroup(gitlab.hooks.group, config.group);
      const decision = decideLevel(config.level, isFiltered(config), probe);
      level = decision.level;
      notice(`level ${level}: ${decision.why}`);
      const missing = eventsWithout(config.events, level);
      if (missing.length > 0) notice(`${level} hooks have no event ${missing.join(", ")}: installed without`);
      if (level === "group") await onGroup(deps, apply, desire, probe, round);
      else await onProjects(deps, apply, desire, probe, round);
    },
  );
  for (const text of findings(config, seen)) notice(text);
  return outcome;
}

async function onGroup(
  deps: InstallDeps,
  apply: Apply,
  desire: Desire,
  probe: Probe,
  round: Round,
): Promise<void> {
  const { config, gitlab } = deps;
  const place = groupPlace(config);
  const shownId = probe.hooks?.[0]?.["group_id"];
  // Only a hook with secrets of its own needs the group's number.
  const needsId = config.secrets.masterSecret !== null;
  const id = !needsId ? 0 : typeof shownId === "number" ? shownId : await gitlab.groupId(config.group);
  const wanted = desire("group", id);
  const { result, moving } = await apply.installGroup(place, wanted);
  deps.report(result);
  if (result.action === "fail") return;
  // What an earlier level left in the state file has no meaning any more.
  if (!moving) return round.close();
  await round.projects(
    "sweep",
    apply.remove,
    (swept) => swept.action === "remove" || swept.action === "fail",
  );
  if (round.failures > 0)
    deps.notice("some projects keep a hook of ours beside the group hook: the next run removes it");
  else if (!config.dryRun) await apply.arrived(place, wanted);
  await round.close();
}

async function onProjects(
  deps: InstallDeps,
  apply: Apply,
  desire: Desire,
  probe: Probe,
  round: Round,
): Promise<void> {
  const { config } = deps;
  await round.projects("install", (place) => apply.install(place, desire("project", Number(place.id))));
  if (probe.hooks?.some((hook) => isOurs(hook, config.url))) {
    if (round.failures > 0) {
      deps.notice(
        "the group hook stays until every project has its own: some failed, and the other projects are heard twice",
      );
    } else deps.report(await apply.remove(groupPlace(config)));
  }
  await round.leftOut();
  await round.close();
}

/** What the operator has to know and no single project says. */
function findings(config: RunConfig, seen: Seen): string[] {
  const { secretToken, signingToken, masterSecret } = config.secrets;
  const texts: string[] = [];
  if (secretToken === null && signingToken === null && masterSecret === null) {
    texts.push(
      "no secret is set (GITLAB_WEBHOOK_SECRET, GITLAB_WEBHOOK_SIGNING_TOKEN or GITLAB_WEBHOOK_MASTER_SECRET): new hooks carry none, and the relay refuses what carries none; secrets of present hooks stay as they are",
    );
  }
  if (seen.signingIgnored) {
    const left =
      secretToken === null && masterSecret === null
        ? "they carry no secret at all"
        : "they carry the secret token alone";
    texts.push(
      `GitLab did not keep the signing token of some hooks (it needs version 19.0 and the flag webhook_signing_token): ${left}`,
    );
  }
  if (seen.noDescriptions) {
    texts.push(
      "this GitLab (before 17.1) keeps no descriptions of hooks: ours are known by their URL alone, and a changed secret or header does not reach present hooks; to rotate, uninstall and install",
    );
  }
  return texts;
}
