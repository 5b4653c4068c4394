/**
 * `--level instance`: one system hook of ours for the whole instance, and with a group its hooks for the rest.
 *
 * What the system hook sends, the hooks beside it leave out: GitLab would send it twice, and under two ids. The system hook comes
 * first, so that no event is without a hook in between; if it could not be put right, the hooks of the group stay as they are.
 */
import { ConfigError, UpstreamError } from "../../lib/errors.ts";
import type { HookApi } from "../gitlab/hook-api.ts";
import type { Hook, HookPlace } from "../gitlab/types.ts";
import { Apply } from "./apply.ts";
import { createDesire, eventFlags, systemFlags } from "./desired.ts";
import { EndOfRun } from "./end-of-run.ts";
import { installFindings, install } from "./install.ts";
import { Losses } from "./losses.ts";
import { concluded, type RoundOutcome } from "./outcome.ts";
import { Round, type RoundDeps, type RunConfig } from "./round.ts";
import type { InstallDeps } from "./run.ts";
import { Seen } from "./seen.ts";
import { uninstall, type UninstallDeps } from "./uninstall.ts";

/** @param hasGroup whether a group was named, whose hooks send the rest; results and notices went to `report` and `notice` */
export async function installOnInstance(
  deps: InstallDeps,
  { hasGroup }: { readonly hasGroup: boolean },
): Promise<RoundOutcome> {
  const { config } = deps;
  const sent = flagsSent(config);
  if (hasGroup) refuseEmptyRest(config, sent);
  for (const text of hasGroup ? [leftOutNotice(config.group, sent)] : besideNotices(sent)) deps.notice(text);
  const onInstance = await installSystemHook(deps, sent);
  const isRight = onInstance.complete && onInstance.trouble === null && !onInstance.failed;
  if (hasGroup && onInstance.failed)
    deps.notice(`the hooks of ${config.group} stay as they are until the system hook is right`);
  if (!hasGroup || !isRight) return onInstance;
  const ofGroup = await install({ ...deps, config: { ...config, leftToSystemHook: sent } });
  return { ...ofGroup, level: "instance" };
}

/** Throws ConfigError if the system hook would leave the hooks of the group nothing to send. */
function refuseEmptyRest({ events, group }: RunConfig, sent: readonly string[]): void {
  const rest = eventFlags(events, "group", new Set(sent));
  if (Object.values(rest).includes(true)) return;
  const message = `the system hook sends all of them, and the hooks of ${group} would send nothing: leave --group out, or name what the system hook is to send with --system-events`;
  throw new ConfigError([{ path: "--events (HOOKS_EVENTS)", message }]);
}

/** Removes the system hook of ours, and with a group the hooks of that group. */
export async function uninstallFromInstance(
  deps: UninstallDeps,
  { hasGroup }: { readonly hasGroup: boolean },
): Promise<RoundOutcome> {
  const { config, gitlab } = deps;
  const { apply } = systemApply({ ...deps, config });
  const round = new Round(deps);
  const onInstance = await concluded(
    () => "instance",
    round,
    async () => {
      await systemHooks(gitlab.hooks.instance);
      round.report(await apply.remove(placeOf(config)));
    },
  );
  if (!hasGroup) {
    deps.notice(
      "hooks of groups that left events to the system hook send them again after an install at their level",
    );
    return onInstance;
  }
  if (onInstance.trouble !== null || !onInstance.complete) return onInstance;
  return { ...(await uninstall(deps)), level: "instance" };
}

interface OnInstance extends RoundOutcome {
  readonly failed: boolean;
}

async function installSystemHook(deps: InstallDeps, sent: readonly string[]): Promise<OnInstance> {
  const { config, gitlab } = deps;
  const { apply, seen, losses } = systemApply(deps);
  const round = new Round(deps);
  const wanted = createDesire(config, deps.stretchKey)("instance", 0);
  deps.notice(
    `level instance: one system hook sends ${namesOf(sent)} and what happens to projects, groups, users and keys`,
  );
  const outcome = await concluded(
    () => "instance",
    round,
    async () => {
      const present = await systemHooks(gitlab.hooks.instance);
      const result = await apply.installListed(placeOf(config), wanted, present);
      if (!config.dryRun) losses.refuse();
      round.report(result);
    },
  );
  for (const text of installFindings(config, seen, losses)) deps.notice(text);
  return { ...outcome, failed: round.failures > 0 };
}

interface SystemApply {
  readonly apply: Apply;
  readonly seen: Seen;
  readonly losses: Losses;
}

/** System hooks are never switched off and belong to no project, so most of what may happen to others cannot happen to them. */
function systemApply(deps: RoundDeps & { readonly random: () => number }): SystemApply {
  const { config, gitlab, budget, random } = deps;
  const seen = new Seen();
  const losses = new Losses();
  const apply = new Apply({
    hooks: gitlab.hooks,
    budget,
    random,
    seen,
    losses,
    relayUrl: config.url,
    dryRun: config.dryRun,
    pruneDuplicates: config.pruneDuplicates,
    reenable: false,
    beforeCreate: () => Promise.resolve(null),
    // There is one, and a second look costs one request.
    isInstalled: () => Promise.resolve(true),
    isGone: () => Promise.resolve(false),
    isBelowMaintainer: () => Promise.resolve(false),
    isEmpty: () => Promise.resolve(false),
  });
  return { apply, seen, losses };
}

/** Throws EndOfRun if GitLab shows them to administrators alone. */
async function systemHooks(api: HookApi): Promise<readonly Hook[]> {
  try {
    return await api.list(0);
  } catch (error) {
    const isRefused =
      error instanceof UpstreamError && (error.code === "forbidden" || error.code === "not-found");
    if (!isRefused) throw error;
    const text = `${error.message} (--level instance needs the token of an administrator with the scope \`api\`, and admin_mode if Admin Mode is on; GitLab.com has no system hooks for its users)`;
    throw new EndOfRun(text, { status: 2, complete: false });
  }
}

function placeOf({ gitlabUrl }: RunConfig): HookPlace {
  return { level: "instance", id: 0, path: new URL(gitlabUrl).host };
}

/** Flags that are on. */
function flagsSent(config: RunConfig): string[] {
  return Object.entries(systemFlags(config)).flatMap(([flag, isOn]) => (isOn ? [flag] : []));
}

function namesOf(flags: readonly string[]): string {
  return flags.length === 0 ? "no pushes" : flags.map((flag) => flag.replace(/_events$/, "")).join(", ");
}

/** Flags that hooks of groups and projects have as well. */
function sharedFlags(sent: readonly string[]): string[] {
  return sent.filter((flag) => flag !== "repository_update_events");
}

/** Of a run that looks at no hooks of groups. */
function besideNotices(sent: readonly string[]): string[] {
  const shared = sharedFlags(sent);
  const text = `a hook of a group or project that sends ${namesOf(shared)} too makes GitLab send them twice: name the group with --group, or set pairSystemHooks in the relay's settings`;
  return shared.length === 0 ? [] : [text];
}

function leftOutNotice(group: string, sent: readonly string[]): string {
  const shared = sharedFlags(sent);
  return shared.length === 0
    ? `the hooks of ${group} send pushes and merge requests; the system hook leaves them out`
    : `the hooks of ${group} leave out ${namesOf(shared)}, which the system hook sends for every project; it lists no commits of a push: --system-events repository_update leaves these events to the hooks of the group`;
}
