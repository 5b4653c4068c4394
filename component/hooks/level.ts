/**
 * Group hook or project hooks, never both: GitLab fires both. One probe of the group's hooks decides, and the report says which
 * and why.
 *
 * A refusal of that probe has three meanings: the instance is not licensed for group hooks, the token may not touch them, or the
 * answer was odd. Only in the first case is it certain that no hook of the group fires. So where the probe was refused and a
 * project is to get a hook, the gate asks again and looks for evidence; where there is none, and a hook of ours may be on the
 * group, no project gets one and the run says so.
 */
import { UpstreamError } from "../../lib/errors.ts";
import type { Budget } from "../../lib/gitlab/budget.ts";
import type { HookApi } from "../gitlab/client.ts";
import type { StandingApi } from "../gitlab/standing.ts";
import type { Hook, Level } from "../gitlab/types.ts";
import { isGroupMissing } from "./explain.ts";
import { EndOfRun } from "./end-of-run.ts";

export interface Probe {
  /** The group's hooks; null: this token, licence or instance has none to show. */
  readonly hooks: readonly Hook[] | null;
  /** GitLab's refusal, where it refused. */
  readonly refusal: string | null;
}

/** One request. Throws where GitLab did not answer: broken is not absent. */
export async function probeGroup(api: HookApi, group: number | string): Promise<Probe> {
  try {
    return { hooks: await api.list(group), refusal: null };
  } catch (error) {
    const refused =
      error instanceof UpstreamError && (error.code === "forbidden" || error.code === "not-found");
    if (!refused || isGroupMissing(error)) throw error;
    return { hooks: null, refusal: error.message };
  }
}

export interface Decision {
  readonly level: Level;
  readonly why: string;
}

export function decideLevel(asked: "auto" | Level, filtered: boolean, probe: Probe): Decision {
  if (asked !== "auto") return { level: asked, why: "as asked by --level" };
  if (filtered)
    return {
      level: "project",
      why: "group hooks cannot be filtered with --include, --exclude, --topics or --visibility",
    };
  if (probe.hooks !== null)
    return { level: "group", why: "the group's hooks are open to this token: one hook covers all projects" };
  return {
    level: "project",
    why: `group hooks are not open to this token (they need the Owner role and Premium or Ultimate): ${probe.refusal ?? ""}`,
  };
}

/** Thrown where the group's hooks turn out to be open after all: the run begins again with them. */
export class GroupOpen extends Error {
  override readonly name = "GroupOpen";
  readonly probe: Probe;
  constructor(probe: Probe) {
    super("the group's hooks are open after all");
    this.probe = probe;
  }
}

/** What a refusal of the group's hooks means. */
export type Meaning = "not-licensed" | "not-allowed" | "broken" | "unknown";

/** Five requests at most. */
export async function meaningOfRefusal(standing: StandingApi, group: string): Promise<Meaning> {
  if ((await standing.isEnterprise()) === false) return "not-licensed";
  const user = await standing.user();
  if (user === null) return "unknown";
  if (user.isAdmin) {
    const licensed = await standing.isLicensed();
    return licensed === null ? "unknown" : licensed ? "broken" : "not-licensed";
  }
  const role = await standing.roleInGroup(group, user.id);
  if (role === null) return "unknown";
  return role >= OWNER ? "not-licensed" : "not-allowed";
}

const OWNER = 50;
/** The second look, and the hook that it is for. */
const ROOM_TO_LOOK = 2;

export interface GateDeps {
  readonly api: HookApi;
  readonly standing: StandingApi;
  readonly budget: Budget;
  readonly group: string;
  readonly dryRun: boolean;
  /** The operator asked for project hooks: then there is nothing to decide. */
  readonly asked: boolean;
  /** What the last complete run left behind, by the state file. */
  readonly lastLevel: Level | null;
  /** Projects that have a hook of ours, as far as the run has come. */
  readonly projectsWithOurs: () => number;
  readonly notice: (text: string) => void;
}

/**
 * Decides once for all projects whether one may get a hook although the group's hooks were refused.
 * Throws GroupOpen or EndOfRun.
 */
export class ProjectGate {
  readonly #deps: GateDeps;
  #decided: Promise<void> | null = null;

  constructor(deps: GateDeps) {
    this.#deps = deps;
  }

  pass(): Promise<void> {
    this.#decided ??= this.#decide();
    return this.#decided;
  }

  async #decide(): Promise<void> {
    const { api, budget, group, asked, standing } = this.#deps;
    if (asked) return;
    const { lastLevel, dryRun, projectsWithOurs, notice } = this.#deps;
    const tokensRefused = budget.refusedTokens > 0;
    // A single odd answer is gone at the second look. The smallest budgets have no room for it, or they would end no project.
    if (budget.room() >= ROOM_TO_LOOK || lastLevel === "group" || tokensRefused) {
      const probe = await probeGroup(api, group);
      if (probe.hooks !== null) throw new GroupOpen(probe);
    }
    const doubtful = lastLevel === "group" || tokensRefused || (dryRun && projectsWithOurs() === 0);
    const unseen =
      "this token does not see the group's hooks: if one of ours is there, events come twice until a run with an Owner's token has removed the hooks of the projects";
    if (!doubtful) return notice(unseen);
    const meaning = await meaningOfRefusal(standing, group);
    if (meaning === "not-licensed") return;
    const mayPass = meaning === "unknown" && lastLevel !== "group";
    if (mayPass) return notice(unseen);
    throw new EndOfRun(doubtText({ meaning, lastLevel, tokensRefused }), { status: 1, complete: false });
  }
}

function doubtText(doubt: {
  readonly meaning: Meaning;
  readonly lastLevel: Level | null;
  readonly tokensRefused: boolean;
}): string {
  const why =
    doubt.meaning === "broken"
      ? "GitLab refuses the group's hooks although the licence has them and the token's user is an administrator"
      : "the group's hooks are not open to this token";
  const evidence =
    doubt.lastLevel === "group"
      ? "the last run left a hook of ours on the group"
      : doubt.tokensRefused
        ? "another token of this run was refused"
        : "no project has a hook of ours";
  return `it cannot be told whether the group has a hook of ours: ${why}, and ${evidence}. No project gets a hook beside it: use a token with the Owner role, or ask for project hooks with --level project`;
}
