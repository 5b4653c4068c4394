/**
 * The say that a project has: `.gitlab-hook-relay.yml` in its default branch may narrow which of the project's events a target
 * gets, never widen it. Like every rule it is applied after the event is stored; the ingest knows nothing of it.
 *
 * What is known of a project's file is used at once and asked for anew, with its ETag, when it is older than `refreshSeconds` or
 * when something is pushed. Only the first event of a project waits for its file, and not for long. While GitLab does not answer,
 * the last known file holds, else the central settings alone. A file that is not valid counts as the last known good one.
 * Its rules run in a thread with a time limit; a file that runs out of it is refused, and the central settings alone apply.
 */
import { createHash } from "node:crypto";
import type { Clock } from "../../lib/clock.ts";
import { messageOf } from "../../lib/errors.ts";
import type { Log } from "../../lib/log.ts";
import { instanceOf, type EventMeta } from "../event/event.ts";
import type { Narrowing, ProjectNarrowing } from "./route.ts";
import type { TargetRules } from "./project-rules.ts";
import type { OnRuleError } from "./rules.ts";
import { RulesTooExpensiveError, type RulesRunner } from "./rules-thread.ts";

/** Longest time that the first event of a project waits for its file, in milliseconds. */
const FIRST_WAIT_MS = 2_000;
/** How long GitLab is not asked again after it did not answer, in milliseconds. */
const AWAY_MS = 30_000;
/** Projects whose files are remembered; the one used longest ago goes first. */
const MAX_PROJECTS = 10_000;
/** A longer file is refused. */
export const MAX_FILE_CHARACTERS = 65_536;
const MAX_REFUSED = 10_000;
/** Characters of a refusal that are kept. */
const LONGEST_ERROR = 1000;

export interface ProjectFileSettings {
  /** The GitLab whose projects have the files. */
  readonly instance: string;
  readonly path: string;
  readonly refreshSeconds: number;
}

/** One look at a project's file. */
export type FileAnswer =
  | { readonly type: "unchanged" }
  | { readonly type: "missing" }
  | { readonly type: "found"; readonly text: string; readonly etag: string | null };

/** Rejects if GitLab does not answer or refuses. @param etag of what is known; null: nothing is */
export type FetchFile = (projectId: number, path: string, etag: string | null) => Promise<FileAnswer>;

export interface ProjectFileDeps {
  readonly fetchFile: FetchFile;
  readonly clock: Clock;
  readonly log: Log;
  readonly onRuleError: OnRuleError;
  readonly rules: RulesRunner;
}

type Rules = ReadonlyMap<string, Narrowing> | null;

/** A project whose file was refused when it was last read. The rules from before, or the central settings alone, apply. */
export interface RefusedFile {
  readonly projectId: number;
  /** Wall clock of the refusal, milliseconds. */
  readonly at: number;
  /** Why, in the file's own terms. */
  readonly error: string;
}

export interface ProjectFiles {
  /** The project's own rules for an event: at once if they are known. */
  readonly narrowing: ProjectNarrowing;
  /** The newest first. */
  refused(): readonly RefusedFile[];
}

interface Known {
  /** Null: the file that was read last is in order, or there is none. */
  refusal: { readonly at: number; readonly error: string } | null;
  rules: Rules;
  etag: string | null;
  /** Monotonic time of the last look that was answered; null: none was. */
  askedAt: number | null;
  asking: Promise<void> | null;
}

