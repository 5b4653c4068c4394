/**
 * `install`: every project of the group, or the group itself, has exactly one healthy hook of ours.
 *
 * Between the levels it moves safely: the new level is complete before the other one goes. Until then a project may be heard
 * twice, never zero times.
 */
import type { Level } from "../gitlab/types.ts";
import { Apply } from "./apply.ts";
import { BeforeCreate } from "./before-create.ts";
import { coveredByParent } from "./covered.ts";
import { EndOfRun } from "./end-of-run.ts";
import { createDesire, eventsWithout } from "./desired.ts";
import { installOnGroup } from "./group-level.ts";
import { createMaintained } from "./group-projects.ts";
import { decideLevel, GroupOpen, probeGroup, type Probe } from "./level.ts";
import { Losses } from "./losses.ts";
import { installInProjects } from "./project-level.ts";
import { concluded, type RoundOutcome } from "./outcome.ts";
import { isFiltered, Round, type RunConfig } from "./round.ts";
import type { InstallDeps, InstallRun } from "./run.ts";
import { Seen } from "./seen.ts";

/** @returns how far it came; results and notices went to `report` and `notice` on the way */
export async function install(deps: InstallDeps): Promise<RoundOutcome> {
  const { config, gitlab, notice } = deps;
  const seen = new Seen();
  const losses = new Losses();
  const beforeCreate = new BeforeCreate();
  const isMaintained = createMaintained(gitlab, config.group);
  let wasInstalled: Promise<boolean> | null = null;
  const apply = new Apply({
    hooks: gitlab.hooks,
    budget: deps.budget,
    random: deps.random,
    seen,
    losses,
    relayUrl: config.url,
    dryRun: config.dryRun,
    pruneDuplicates: config.pruneDuplicates,
    reenable: config.reenable,
    beforeCreate: (place) => beforeCreate.pass(place),
    isInstalled() {
      wasInstalled ??= deps.levels.load().then((last) => last === "project");
      return seen.foundOurs ? Promise.resolve(true) : wasInstalled;
    },
    isGone: (id) => gitlab.standing.isGone(id),
    isBelowMaintainer: async (id) => !(await isMaintained(id)),
    isEmpty: async (id) => (await gitlab.standing.isEmptyProject(id)) === true,
  });
  const round = new Round(deps);
  const run: InstallRun = { deps, apply, desire: createDesire(config, deps.stretchKey), round, losses, seen };
  let level: Level = config.level === "group" ? "group" : "project";

  async function onLevel(probe: Probe): Promise<void> {
    const asked = config.level === "instance" ? "auto" : config.level;
    const decision = decideLevel({ level: asked, filtered: isFiltered(config) }, probe);
    level = decision.level;
    notice(`level ${level}: ${decision.why}`);
    const missing = eventsWithout(config.events, level);
    if (missing.length > 0) notice(`${level} hooks have no event ${missing.join(", ")}: installed without`);
    if (level === "group") await installOnGroup(run, probe);
    else await installInProjects(run, probe, beforeCreate);
  }

  const outcome = await concluded(
    () => level,
    round,
    async () => {
      const probe = await probeGroup(gitlab.hooks.group, config.group);
      if (await coveredByParent(run, probe)) return;
      try {
        await onLevel(probe);
      } catch (error) {
        if (!(error instanceof GroupOpen)) throw error;
        await onLevel(error.probe);
      }
      refuseTugOfWar(seen);
    },
  );
  for (const text of installFindings(config, seen, losses)) notice(text);
  return outcome;
}

/** Two jobs with two relays over the same projects would rewrite each other's hooks for ever, each of them green. Throws EndOfRun. */
function refuseTugOfWar({ movedBack }: Seen): void {
  if (movedBack === 0) return;
  const hooks = movedBack === 1 ? "1 hook was" : `${movedBack} hooks were`;
  const text = `${hooks} at this relay before and had been taken to another one since, and this run took them back: if another job installs hooks for that relay in the same projects, the two rewrite each other's hooks in every run; leave these projects out of one of them with --exclude`;
  throw new EndOfRun(text, { status: 1, complete: true });
}

/** What the operator has to know and no single project says. */
export function installFindings(config: RunConfig, seen: Seen, losses: Losses): string[] {
  const { secretToken, signingToken, masterSecret } = config.secrets;
  const texts: string[] = [];
  if (secretToken === null && signingToken === null && masterSecret === null) {
    texts.push(
      "no secret is set (GITLAB_WEBHOOK_SECRET, GITLAB_WEBHOOK_SIGNING_TOKEN or GITLAB_WEBHOOK_MASTER_SECRET): new hooks carry none, and the relay refuses what carries none",
    );
  }
  const unverified = losses.unverifiedSentence();
  if (unverified !== null) texts.push(unverified);
  if (config.dryRun && losses.hooks > 0) {
    texts.push(`carrying this out would end with status 2: ${losses.sentence()}`);
  }
  if (seen.leftSystem > 0) {
    const hooks = seen.leftSystem === 1 ? "1 hook" : `${seen.leftSystem} hooks`;
    texts.push(
      `${hooks} had left pushes and merge requests to a system hook of the instance and now send them, too: if that hook is still there, these events come twice; --level instance keeps them apart`,
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
