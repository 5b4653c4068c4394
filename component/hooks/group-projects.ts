/** Queries for the projects of a group: which are worked on, which there are at all, and in which the token's user is a Maintainer. */
import { LONGEST_PAGE } from "../../lib/gitlab/rest.ts";
import type { GitLab, ProjectQuery } from "../gitlab/client.ts";
import type { Page, Project } from "../gitlab/types.ts";

/**
 * What the listing itself leaves out: archived, about to be deleted, shared into the group. Not what is below the Maintainer
 * role: GitLab's `min_access_level` knows memberships alone, and would hide every project from an administrator who is no member
 * and from a custom role that may write hooks.
 */
export const ELIGIBLE: ProjectQuery = { withShared: false, archived: false, active: true };
/** Archived projects and those about to be deleted, too: a hook of ours may still be there. */
export const EVERYTHING: ProjectQuery = { withShared: false };
const MAINTAINED: ProjectQuery = { withShared: false, minAccessLevel: 40 };

export function withVisibility(query: ProjectQuery, visibility: string): ProjectQuery {
  return visibility === "all" ? query : { ...query, visibility };
}

/** Projects in which the token's user is a Maintainer or more by membership: asked for once, if a project refuses. */
export function createMaintained(
  gitlab: Pick<GitLab, "projects">,
  group: string,
): (projectId: number) => Promise<boolean> {
  let known: Promise<ReadonlySet<number>> | null = null;

  async function load(): Promise<ReadonlySet<number>> {
    const ids = new Set<number>();
    for (let page: number | null = 1; page !== null;) {
      const found: Page<Project> = await gitlab.projects(group, MAINTAINED, page, LONGEST_PAGE);
      for (const { id } of found.items) ids.add(id);
      page = found.next;
    }
    return ids;
  }

  return async function isMaintained(projectId) {
    known ??= load();
    return (await known).has(projectId);
  };
}

/** The oldest projects that an installation would work on. One request. @param count at most GitLab's longest page */
export async function oldestEligible(
  gitlab: Pick<GitLab, "projects">,
  group: string,
  count: number,
): Promise<readonly number[]> {
  return (await gitlab.projects(group, ELIGIBLE, 1, count)).items.map(({ id }) => id);
}