export function createProjectFiles(settings: ProjectFileSettings, deps: ProjectFileDeps): ProjectFiles {
  const { clock, log } = deps;
  const projects = new Map<number, Known>();
  /** Digests of files whose rules ran out of time. After a restart each is tried once more, away from the main thread as before. */
  const tooExpensive = new Set<string>();
  let awayUntil = 0;

  function knownOf(projectId: number): Known {
    const known = projects.get(projectId) ?? newlyKnown();
    projects.delete(projectId);
    projects.set(projectId, known);
    const [oldest] = projects.keys();
    if (projects.size > MAX_PROJECTS && oldest !== undefined) projects.delete(oldest);
    return known;
  }

  async function look(projectId: number, known: Known): Promise<void> {
    try {
      const answer = await deps.fetchFile(projectId, settings.path, known.etag);
      known.askedAt = clock.monotonic();
      awayUntil = 0;
      if (answer.type === "missing") Object.assign(known, { rules: null, etag: null, refusal: null });
      if (answer.type === "found") await accept(projectId, known, answer);
    } catch (error) {
      awayUntil = clock.monotonic() + AWAY_MS;
      const has = known.askedAt === null ? "the central settings alone" : "the last known file";
      log.warn("project-file.unreachable", { projectId, error: messageOf(error), note: `${has} applies` });
    } finally {
      known.asking = null;
    }
  }

  async function accept(
    projectId: number,
    known: Known,
    { text, etag }: FileAnswer & { type: "found" },
  ): Promise<void> {
    known.etag = etag;
    const digest = digestOf(text);
    try {
      if (text.length > MAX_FILE_CHARACTERS) {
        throw new RangeError(`the file is ${text.length} characters long, limit is ${MAX_FILE_CHARACTERS}`);
      }
      if (tooExpensive.has(digest)) throw new RulesTooExpensiveError("its rules took too long before");
      const targets = await deps.rules.read(text);
      known.rules = new Map(
        targets.map((target) => [target.name, narrowingOf(projectId, known, text, target)]),
      );
      known.refusal = null;
      log.info("project-file.read", { projectId, targets: [...known.rules.keys()] });
    } catch (error) {
      if (error instanceof RulesTooExpensiveError) remember(digest);
      refuse(projectId, known, { error: messageOf(error) });
    }
  }

  function refuse(
    projectId: number,
    known: Known,
    told: { readonly error: string; readonly eventId?: string },
  ): void {
    known.refusal = { at: clock.now(), error: told.error.slice(0, LONGEST_ERROR) };
    log.warn("project-file.refused", { projectId, ...told });
  }

  function remember(digest: string): void {
    tooExpensive.add(digest);
    const [oldest] = tooExpensive;
    if (tooExpensive.size > MAX_REFUSED && oldest !== undefined) tooExpensive.delete(oldest);
  }

  function narrowingOf(projectId: number, known: Known, text: string, target: TargetRules): Narrowing {
    const { name, enabled, hasRules, needsBody } = target;
    if (!hasRules) return { enabled, passes: null };
    const passes: Narrowing["passes"] = async (meta, loadBody) => {
      const body = needsBody ? await loadBody() : null;
      try {
        const { passes: isWanted, failures } = await deps.rules.judge({ text, target: name, meta, body });
        for (const { expression, error } of failures) deps.onRuleError(meta, expression, new Error(error));
        return isWanted;
      } catch (error) {
        if (!(error instanceof RulesTooExpensiveError)) throw error;
        // The central settings let it pass, and the file may only narrow them.
        remember(digestOf(text));
        known.rules = null;
        refuse(projectId, known, { eventId: meta.id, error: messageOf(error) });
        return true;
      }
    };
    return { enabled, passes };
  }

  function ask(projectId: number, known: Known): Promise<void> {
    known.asking ??= look(projectId, known);
    return known.asking;
  }

  function narrowing(meta: EventMeta): ReturnType<ProjectNarrowing> {
    const { projectId } = meta;
    // Another GitLab has other projects behind the same ids.
    if (projectId === null || instanceOf(meta) !== settings.instance) return null;
    const known = knownOf(projectId);
    const now = clock.monotonic();
    if (now < awayUntil) return known.rules;
    if (known.askedAt === null) {
      return firstOf(clock, ask(projectId, known)).then(() => known.rules);
    }
    const isOld = now - known.askedAt >= settings.refreshSeconds * 1000;
    if (isOld || meta.kind === "push") void ask(projectId, known);
    return known.rules;
  }

  return {
    narrowing,
    refused: () =>
      [...projects]
        .flatMap(([projectId, { refusal }]) => (refusal === null ? [] : [{ projectId, ...refusal }]))
        .toSorted((a, b) => b.at - a.at),
  };
}

function newlyKnown(): Known {
  return { rules: null, refusal: null, etag: null, askedAt: null, asking: null };
}

/** Resolves with the promise, or after FIRST_WAIT_MS. */
function firstOf(clock: Clock, promise: Promise<void>): Promise<void> {
  return new Promise((resolve) => {
    const timer = clock.after(FIRST_WAIT_MS, resolve);
    void promise.then(() => {
      timer.cancel();
      resolve();
    });
  });
}

function digestOf(text: string): string {
  return createHash("sha256").update(text).digest("base64");
}
