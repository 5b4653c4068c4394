/** What the parts of an installation share, and what they ask of the group and its projects alike. */
import { UpstreamError } from "../../lib/errors.ts";
import type { StretchKey } from "../../lib/secrets.ts";
import type { Place } from "../gitlab/types.ts";
import type { Apply } from "./apply.ts";
import type { LevelStore } from "./cursor.ts";
import type { Desire } from "./desired.ts";
import { oldestEligible } from "./group-projects.ts";
import type { Losses } from "./losses.ts";
import { resultOf, type HookResult } from "./result.ts";
import { sweepName } from "./round-name.ts";
import type { Round, RoundDeps, RunConfig } from "./round.ts";
import type { Seen } from "./seen.ts";

export interface InstallDeps extends RoundDeps {
  readonly config: RunConfig & { readonly url: string };
  readonly levels: LevelStore;
  readonly random: () => number;
  /** Makes the key of the hooks' fingerprints. */
  readonly stretchKey: StretchKey;
}

export interface InstallRun {
  readonly deps: InstallDeps;
  readonly apply: Apply;
  readonly desire: Desire;
  readonly round: Round;
  readonly losses: Losses;
  readonly seen: Seen;
}

/** The run holds neither a secret token nor a master secret, and is not to take secrets away. */
export function lacksToken({ secrets, removeSecrets }: RunConfig): boolean {
  return secrets.secretToken === null && secrets.masterSecret === null && !removeSecrets;
}

export interface Sample {
  /** The project that was looked at; null: the group has none. */
  readonly projectId: number | null;
  /** It has a hook of ours. */
  readonly hasOurs: boolean;
}

/**
 * Looks at one project in the stead of all: one request where the one from before is still there, two otherwise.
 * @param before the project that was looked at last time
 */
export async function takeSample({ deps, apply }: InstallRun, before: number | null): Promise<Sample> {
  const look = async (id: number): Promise<boolean | null> => {
    const place: Place = { level: "project", id, path: `project ${id}` };
    try {
      return (await apply.ours(place)).length > 0;
    } catch (error) {
      const gone =
        error instanceof UpstreamError && (error.code === "not-found" || error.code === "forbidden");
      if (!gone) throw error;
      return null;
    }
  };
  const again = before === null ? null : await look(before);
  if (again !== null) return { projectId: before, hasOurs: again };
  const [id = null] = await oldestEligible(deps.gitlab, deps.config.group, 1);
  return { projectId: id, hasOurs: id !== null && (await look(id)) === true };
}

/** Projects that are asked in the stead of all. */
const ASKED_PROJECTS = 10;

/** Whether most of the oldest projects have a hook of ours, as an installation in the projects leaves them; new ones may not. */
export async function isInstalledInProjects({ deps, apply }: InstallRun): Promise<boolean> {
  const ids = await oldestEligible(deps.gitlab, deps.config.group, ASKED_PROJECTS);
  let having = 0;
  for (const id of ids) {
    const ours = await apply.oursIfThere({ level: "project", id, path: `project ${id}` });
    if (ours.length > 0) having++;
  }
  return having > ids.length / 2;
}

/**
 * No project has a hook of ours any more, whether it is archived or about to be deleted; nor has a group below.
 * @param last the project that comes last, so that its hook tells the next run of a sweep that was interrupted
 */
export async function sweep(
  { deps, apply, round }: InstallRun,
  { last = null }: { readonly last?: number | null } = {},
): Promise<void> {
  const isTold = ({ action }: HookResult): boolean => action === "remove" || action === "fail";
  const removeAndTell = async (place: Place): Promise<void> => {
    const result = await apply.remove(place);
    if (isTold(result)) round.report(result);
  };
  let lastPlace: Place | null = null;
  const doubts = (await deps.levels.load()) === "project";
  await round.projects({
    name: sweepName(deps.config),
    everything: true,
    work(place) {
      if (place.id !== last) return apply.remove(place, { doubts });
      lastPlace = place;
      return Promise.resolve(resultOf(place, "none"));
    },
    keep: isTold,
  });
  for (const { id, fullPath } of await deps.gitlab.standing.subgroups(deps.config.group)) {
    await removeAndTell({ level: "group", id, path: fullPath });
  }
  if (lastPlace !== null && round.failures === 0) await removeAndTell(lastPlace);
}
