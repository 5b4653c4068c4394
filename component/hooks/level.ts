/**
 * Group hook or project hooks, never both: GitLab fires both. One probe of the group's hooks decides, and the report says which
 * and why. Pure but for the probe.
 */
import { UpstreamError } from "../../lib/errors.ts";
import type { HookApi } from "../gitlab/client.ts";
import type { Hook, Level } from "../gitlab/types.ts";

export interface Probe {
  /** The group's hooks; null: this token, licence or instance has none to show. */
  readonly hooks: readonly Hook[] | null;
  /** GitLab's refusal, where it refused. */
  readonly refusal: string | null;
}

/** One request. Throws where GitLab did not answer: broken is not absent. */
export async function probeGroup(api: HookApi, group: string): Promise<Probe> {
  try {
    return { hooks: await api.list(group), refusal: null };
  } catch (error) {
    const refused =
      error instanceof UpstreamError && (error.code === "forbidden" || error.code === "not-found");
    if (!refused) throw error;
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
    return { level: "project", why: "a group hook knows no --include, --exclude, --topics or --visibility" };
  if (probe.hooks !== null)
    return { level: "group", why: "the group's hooks are open to this token: one hook covers all projects" };
  return {
    level: "project",
    why: `group hooks are not open to this token (they need the Owner role and Premium or Ultimate): ${probe.refusal ?? ""}`,
  };
}
