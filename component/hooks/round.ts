/**
 * What `install`, `uninstall` and `recover` share: a round over the projects, the second try for those that failed in earlier
 * runs of the round, the count of what was left out, and the end of a run that stops early.
 */
import { RunStopped, type Budget } from "../../lib/gitlab/budget.ts";
import type { GitLab } from "../gitlab/client.ts";
import type { Place, Project } from "../gitlab/types.ts";
import type { InstallerConfig } from "../options/config.ts";
import type { Cursor, CursorStore } from "./cursor.ts";
import { EndOfRun } from "./end-of-run.ts";
import { findLeftOut, lookAtEverything, type Everything } from "./left-out.ts";
import { Listing } from "./listing.ts";
import { ProjectFilter } from "./project-filter.ts";
import { resultOf, type HookResult } from "./result.ts";
import { RoundTally } from "./round-tally.ts";
import { walkProjects, type WalkOutcome } from "./walk.ts";
import { workThrough } from "./work-through.ts";

/** The options without which these commands do not start. */
export interface RunConfig extends InstallerConfig {
  readonly gitlabUrl: string;
  readonly group: string;
  /** Flags that a system hook of ours sends, so that the hooks beside it leave them out. @default none */
  readonly leftToSystemHook?: readonly string[];
}

export interface RoundDeps {
  readonly config: RunConfig;
  readonly gitlab: GitLab;
  readonly budget: Budget;
  readonly cursors: CursorStore;
  readonly report: (result: HookResult) => void;
  readonly notice: (text: string) => void;
  /** Hears after each project how many of how many this walk has seen; null: GitLab does not say how many there are. */
  readonly progress?: (done: number, total: number | null) => void;
}

export interface Walk {
  /** Names the kind of walk in the cursor. */
  readonly name: string;
  /** Null: postponed to the second part, `again`. */
  readonly work: (place: Place) => Promise<HookResult | null>;
  /** What is done at the end, with those that were postponed or failed in earlier runs. @default work */
  readonly again?: (place: Place) => Promise<HookResult>;
  /** Whether a result is reported. @default all */
  readonly keep?: (result: HookResult) => boolean;
  /** Archived projects and those about to be deleted, too. @default false */
  readonly everything?: boolean;
  /** After the first part, and where a limit ends it; what it throws ends the run and the round with it. */
  readonly check?: () => void;
}

export function placeOf(project: Project): Place {
  return { level: "project", id: project.id, path: project.path_with_namespace };
}

export function groupPlace(config: RunConfig): Place {
  return { level: "group", id: config.group, path: config.group };
}

export function isFiltered(config: RunConfig): boolean {
  const { include, exclude, topics, visibility } = config;
  return include.length + exclude.length + topics.length > 0 || visibility !== "all";
}

export class Round {
  readonly #deps: RoundDeps;
  readonly #tally = new RoundTally();
  #eligible: number | null = null;
  #everything: Everything | null = null;
  #fullPath: Promise<string> | null = null;
  #remaining: number | null = null;
  #worked = false;
  #filter: ProjectFilter | null = null;
  /** This run saw the whole list. */
  #whole = false;

  constructor(deps: RoundDeps) {
    this.#deps = deps;
  }

  /** Projects that failed in this run. */
  get failures(): number {
    return this.#tally.failures;
  }

  /** Projects that this run could not do: those that failed, and those to which the role was too low. */
  get undone(): number {
    return this.#tally.undone;
  }

  get remaining(): number | null {
    return this.#remaining;
  }

  /** Some project of the round was worked on, by this run or an earlier one. */
  get worked(): boolean {
    return this.#worked;
  }

  /**
   * Walks all projects. Throws RunStopped if the run ends first. The cursor is written either way: a run that ends between
   * here and `close` is followed by one that does the rest only.
   */
  async projects({ name, work, again, keep = () => true, everything = false, check }: Walk): Promise<void> {
    const { config, budget, cursors, gitlab } = this.#deps;
    const resumed = await cursors.load(name);
    // Where another kind of walk had stopped means nothing once this one has begun.
    if (resumed === null) await cursors.save(null);
    // Globs may be relative to the group.
    const globs = config.include.length + config.exclude.length > 0;
    this.#filter = new ProjectFilter({ ...config, group: globs ? await this.fullPath() : config.group });
    this.#everything = null;
    const listing = new Listing({
      gitlab,
      group: config.group,
      chunkSize: config.chunkSize,
      visibility: config.visibility,
      everything,
      filter: (project) => this.#filter?.leftOut(project) ?? null,
      from: resumed ?? { offset: 0, afterId: 0 },
    });
    let done = resumed?.offset ?? 0;
    const beganAt = budget.serverNow();
    const kept = (result: HookResult): void => {
      if (keep(result)) this.report(result);
    };
    const outcome = await walkProjects({
      walk: name,
      listing,
      work: async (project) => {
        const result = await work(placeOf(project));
        this.#deps.progress?.(++done, listing.total);
        return result;
      },
      report: kept,
      atTheEnd: async () => {
        if (listing.hasSeams) this.#everything = await lookAtEverything(gitlab, config);
      },
      budget,
      cursors,
      concurrency: config.concurrency,
      chunkSize: config.chunkSize,
      resumed,
    });
    this.#remaining = outcome.remaining;
    this.#eligible = listing.total;
    this.#worked ||= outcome.worked;
    this.#whole = outcome.complete && resumed === null;
    await this.#checked(check);
    if (!outcome.complete) throw new RunStopped(budget.stopped ?? "time-limit");
    const missed = await this.#missed(listing, { beganAt, kept });
    await this.#secondPart({ name, work, again, kept, resumed, outcome, missed });
    await this.#refuseCutList(listing);
  }

