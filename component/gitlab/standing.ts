/**
 * What the instance is and what the token's user may do there, as far as GitLab tells: evidence for decisions that a refusal
 * alone does not carry. Each question is one request; null if GitLab does not say.
 */
import { UpstreamError } from "../../lib/errors.ts";
import { badAnswer, collect, type Rest } from "../../lib/gitlab/rest.ts";

export interface StandingApi {
  /** False: the Community Edition, which has no group hooks. */
  isEnterprise(): Promise<boolean | null>;
  user(): Promise<{ readonly id: number; readonly isAdmin: boolean } | null>;
  /** Access level by membership, inherited ones included; 0: no member. */
  roleInGroup(group: number | string, userId: number): Promise<number | null>;
  /** Whether a licence with group hooks is in force; only administrators may know. */
  isLicensed(): Promise<boolean | null>;
  /** Full path and number of a group. Throws what the request throws. */
  group(group: number | string): Promise<{ readonly id: number; readonly fullPath: string }>;
  /** All groups below a group, all pages. */
  subgroups(group: number | string): Promise<readonly { readonly id: number; readonly fullPath: string }[]>;
  /** Whether a project is not there, or out of the token's reach. */
  isGone(projectId: number): Promise<boolean>;
  /** Whether a project's repository is empty. */
  isEmptyProject(projectId: number): Promise<boolean | null>;
}

export function createStanding(rest: Rest): StandingApi {
  const id = (value: number | string): string => encodeURIComponent(value);

  /** The body of an answer; undefined if GitLab refuses or does not know the question. */
  async function ask(path: string): Promise<unknown> {
    try {
      return (await rest.get(path)).body;
    } catch (error) {
      const refused =
        error instanceof UpstreamError && (error.code === "forbidden" || error.code === "not-found");
      if (!refused) throw error;
      return undefined;
    }
  }

  return {
    async isEnterprise() {
      const { enterprise, version } = recordOf(await ask("metadata"));
      if (typeof enterprise === "boolean") return enterprise;
      // Older instances tell it by the end of their version alone.
      return typeof version === "string" ? version.endsWith("-ee") : null;
    },
    async user() {
      const body = recordOf(await ask("user"));
      return typeof body["id"] === "number" ? { id: body["id"], isAdmin: body["is_admin"] === true } : null;
    },
    async roleInGroup(group, userId) {
      const body = await ask(`groups/${id(group)}/members/all/${userId}`);
      if (body === undefined) return null;
      const { access_level: level } = recordOf(body);
      return typeof level === "number" ? level : null;
    },
    async isLicensed() {
      const body = await ask("license");
      if (body === undefined) return null;
      const { plan, expired } = recordOf(body);
      return typeof plan === "string" && plan !== "free" && expired !== true;
    },
    async group(group) {
      return groupOf((await rest.get(`groups/${id(group)}`, { with_projects: false })).body);
    },
    subgroups: (group) => collect(rest.list(`groups/${id(group)}/descendant_groups`), groupOf),
    isGone: async (projectId) => (await ask(`projects/${projectId}`)) === undefined,
    async isEmptyProject(projectId) {
      const { empty_repo: empty } = recordOf(await ask(`projects/${projectId}`));
      return typeof empty === "boolean" ? empty : null;
    },
  };
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function groupOf(value: unknown): { readonly id: number; readonly fullPath: string } {
  const { id, full_path: fullPath } = recordOf(value);
  if (typeof id !== "number" || typeof fullPath !== "string") throw badAnswer("a group");
  return { id, fullPath };
}
