/**
 * Group hook or project hooks, never both: GitLab fires both. One probe of the group's hooks decides, and the report says which
 * and why.
 *
 * A refusal of that probe has three meanings: the instance is not licensed for group hooks, the token may not touch them, or the
 * answer was odd. Only in the first case is it certain that no hook of the group fires. So if the probe was refused and a project
 * is to get a hook, the gate asks again and looks for evidence: the edition, the licence, the role, and an installation in the
 * projects. Without any, a hook of ours may be on the group: no project gets one, and the run says so.
 */
import { UpstreamError } from "../../lib/errors.ts";
import type { Budget } from "../../lib/gitlab/budget.ts";
import type { HookApi } from "../gitlab/hook-api.ts";
import type { StandingApi } from "../gitlab/standing.ts";
import type { Hook, Level } from "../gitlab/types.ts";
import { isGroupMissing } from "./explain.ts";
import { EndOfRun } from "./end-of-run.ts";

export interface Probe {
  /** The group's hooks; null: this token, licence or instance has none to show. */
  readonly hooks: readonly Hook[] | null;
  /** GitLab's refusal, where it refused. */
  readonly refusal: string | null;
  /** Status of the refusal; null: there is none. */
  readonly status: number | null;
}

/** One request. Throws if GitLab did not answer: broken is not absent. */
export async function probeGroup(api: HookApi, group: number | string): Promise<Probe> {
  try {
    return { hooks: await api.list(group), refusal: null, status: null };
  } catch (error) {
    const refused =
      error instanceof UpstreamError && (error.code === "forbidden" || error.code === "not-found");
    if (!refused || isGroupMissing(error)) throw error;
    return { hooks: null, refusal: error.message, status: error.status };
  }
}

export interface Decision {
  readonly level: Level;
  readonly why: string;
}

export interface AskedLevel {
  readonly level: "auto" | Level;
  /** Some projects are chosen by name, topic or visibility. */
  readonly filtered: boolean;
}

export function decideLevel({ level: asked, filtered }: AskedLevel, probe: Probe): Decision {
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

/** Thrown if the group's hooks turn out to be open after all: the run begins again with them. */
export class GroupOpen extends Error {
  override readonly name = "GroupOpen";
  readonly probe: Probe;
  constructor(probe: Probe) {
    super("the group's hooks are open after all");
    this.probe = probe;
  }
}

/** What a refusal of the group's hooks means; `silent`: the instance tells neither its edition nor who asks. */
export type Meaning = "not-licensed" | "not-allowed" | "broken" | "unknown" | "silent";

const OWNER = 50;

/** Four requests at most. */
export async function meaningOfRefusal(standing: StandingApi, group: string): Promise<Meaning> {
  const user = await standing.user();
  if (user?.isAdmin === true) {
    const licensed = await standing.isLicensed();
    if (licensed !== null) return licensed ? "broken" : "not-licensed";
    return (await standing.isEnterprise()) === false ? "not-licensed" : "unknown";
  }
  const role = user === null ? null : await standing.roleInGroup(group, user.id);
  // Owners may see the hooks wherever there are any.
  if (role !== null && role >= OWNER) return "not-licensed";
  const isEnterprise = await standing.isEnterprise();
  if (isEnterprise === false) return "not-licensed";
  if (user === null && isEnterprise === null) return "silent";
  return role === null ? "unknown" : "not-allowed";
}

export interface GateDeps {
  readonly api: HookApi;
  readonly standing: StandingApi;
  readonly budget: Budget;
  readonly group: string;
  /** The operator asked for project hooks: they are made, whatever the group has. */
  readonly asked: boolean;
  /** What the last complete run left behind, by the state file. */
  readonly lastLevel: Level | null;
  /** Whether the projects look as an installation at their level leaves them. */
  readonly isInstalledInProjects: () => Promise<boolean>;
  readonly notice: (text: string) => void;
}

const UNSEEN =
  "this token does not see the group's hooks: if one of ours is there, events come twice until a run with an Owner's token has removed the hooks of the projects";

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
    this.#decided ??= this.#deps.asked ? this.#warn() : this.#decide();
    return this.#decided;
  }

  /** What was asked for is done, and what no one sees is told. */
  async #warn(): Promise<void> {
    const { budget, group, standing, notice } = this.#deps;
    const isTold = budget.room() >= ROOM_TO_FIND_OUT;
    const meaning = isTold ? await meaningOfRefusal(standing, group) : "unknown";
    if (meaning !== "not-licensed") notice(UNSEEN);
  }

  async #decide(): Promise<void> {
    const { api, budget, group, standing, lastLevel, notice } = this.#deps;
    const tokensRefused = budget.refusedTokens > 0;
    const mustKnow = lastLevel === "group" || tokensRefused;
    // The smallest budgets have no room to find out, or they would end no project.
    if (!mustKnow && budget.room() < ROOM_TO_FIND_OUT) return notice(UNSEEN);
    // A single odd answer is gone at the second look.
    const probe = await probeGroup(api, group);
    if (probe.hooks !== null) throw new GroupOpen(probe);
    if (lastLevel === "project" && !tokensRefused) return notice(UNSEEN);
    const meaning = await meaningOfRefusal(standing, group);
    if (meaning === "not-licensed") return;
    // GitLab refuses with 403 what a role may not do; 404 says that there is nothing.
    const mayHaveHook = mustKnow || (probe.status === 403 && meaning !== "silent");
    if (!mayHaveHook) return notice(UNSEEN);
    if (!mustKnow && (await this.#deps.isInstalledInProjects())) return notice(UNSEEN);
    throw new EndOfRun(doubtText({ meaning, lastLevel, tokensRefused }), { status: 1, complete: false });
  }
}

/** The second look, four questions, eleven for the projects that are asked. */
const ROOM_TO_FIND_OUT = 16;

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
        : "its projects do not look as if an earlier run had installed hooks in them";
  return `it cannot be told whether the group has a hook of ours: ${why}, and ${evidence}. No project gets a hook beside it: use a token with the Owner role, or ask for project hooks with --level project`;
}