  /** What GitLab counts and does not list has not been looked at. Throws EndOfRun. */
  async #refuseCutList({ missing, total }: Listing): Promise<void> {
    if (missing === 0) return;
    await this.#deps.cursors.save(null);
    this.#remaining = missing;
    const text = `GitLab counts ${total} projects of ${this.group}, and its list ends ${missing} earlier, asked twice: these have not been looked at; something in front of GitLab may cut the list`;
    throw new EndOfRun(text, { status: 1, complete: false });
  }

  /**
   * Projects that fell between two pages of the list: one that went away and one that came in or was made show in no count. One
   * request for a list of several pages; the list once more where GitLab says that a project changed since the walk began.
   */
  async #missed(
    listing: Listing,
    walk: { readonly beganAt: number; readonly kept: (result: HookResult) => void },
  ): Promise<Cursor["failed"]> {
    if (!listing.hasSeams) return [];
    this.#everything ??= await lookAtEverything(this.#deps.gitlab, this.#deps.config);
    const { changedAt } = this.#everything;
    if (changedAt === null || changedAt < walk.beganAt) return [];
    const missed = await listing.repeat();
    for (const { project, leftOut } of missed)
      if (leftOut !== null) walk.kept(resultOf(placeOf(project), "skip", { reason: leftOut }));
    return missed
      .filter(({ leftOut }) => leftOut === null)
      .map(({ project }) => ({ id: project.id, path: project.path_with_namespace }));
  }

  /** What the check refuses, the next run must see again from the start. */
  async #checked(check: Walk["check"]): Promise<void> {
    try {
      check?.();
    } catch (error) {
      await this.#deps.cursors.save(null);
      throw error;
    }
  }

  /** Projects that were postponed, or failed in earlier runs: without this their failure would end with the run that saw it. */
  async #secondPart(
    part: Pick<Walk, "name" | "work"> & {
      readonly again: Walk["again"];
      readonly kept: (result: HookResult) => void;
      readonly resumed: Cursor | null;
      readonly outcome: WalkOutcome;
      readonly missed: Cursor["failed"];
    },
  ): Promise<void> {
    const { cursors, config } = this.#deps;
    const { outcome, again, work, resumed } = part;
    const end = {
      walk: part.name,
      offset: this.#eligible ?? outcome.offset,
      afterId: outcome.afterId,
      ...(outcome.worked ? {} : { worked: false }),
    };
    const begun = [...(again === undefined ? (resumed?.failed ?? []) : outcome.failed), ...part.missed];
    const waiting = new Map(begun.map((entry) => [entry.id, entry]));
    try {
      await workThrough(
        [...waiting.values()],
        { budget: this.#deps.budget, concurrency: config.concurrency },
        async ({ id, path }) => {
          const result = await (again ?? work)({ level: "project", id, path });
          if (result !== null) part.kept(result);
          waiting.delete(id);
        },
      );
    } catch (error) {
      await cursors.save({ ...end, failed: [...waiting.values()] });
      throw error;
    }
    // What failed in this run is for the next one, should this one end before the round is closed.
    const tried = new Set(begun.map(({ id }) => id));
    await cursors.save({ ...end, failed: outcome.failed.filter(({ id }) => !tried.has(id)) });
  }

  /** Reports what the listing left out. */
  async leftOut(): Promise<void> {
    const { config, gitlab, notice } = this.#deps;
    this.#everything ??= await lookAtEverything(gitlab, config);
    const { page } = this.#everything;
    const found = await findLeftOut(gitlab, { ...config, everything: page, eligible: this.#eligible });
    for (const { id, path, reason } of found.named) {
      if (!this.#tally.isSkipped(id))
        this.report(resultOf({ level: "project", id, path }, "skip", { reason }));
    }
    if (found.counted > 0) {
      notice(
        `${found.counted} more projects of the group were left out: archived, shared into the group or scheduled for deletion`,
      );
    }
  }

  /** The round is complete: the next run starts over. Names what the filters could not find. */
  async close(): Promise<void> {
    const unmatched = this.#whole ? (this.#filter?.unmatched() ?? []) : [];
    if (unmatched.length > 0) this.#deps.notice(`no project fits ${unmatched.join(", ")}`);
    await this.#deps.cursors.save(null);
  }

  /** Path or number of the group, as it was given. */
  get group(): string {
    return this.#deps.config.group;
  }

  report(result: HookResult): void {
    this.#tally.add(result);
    this.#deps.report(result);
  }

  /** Throws if no project was worked on and the options did not ask for that: a green run would say that all is well. */
  refuseNothing(): void {
    if (!this.#worked) this.#tally.refuseNothing(this.#deps.config);
  }

  /** Throws if projects were left out for want of a role that a refused token may have had. */
  refuseLostToken(): void {
    this.#tally.refuseLostToken(this.#deps.budget.refusedTokens);
  }

  /** The group's path, which an id does not tell: one request then, once. */
  fullPath(): Promise<string> {
    const { config, gitlab } = this.#deps;
    this.#fullPath ??= /^\d+$/.test(config.group)
      ? gitlab.standing.group(config.group).then((group) => group.fullPath)
      : Promise.resolve(config.group);
    return this.#fullPath;
  }
}
