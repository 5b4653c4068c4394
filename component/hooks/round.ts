/**
 * What `install` and `uninstall` share: a round over the projects, the second try for those that failed in earlier runs of the
 * round, the count of what was left out, and the end of a run that stops early.
 */
import { UpstreamError } from "../../lib/errors.ts";
import type { InstallerConfig } from "../options/config.ts";
import type { Cursor, CursorStore } from "./cursor.ts";
import { explain } from "./explain.ts";
import { RunStopped, type Budget } from "../../lib/gitlab/budget.ts";
import type { GitLab } from "../gitlab/client.ts";
import type { Level, Place, Project } from "../gitlab/types.ts";
import { createFilter, createListing, findLeftOut } from "./inventory.ts";
import { resultOf, type Result } from "./result.ts";
import { walkProjects } from "./walk.ts";

/** The options without which these commands do not start. */
export interface RunConfig extends InstallerConfig {
  readonly gitlabUrl: string;
  readonly group: string;
}

export interface RoundDeps {
  readonly config: RunConfig;
  readonly gitlab: GitLab;
  readonly budget: Budget;
  readonly cursors: CursorStore;
  readonly report: (result: Result) => void;
  readonly notice: (text: string) => void;
}

export interface RoundOutcome {
  readonly complete: boolean;
  readonly remaining: number | null;
  readonly level: Level;
  /** What ended the run that is no limit: GitLab down, the group unknown, no token left. */
  readonly trouble: { readonly message: string; readonly status: 1 | 2 } | null;
}

export interface Round {
  /**
   * Walks all projects. Throws RunStopped where the run ends first. The cursor is written either way: a run that ends between
   * here and `close` is followed by one that does the rest only.
   */
  projects(
    walk: string,
    work: (place: Place) => Promise<Result>,
    keep?: (result: Result) => boolean,
  ): Promise<void>;
  /** Reports what the listing left out. */
  leftOut(): Promise<void>;
  /** The round is complete: the next run starts over. */
  close(): Promise<void>;
  /** Projects that failed in this run. */
  readonly failures: number;
  readonly remaining: number | null;
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

export function createRound(deps: RoundDeps): Round {
  const { config, budget, cursors } = deps;
  const { group, visibility, chunkSize, concurrency } = config;
  const skipped = new Set<number>();
  let eligible: number | null = null;
  let failures = 0;
  let remaining: number | null = null;

  function report(result: Result): void {
    if (result.action === "fail") failures++;
    if (result.action === "skip" && result.projectId !== null) skipped.add(result.projectId);
    deps.report(result);
  }

  return {
    async projects(walk, work, keep = () => true) {
      const resumed = await cursors.load(walk);
      const from = resumed ?? { offset: 0, afterId: 0 };
      const filter = createFilter(config);
      const listing = createListing({ gitlab: deps.gitlab, group, chunkSize, visibility, filter, from });
      const kept = (result: Result): void => {
        if (keep(result)) report(result);
      };
      const outcome = await walkProjects({
        walk,
        listing,
        work: (project) => work(placeOf(project)),
        report: kept,
        budget,
        cursors,
        concurrency,
        chunkSize,
        resumed,
      });
      remaining = outcome.remaining;
      eligible = listing.total;
      if (!outcome.complete) throw new RunStopped(budget.stopped ?? "time-limit");
      const end = { walk, offset: eligible ?? outcome.offset, afterId: outcome.afterId };
      await retryFailed(resumed, work, kept, end);
      await cursors.save({ ...end, failed: [] });
    },
    async leftOut() {
      const found = await findLeftOut(deps.gitlab, { group, visibility, eligible });
      for (const { id, path, reason } of found.named) {
        if (!skipped.has(id)) report(resultOf({ level: "project", id, path }, "skip", { reason }));
      }
      if (found.counted > 0) {
        deps.notice(
          `${found.counted} more projects of the group were left out: archived, shared into the group, scheduled for deletion or below the Maintainer role`,
        );
      }
    },
    close: () => cursors.save(null),
    get failures() {
      return failures;
    },
    get remaining() {
      return remaining;
    },
  };

  /** Projects that failed in earlier runs of this round; without this their failure would end with the run that saw it. */
  async function retryFailed(
    resumed: Cursor | null,
    work: (place: Place) => Promise<Result>,
    kept: (result: Result) => void,
    end: Omit<Cursor, "failed">,
  ): Promise<void> {
    const again = [...(resumed?.failed ?? [])];
    while (again[0] !== undefined) {
      const { id, path } = again[0];
      try {
        kept(await work({ level: "project", id, path }));
      } catch (error) {
        await cursors.save({ ...end, failed: again });
        throw error;
      }
      again.shift();
    }
  }
}

/** Runs a command's rounds; limits and GitLab's troubles become part of the outcome. */
export async function concluded(
  level: () => Level,
  round: Round,
  run: () => Promise<void>,
): Promise<RoundOutcome> {
  try {
    await run();
    return { complete: true, remaining: 0, level: level(), trouble: null };
  } catch (error) {
    const outcome = { complete: false, remaining: round.remaining, level: level() };
    if (error instanceof RunStopped) return { ...outcome, trouble: null };
    if (!(error instanceof UpstreamError)) throw error;
    const wrongSettings = ["unauthorized", "forbidden", "not-found", "redirect", "bad-answer"].includes(
      error.code,
    );
    const message = error.code === "unauthorized" ? error.message : explain(error, "group");
    return { ...outcome, trouble: { message, status: wrongSettings ? 2 : 1 } };
  }
}
