/**
 * The projects of a group, page by page in the order of their ids.
 *
 * GitLab pages this list by offset only. A project that is deleted, archived or moved away while a round runs shifts the following
 * ones forward, so that one could fall between two pages. Whenever the list has become shorter, when a round is resumed, and where
 * GitLab does not count, one request looks whether the project before a page has been seen; if not, the page before comes again.
 * What was seen already is known by its id. A shift that another project makes up for shows in no count: `repeat` finds what fell
 * between two pages then.
 */
import { UpstreamError } from "../../lib/errors.ts";
import type { GitLab, ProjectQuery } from "../gitlab/client.ts";
import type { Page, Project } from "../gitlab/types.ts";
import { ELIGIBLE, EVERYTHING, withVisibility } from "./group-projects.ts";

export interface Listed {
  readonly project: Project;
  /** Why it gets no hook; null: it does. */
  readonly leftOut: string | null;
  /** Projects before it in the listing. */
  readonly offset: number;
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

export class Listing {
  readonly #options: ListingOptions;
  readonly #query: ProjectQuery;
  /** Ids of all projects that were answered, as they came: a plain array, since a large group has many. */
  readonly #answered: number[] = [];
  /** The next page. */
  #number: number;
  #pages = 0;
  #seenUpTo: number;
  #total: number | null = null;
  /** The total that GitLab told last, whether or not the last page had one. */
  #counted = 0;
  #mayHaveShifted: boolean;
  #exhausted = false;
  #missing = 0;

  constructor(options: ListingOptions) {
    this.#options = options;
    this.#query = withVisibility(options.everything === true ? EVERYTHING : ELIGIBLE, options.visibility);
    this.#number = Math.floor(options.from.offset / options.chunkSize) + 1;
    this.#seenUpTo = options.from.afterId;
    this.#mayHaveShifted = this.#number > 1;
  }

  /** Projects in all, as GitLab counted last; null: it does not say. */
  get total(): number | null {
    return this.#total;
  }

  get exhausted(): boolean {
    return this.#exhausted;
  }

  /** Projects that GitLab counts and that its list, read to its end, does not have. */
  get missing(): number {
    return this.#missing;
  }

  /** Several pages were read, so that something may have fallen between them. */
  get hasSeams(): boolean {
    return this.#pages > 1 || this.#number > 2;
  }

  /** The next projects; null after the last. Costs one request, two where the list may have shifted. */
  async next(): Promise<readonly Listed[] | null> {
    if (this.#exhausted) return null;
    const page = await this.#fetchPage();
    // A page that began before what was seen ends the doubt.
    this.#mayHaveShifted = false;
    const before = (this.#number - 1) * this.#options.chunkSize;
    if (page.next !== null) refuseOtherOrder(page);
    const listed = page.items
      .map((project, index) => this.#listed(project, before + index))
      .filter(({ project }) => project.id > this.#seenUpTo);
    for (const { project } of listed) this.#answered.push(project.id);
    this.#seenUpTo = Math.max(this.#seenUpTo, page.items.at(-1)?.id ?? 0);
    this.#number++;
    this.#exhausted = page.next === null;
    if (this.#exhausted) this.#missing = Math.max(0, (page.total ?? 0) - before - page.items.length);
    return listed;
  }

  /** Reads the whole list anew, behind the place where a resumed round began. @returns what was not answered before */
  async repeat(): Promise<readonly Listed[]> {
    const { gitlab, group, chunkSize, from } = this.#options;
    const known = new Set(this.#answered);
    const missed: Listed[] = [];
    for (let number: number | null = 1; number !== null;) {
      const page: Page<Project> = await gitlab.projects(group, this.#query, number, chunkSize);
      for (const project of page.items) {
        if (project.id <= from.afterId || known.has(project.id)) continue;
        known.add(project.id);
        this.#answered.push(project.id);
        missed.push(this.#listed(project, this.#answered.length));
      }
      number = page.next;
    }
    return missed;
  }

  /** The page, or one before it where the list has moved so far that there would be a gap. */
  async #fetchPage(): Promise<Page<Project>> {
    const { gitlab, group, chunkSize } = this.#options;
    for (;;) {
      let page = await gitlab.projects(group, this.#query, this.#number, chunkSize);
      // A list that ends before GitLab's own count may be a single odd answer.
      if (this.#endsEarly(page)) page = await gitlab.projects(group, this.#query, this.#number, chunkSize);
      // The count outranks a full page that calls itself the last.
      if (this.#endsEarly(page) && page.items.length === chunkSize)
        page = { ...page, next: this.#number + 1 };
      this.#pages++;
      if (this.#total !== null && page.total !== null && page.total < this.#total)
        this.#mayHaveShifted = true;
      this.#total = page.total;
      this.#counted = page.total ?? this.#counted;
      if (!(await this.#hasGapBefore(page))) return page;
      this.#number--;
    }
  }

  #endsEarly({ items, next, total }: Page<Project>): boolean {
    const end = (this.#number - 1) * this.#options.chunkSize + items.length;
    return next === null && end < (total ?? this.#counted);
  }

  /** Whether a project that was not seen may stand before the page. One request if that is in doubt. */
  async #hasGapBefore({ items, total }: Page<Project>): Promise<boolean> {
    const first = items[0];
    if (this.#number === 1 || (first !== undefined && first.id <= this.#seenUpTo)) return false;
    if (!this.#mayHaveShifted && total !== null) return false;
    const { gitlab, group, chunkSize } = this.#options;
    const place = (this.#number - 1) * chunkSize;
    const [last] = (await gitlab.projects(group, this.#query, place, 1)).items;
    return last === undefined || last.id > this.#seenUpTo;
  }

  #listed(project: Project, offset: number): Listed {
    return { project, leftOut: this.#reasonOf(project), offset };
  }

  #reasonOf(project: Project): string | null {
    if (this.#options.everything !== true && isDeletionPath(project)) return "scheduled for deletion";
    return this.#options.filter(project);
  }
}

/** The place in the list and the gaps in it are told by ascending ids, as they are asked for. Throws UpstreamError. */
function refuseOtherOrder({ items }: Page<Project>): void {
  if (items.every(({ id }, index) => index === 0 || id > (items[index - 1]?.id ?? 0))) return;
  const text =
    "GitLab does not list the projects in the order of their ids, as it was asked to: something in front of it may drop the query";
  throw new UpstreamError("bad-answer", text, { retryable: false });
}

/** Versions without the `active` filter list what is about to be deleted, under a path that says so and holds the id. */
function isDeletionPath(project: Project): boolean {
  const match = /-(?:deleted|deletion_scheduled)-(\d+)$/.exec(project.path_with_namespace);
  return match !== null && Number(match[1]) === project.id;
}
