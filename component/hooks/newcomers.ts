/**
 * Projects that came into a group after all of them were swept: one that was moved in, or back, may have brought a hook of ours, and
 * GitLab fires it beside the group's.
 *
 * The group's hook remembers what the list of projects looked like. One request tells whether it still does; if not, the new
 * projects and those that GitLab changed last are looked at, a hundred at most, however many projects the group has. GitLab does
 * not count above 10,000 projects: there only new ones are seen.
 */
import { createHash } from "node:crypto";
import type { GitLab } from "../gitlab/client.ts";
import type { Place, Project } from "../gitlab/types.ts";
import { LONGEST_PAGE } from "../../lib/gitlab/rest.ts";
import type { ListShape } from "./desired.ts";
import { ELIGIBLE } from "./group-projects.ts";
import { placeOf } from "./round.ts";

/** What the list looks like now. One request. */
export async function listedNow(gitlab: Pick<GitLab, "projects">, group: string): Promise<ListShape> {
  return look(await firstPage(gitlab, group, NEWEST_FIRST));
}

export interface Newcomers {
  readonly now: ListShape;
  /** Projects that may have come in since, with whatever hooks they had. */
  readonly places: readonly Place[];
}

/** One request if nothing came or went, two otherwise. @param before null: nothing is remembered, so none is new */
export async function findNewcomers(
  gitlab: Pick<GitLab, "projects">,
  group: string,
  before: ListShape | null,
): Promise<Newcomers> {
  const page = await firstPage(gitlab, group, NEWEST_FIRST);
  const now = look(page);
  if (before === null) return { now, places: [] };
  const made = page.items.filter(({ id }) => id > before.newest);
  const others = look({ items: page.items.filter(({ id }) => id <= before.newest), total: null });
  const isSame = before.total === null || now.total === null || now.total - made.length === before.total;
  const sameIds = before.digest === null || now.digest === null || others.digest === before.digest;
  if (isSame && sameIds) return { now, places: made.map(placeOf) };
  const changed = (await firstPage(gitlab, group, LAST_CHANGED_FIRST)).items;
  const all = new Map([...made, ...changed].map((project) => [project.id, project]));
  return { now, places: [...all.values()].map(placeOf) };
}

const NEWEST_FIRST = { ...ELIGIBLE, orderBy: "id", sort: "desc" };
/** A transfer changes a project. */
const LAST_CHANGED_FIRST = { ...ELIGIBLE, orderBy: "updated_at", sort: "desc" };

interface FirstPage {
  readonly items: readonly Project[];
  readonly total: number | null;
}

function firstPage(
  gitlab: Pick<GitLab, "projects">,
  group: string,
  query: typeof NEWEST_FIRST,
): Promise<FirstPage> {
  return gitlab.projects(group, query, 1, LONGEST_PAGE);
}

function look({ items, total }: FirstPage): ListShape {
  const ids = items.map(({ id }) => id).sort((a, b) => a - b);
  // Of a longer list the first page loses projects at its end as new ones come.
  const isWhole = items.length < LONGEST_PAGE;
  return {
    total,
    newest: ids.at(-1) ?? 0,
    digest: isWhole ? createHash("sha256").update(ids.join(",")).digest("hex").slice(0, 8) : null,
  };
}

/** Whether two looks tell of the same list. */
export function sameList(a: ListShape | null, b: ListShape): boolean {
  return a !== null && a.total === b.total && a.newest === b.newest && a.digest === b.digest;
}
