/**
 * What the instance is and what the token's user may do there, as far as GitLab tells: evidence for decisions that a refusal
 * alone does not carry. Each question is one request; null where GitLab does not say.
 */
import { UpstreamError } from "../../lib/errors.ts";
import type { Incoming } from "../../lib/gitlab/sender.ts";

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
  /** Whether a project's repository is empty. */
  isEmptyProject(projectId: number): Promise<boolean | null>;
}

/** What this needs of the client library. */
export interface Requester {
  get(
    path: string,
    options?: { readonly searchParams: Readonly<Record<string, number | string | boolean>> },
  ): Promise<unknown>;
}

const LONGEST_PAGE = 100;

export function createStanding(requester: Requester): StandingApi {
  const id = (value: number | string): string => encodeURIComponent(value);

  /** The body of an answer; undefined where GitLab refuses or does not know the question. */
  async function ask(path: string): Promise<unknown> {
    try {
      return ((await requester.get(path)) as Incoming).body;
    } catch (error) {
      const refused =
        error instanceof UpstreamError && (error.code === "forbidden" || error.code === "not-found");
      if (!refused) throw error;
      return undefined;
    }
  }

  return {
    async isEnterprise() {
      const { enterprise } = recordOf(await ask("metadata"));
      return typeof enterprise === "boolean" ? enterprise : null;
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
      const { body } = (await requester.get(`groups/${id(group)}`, {
        searchParams: { withProjects: false },
      })) as Incoming;
      return groupOf(body);
    },
    async subgroups(group) {
      const found: { readonly id: number; readonly fullPath: string }[] = [];
      for (let page = 1; ; page++) {
        const { body } = (await requester.get(`groups/${id(group)}/descendant_groups`, {
          searchParams: { perPage: LONGEST_PAGE, page },
        })) as Incoming;
        if (!Array.isArray(body)) throw notAGroup();
        found.push(...body.map(groupOf));
        if (body.length < LONGEST_PAGE) return found;
      }
    },
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
  if (typeof id !== "number" || typeof fullPath !== "string") throw notAGroup();
  return { id, fullPath };
}

function notAGroup(): UpstreamError {
  return new UpstreamError(
    "bad-answer",
    "GitLab's answer is not a group: is --gitlab-url a GitLab instance?",
    {
      retryable: false,
    },
  );
}
