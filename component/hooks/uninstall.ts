/** `uninstall`: no hook of ours is left, neither on the group nor in its projects; the hooks of others stay. */
import { createApply } from "./apply.ts";
import { probeGroup } from "./level.ts";
import { isOurs } from "./plan.ts";
import {
  concluded,
  createRound,
  groupPlace,
  isFiltered,
  type RoundDeps,
  type RoundOutcome,
} from "./round.ts";

export async function uninstall(deps: RoundDeps & { readonly random: () => number }): Promise<RoundOutcome> {
  const { config, gitlab, budget } = deps;
  const apply = createApply({
    hooks: gitlab.hooks,
    budget,
    random: deps.random,
    seen: { signingIgnored: false, noDescriptions: false },
    relayUrl: config.url,
    dryRun: config.dryRun,
    pruneDuplicates: true,
    reenable: false,
  });
  const round = createRound(deps);
  const level = config.level === "group" ? "group" : "project";
  if (config.url === null) deps.notice("without --url ours are known by their marker alone");
  return concluded(
    () => level,
    round,
    async () => {
      // Filters choose projects, so they leave the group's own hook alone.
      if (!isFiltered(config)) {
        const { hooks } = await probeGroup(gitlab.hooks.group, config.group);
        if (hooks?.some((hook) => isOurs(hook, config.url)))
          deps.report(await apply.remove(groupPlace(config)));
      }
      await round.projects("uninstall", apply.remove);
      await round.leftOut();
      await round.close();
    },
  );
}
