/** `uninstall`: no hook of ours is left, neither on the group nor in its projects; the hooks of others stay. */
import { Apply } from "./apply.ts";
import type { LevelStore } from "./cursor.ts";
import { EndOfRun } from "./end-of-run.ts";
import { createMaintained } from "./group-projects.ts";
import { probeGroup, type Probe } from "./level.ts";
import { Losses } from "./losses.ts";
import { isOurs } from "./plan.ts";
import { concluded, type RoundOutcome } from "./outcome.ts";
import { groupPlace, isFiltered, Round, type RoundDeps } from "./round.ts";
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
      let removed = false;
      let hidden = false;
      // Filters choose projects, so they leave the group's own hook alone.
      if (!isFiltered(config)) {
        const probe: Probe = await probeGroup(gitlab.hooks.group, config.group);
        hidden = probe.hooks === null && (await levels.load()) === "group";
        if (probe.hooks?.some((hook) => isOurs(hook, config.url)) === true) {
          deps.report(await apply.remove(groupPlace(config)));
          removed = true;
        }
      }
      await round.projects({
        name: sweepName(config, "uninstall"),
        everything: true,
        work: (place) => apply.remove(place),
      });
      await round.close();
      if (hidden) {
        const text =
          "the last installation left a hook of ours on the group, which this token can neither see nor remove: use a token with the Owner role";
        throw new EndOfRun(text, { status: 1, complete: true });
      }
      if (!removed) round.refuseNothing();
      if (!config.dryRun && !isFiltered(config) && round.failures === 0) await levels.save(null);
    },
  );
}
