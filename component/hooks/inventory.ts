/**
 * The projects of a group, page by page in the order of their ids, and the reasons why some are left out.
 *
 * GitLab pages this list by offset only. A project that is deleted while a round runs shifts the following ones forward, so
 * that one could fall between two pages: whenever the list has become shorter, and when a round is resumed, the page before is
 * looked at again. What was seen already is known by its id.
 */
import { compileGlob } from "../../lib/glob.ts";
import type { GitLab, ProjectQuery } from "../gitlab/client.ts";
import type { Page, Project, ProjectDetails } from "../gitlab/types.ts";

export interface Listed {
  readonly project: Project;
  /** Why it gets no hook; null: it does. */
  readonly leftOut: string | null;
  /** Projects before it in the listing. */
  readonly offset: number;
}

export interface Listing {
  /** The next projects; null after the last. Costs one request, seldom more. */
  next(): Promise<readonly Listed[] | null>;
  /** Projects in all, as GitLab counted last; null: it does not say. */
  readonly total: number | null;
  readonly exhausted: boolean;
}

export interface ListingOptions {
  readonly gitlab: Pick<GitLab, "projects">;
  readonly group: string;
  readonly chunkSize: number;
  readonly visibility: string;
  /** Why a project is left out by the operator's filters; null: it is not. */
  readonly filter: (project: Project) => string | null;
  readonly from: { readonly offset: number; readonly afterId: number };
}

/** What the listing itself leaves out: archived, about to be deleted, shared into the group, below the Maintainer role. */
const ELIGIBLE: ProjectQuery = { withShared: false, archived: false, active: true, minAccessLevel: 40 };

function withVisibility(query: ProjectQuery, visibility: string): ProjectQuery {
  return visibility === "all" ? query : { ...query, visibility };
}

export function createListing(options: ListingOptions): Listing {
  const { gitlab, group, chunkSize } = options;
  const query = withVisibility(ELIGIBLE, options.visibility);
  let number = Math.floor(options.from.offset / chunkSize) + 1;
  let seenUpTo = options.from.afterId;
  let total: number | null = null;
  let mayHaveShifted = number > 1;
  let exhausted = false;

  /** The page, or one before it where the list has moved so far that there would be a gap. */
  async function fetchPage(): Promise<Page<Project>> {
    for (;;) {
      const page = await gitlab.projects(group, query, number, chunkSize);
      if (total !== null && page.total !== null && page.total < total) mayHaveShifted = true;
      total = page.total;
      const first = page.items[0];
      const gap = mayHaveShifted && number > 1 && (first === undefined || first.id > seenUpTo);
      if (!gap) return page;
      number--;
    }
  }

  return {
    async next() {
      if (exhausted) return null;
      const page = await fetchPage();
      // A page that began before what was seen ends the doubt.
      mayHaveShifted = false;
      const before = (number - 1) * chunkSize;
      const listed = page.items
        .map((project, index): Listed => ({ project, leftOut: reasonOf(project), offset: before + index }))
        .filter(({ project }) => project.id > seenUpTo);
      seenUpTo = Math.max(seenUpTo, page.items.at(-1)?.id ?? 0);
      number++;
      exhausted = page.next === null;
      return listed;
    },
    get total() {
      return total;
    },
    get exhausted() {
      return exhausted;
    },
  };

  function reasonOf(project: Project): string | null {
    return isDeletionPath(project) ? "scheduled for deletion" : options.filter(project);
  }
}

/** Versions without the `active` filter list what is about to be deleted, under a path that says so and holds the id. */
function isDeletionPath(project: Project): boolean {
  const match = /-(?:deleted|deletion_scheduled)-(\d+)$/.exec(project.path_with_namespace);
  return match !== null && Number(match[1]) === project.id;
}

export interface Filters {
  readonly group: string;
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  readonly topics: readonly string[];
}

/** Globs are matched with the full path and with the path below the group; letter case does not count, as in GitLab. */
export function createFilter(filters: Filters): (project: Project) => string | null {
  const matcher = (globs: readonly string[]): ((path: string) => boolean) => {
    const tests = globs.map(globTest);
    return (path) => tests.some((test) => test(path));
  };
  const included = matcher(filters.include);
  const excluded = matcher(filters.exclude);
  const prefix = `${filters.group.toLowerCase()}/`;
  const topics = new Set(filters.topics.map((topic) => topic.toLowerCase()));
  return function leftOutBy(project) {
    const path = project.path_with_namespace;
    const below = path.toLowerCase().startsWith(prefix) ? path.slice(prefix.length) : path;
    const matches = (test: (path: string) => boolean): boolean => test(path) || test(below);
    if (filters.include.length > 0 && !matches(included)) return "not among --include";
    if (matches(excluded)) return "matches --exclude";
    const tagged = topics.size === 0 || project.topics.some((topic) => topics.has(topic.toLowerCase()));
    return tagged ? null : "has none of --topics";
  };
}

export interface LeftOut {
  readonly named: readonly { readonly id: number; readonly path: string; readonly reason: string }[];
  /** Further ones that are only counted. */
  readonly counted: number;
}

/**
 * The projects that the listing left out, found by counting: one request where there are none, at most three otherwise, however
 * many projects the group has. Names are given as far as one page of a hundred goes.
 * @param eligible projects of the complete listing; null: GitLab did not count
 */
export async function findLeftOut(
  gitlab: Pick<GitLab, "projectDetails">,
  options: { readonly group: string; readonly visibility: string; readonly eligible: number | null },
): Promise<LeftOut> {
  const ask = (query: ProjectQuery): Promise<Page<ProjectDetails>> =>
    gitlab.projectDetails(options.group, withVisibility(query, options.visibility), 1, 100);
  const everything = await ask({ withShared: true });
  if (everything.total !== null && everything.total === options.eligible) return { named: [], counted: 0 };
  const named = everything.next === null ? await nameAll(ask, everything.items) : await nameInactive(ask);
  const missing =
    everything.total === null || options.eligible === null
      ? 0
      : everything.total - options.eligible - named.length;
  return { named, counted: Math.max(0, missing) };
}

type Ask = (query: ProjectQuery) => Promise<Page<ProjectDetails>>;

/** A group of at most a hundred projects: everything that is not eligible, by name. */
async function nameAll(ask: Ask, everything: readonly ProjectDetails[]): Promise<LeftOut["named"]> {
  const eligible = new Set((await ask(ELIGIBLE)).items.map((p) => p.id));
  const own = new Set((await ask({ withShared: false })).items.map((p) => p.id));
  const reason = (p: ProjectDetails): string => {
    if (p.archived) return "archived";
    if (p.deletionScheduled) return "scheduled for deletion";
    return own.has(p.id) ? "below the Maintainer role" : "shared into the group";
  };
  return everything
    .filter((p) => !eligible.has(p.id))
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

/** A glob behind `!` fits what it does not fit without it; `!( )` is a group of its own. */
function globTest(glob: string): (path: string) => boolean {
  const isNegated = glob.startsWith("!") && !glob.startsWith("!(");
  const fits = compileGlob(isNegated ? glob.slice(1) : glob, { caseMatters: false });
  return isNegated ? (path) => !fits(path) : fits;
}
