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
  /** Archived projects and those about to be deleted, too: a hook of ours may still be there. @default false */
  readonly everything?: boolean;
  /** Why a project is left out by the operator's filters; null: it is not. */
  readonly filter: (project: Project) => string | null;
  readonly from: { readonly offset: number; readonly afterId: number };
}

/**
 * What the listing itself leaves out: archived, about to be deleted, shared into the group. Not what is below the Maintainer
 * role: GitLab's `min_access_level` knows memberships alone, and would hide every project from an administrator who is no member
 * and from a custom role that may write hooks.
 */
export const ELIGIBLE: ProjectQuery = { withShared: false, archived: false, active: true };
const EVERYTHING: ProjectQuery = { withShared: false };
const MAINTAINED: ProjectQuery = { withShared: false, minAccessLevel: 40 };

function withVisibility(query: ProjectQuery, visibility: string): ProjectQuery {
  return visibility === "all" ? query : { ...query, visibility };
}

export function createListing(options: ListingOptions): Listing {
  const { gitlab, group, chunkSize } = options;
  const query = withVisibility(options.everything === true ? EVERYTHING : ELIGIBLE, options.visibility);
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
    if (options.everything !== true && isDeletionPath(project)) return "scheduled for deletion";
    return options.filter(project);
  }
}

/** Versions without the `active` filter list what is about to be deleted, under a path that says so and holds the id. */
function isDeletionPath(project: Project): boolean {
  const match = /-(?:deleted|deletion_scheduled)-(\d+)$/.exec(project.path_with_namespace);
  return match !== null && Number(match[1]) === project.id;
}

export interface Filters {
  /** Full path of the group, which globs may leave out. */
  readonly group: string;
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  readonly topics: readonly string[];
}

interface Glob {
  readonly option: string;
  readonly text: string;
  readonly matches: (path: string) => boolean;
  used: boolean;
}

/**
 * The operator's filters. Globs are matched with the full path and with the path below the group; letter case does not count, as
 * in GitLab. It remembers which names fitted nothing, because a misspelt one would be a silent gap.
 */
export class ProjectFilter {
  readonly #include: readonly Glob[];
  readonly #exclude: readonly Glob[];
  /** Lower case -> as written, of the topics that no project has had so far. */
  readonly #unusedTopics: Map<string, string>;
  readonly #topics: ReadonlySet<string>;
  readonly #prefix: string;

  constructor({ group, include, exclude, topics }: Filters) {
    this.#include = include.map((text) => globOf("--include", text));
    this.#exclude = exclude.map((text) => globOf("--exclude", text));
    this.#unusedTopics = new Map(topics.map((topic) => [topic.toLowerCase(), topic]));
    this.#topics = new Set(this.#unusedTopics.keys());
    this.#prefix = `${group.toLowerCase()}/`;
  }

  /** Why the project is left out; null: it is not. */
  leftOut(project: Project): string | null {
    const path = project.path_with_namespace;
    const below = path.toLowerCase().startsWith(this.#prefix) ? path.slice(this.#prefix.length) : path;
    // Every glob is tried: one that never fits is named in the end.
    const fits = (globs: readonly Glob[]): boolean =>
      globs.filter((glob) => (glob.matches(path) || glob.matches(below)) && (glob.used = true)).length > 0;
    const included = fits(this.#include);
    const excluded = fits(this.#exclude);
    const topics = project.topics
      .map((topic) => topic.toLowerCase())
      .filter((topic) => this.#topics.has(topic));
    for (const topic of topics) this.#unusedTopics.delete(topic);
    if (this.#include.length > 0 && !included) return "not among --include";
    if (excluded) return "matches --exclude";
    return this.#topics.size === 0 || topics.length > 0 ? null : "has none of --topics";
  }

  /** `--include "acme/tyop/**"`: what has fitted no project so far. */
  unmatched(): string[] {
    return [
      ...[...this.#include, ...this.#exclude]
        .filter((glob) => !glob.used)
        .map(({ option, text }) => `${option} ${JSON.stringify(text)}`),
      ...[...this.#unusedTopics.values()].map((topic) => `--topics ${JSON.stringify(topic)}`),
    ];
  }
}

function globOf(option: string, text: string): Glob {
  return { option, text, matches: globTest(text), used: false };
}

/** Projects in which the token's user is a Maintainer or more by membership: asked for once, where a project refuses. */
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

const LONGEST_PAGE = 100;

/** The oldest projects that an installation would work on. One request. @param count at most GitLab's longest page */
export async function oldestEligible(
  gitlab: Pick<GitLab, "projects">,
  group: string,
  count: number,
): Promise<readonly number[]> {
  return (await gitlab.projects(group, ELIGIBLE, 1, count)).items.map(({ id }) => id);
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
  const reason = (p: ProjectDetails): string => {
    if (p.archived) return "archived";
    return p.deletionScheduled ? "scheduled for deletion" : "shared into the group";
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
