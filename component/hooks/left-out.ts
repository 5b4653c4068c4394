/** Which projects the listing of a group leaves out, found by counting. */
import type { GitLab, ProjectQuery } from "../gitlab/client.ts";
import type { Page, ProjectDetails } from "../gitlab/types.ts";
import { LONGEST_PAGE } from "../../lib/gitlab/rest.ts";
import { ELIGIBLE, withVisibility } from "./group-projects.ts";

export interface LeftOut {
  readonly named: readonly { readonly id: number; readonly path: string; readonly reason: string }[];
  /** Further ones that are only counted. */
  readonly counted: number;
}

/** All projects of the group, those that changed last first: one page. */
export interface Everything {
  readonly page: Page<ProjectDetails>;
  /** Wall clock of GitLab, milliseconds: when a project was last made, changed, archived or moved; null: GitLab does not say. */
  readonly changedAt: number | null;
}

interface Asked {
  readonly group: string;
  readonly visibility: string;
}

function asking(gitlab: Pick<GitLab, "projectDetails">, { group, visibility }: Asked): Ask {
  return (query) => gitlab.projectDetails(group, withVisibility(query, visibility), 1, LONGEST_PAGE);
}

/** One request. */
export async function lookAtEverything(
  gitlab: Pick<GitLab, "projectDetails">,
  asked: Asked,
): Promise<Everything> {
  const page = await asking(gitlab, asked)({ withShared: true, orderBy: "updated_at", sort: "desc" });
  const times = page.items.flatMap(({ changedAt }) => changedAt ?? []);
  return { page, changedAt: times.length === 0 ? null : Math.max(...times) };
}

/**
 * The projects that the listing left out, found by counting: no request if there are none, at most two otherwise, however
 * many projects the group has. Names are given as far as one page of a hundred goes.
 * @param eligible projects of the complete listing; null: GitLab did not count
 */
export async function findLeftOut(
  gitlab: Pick<GitLab, "projectDetails">,
  options: Asked & { readonly everything: Page<ProjectDetails>; readonly eligible: number | null },
): Promise<LeftOut> {
  const { everything, eligible } = options;
  const ask = asking(gitlab, options);
  if (everything.total !== null && everything.total === eligible) return { named: [], counted: 0 };
  const named = everything.next === null ? await nameAll(ask, everything.items) : await nameInactive(ask);
  const missing =
    everything.total === null || eligible === null ? 0 : everything.total - eligible - named.length;
  return { named, counted: Math.max(0, missing) };
}

type Ask = (query: ProjectQuery) => Promise<Page<ProjectDetails>>;

/** A group of at most a hundred projects: everything that is not eligible, by name. */
async function nameAll(ask: Ask, everything: readonly ProjectDetails[]): Promise<LeftOut["named"]> {
  const eligible = new Set((await ask(ELIGIBLE)).items.map((p) => p.id));
  const reason = (p: ProjectDetails): string => {
    if (p.archived) return "archived";
    return p.deletionScheduled ? "scheduled for deletion" : "shared into the group";
  };
  return everything
    .filter((p) => !eligible.has(p.id))
    .sort((a, b) => a.id - b.id)
    .map((p) => ({ id: p.id, path: p.path_with_namespace, reason: reason(p) }));
}

async function nameInactive(ask: Ask): Promise<LeftOut["named"]> {
  const row = (p: ProjectDetails, reason: string): LeftOut["named"][number] => ({
    id: p.id,
    path: p.path_with_namespace,
    reason,
  });
  const archived = (await ask({ withShared: true, archived: true })).items;
  const inactive = (await ask({ withShared: true, archived: false, active: false })).items;
  return [
    ...archived.map((p) => row(p, "archived")),
    ...inactive
      .filter((p) => p.deletionScheduled && !p.archived)
      .map((p) => row(p, "scheduled for deletion")),
  ];
}
