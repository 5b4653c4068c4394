/**
 * Where an interrupted round goes on: a small JSON file, often kept in a CI cache. It is a hint and nothing more: a missing,
 * damaged or foreign file means that the round begins at the first project, which costs requests and never a hook.
 */
import { z } from "zod";
import type { Log } from "../../lib/log.ts";
import { messageOf } from "../../lib/errors.ts";
import type { Level } from "../gitlab/types.ts";

export const cursorSchema = z.object({
  /** What kind of walk it was: another kind begins anew. */
  walk: z.string(),
  /** Projects before the first unfinished one, as the listing counts them. */
  offset: z.number().int().min(0),
  /** Id of the last project before it; ids ascend in the listing. */
  afterId: z.number().int().min(0),
  /** Projects of earlier runs of this round that failed: tried again at its end. */
  failed: z.array(z.object({ id: z.number().int(), path: z.string() })),
  /** False: no run of this round has found a project to work on so far. */
  worked: z.boolean().optional(),
});

export type Cursor = z.output<typeof cursorSchema>;

/** Whatever else is in the file belongs to other commands and stays. */
const fileSchema = z.looseObject({
  version: z.literal(1),
  rounds: z.record(z.string(), cursorSchema),
  /** By instance and group: the level that the last complete run left behind. */
  levels: z.record(z.string(), z.enum(["group", "project"])).optional(),
  /** By instance and group: what the next run with a group hook looks at for left-overs. */
  looks: z.record(z.string(), z.enum(["sample", "newcomers"])).optional(),
});

type StateFile = z.output<typeof fileSchema>;

/** Projects that one cursor remembers as unfinished. */
export const MOST_FAILED = 100_000;

export interface Files {
  /** Text of a file; null if there is none. Throws if it cannot be read. */
  read(path: string): Promise<string | null>;
  /** Replaces the whole file, so that a reader sees the old or the new text and never half of one. */
  write(path: string, text: string): Promise<void>;
}

export interface CursorStore {
  load(walk: string): Promise<Cursor | null>;
  /** Null: the round is complete. */
  save(cursor: Cursor | null): Promise<void>;
}

/** One request a run shows whether projects have hooks of ours beside the group's, if runs take turns in what they look at. */
export type Look = "sample" | "newcomers";

export interface LevelStore {
  /** The level that the last complete run left behind; null: not known. */
  load(): Promise<Level | null>;
  /** Null: no hook of ours is left, or it is no longer known which. @param next what the next run looks at, at the group's level */
  save(level: Level | null, next?: Look): Promise<void>;
  /** What this run looks at: its turn; both, if it is not known whose turn it is; the sample alone without a state file. */
  looks(): Promise<ReadonlySet<Look>>;
}

export interface CursorStoreOptions {
  /** Null: nothing is kept. */
  readonly path: string | null;
  /** Names the round, so that jobs for several groups may share one file. */
  readonly round: string;
  readonly files: Files;
  readonly log: Pick<Log, "warn">;
}

type FileOptions = Pick<CursorStoreOptions, "path" | "files" | "log">;

async function readState({ path, files, log }: FileOptions): Promise<StateFile> {
  const empty: StateFile = { version: 1, rounds: {} };
  if (path === null) return empty;
  try {
    const text = await files.read(path);
    return text === null || text.trim() === "" ? empty : fileSchema.parse(JSON.parse(text));
  } catch (error) {
    const reason = error instanceof z.ZodError ? "not a state file of this program" : messageOf(error);
    log.warn("state.ignored", { path, error: reason });
    return empty;
  }
}

async function writeState({ path, files, log }: FileOptions, content: StateFile): Promise<void> {
  if (path === null) return;
  try {
    await files.write(path, `${JSON.stringify(content)}\n`);
  } catch (error) {
    log.warn("state.write-failed", { path, error: messageOf(error) });
  }
}

export function createCursorStore(options: CursorStoreOptions): CursorStore {
  const { path, round } = options;
  return {
    async load(walk) {
      const cursor = (await readState(options)).rounds[round];
      return cursor?.walk === walk ? cursor : null;
    },
    async save(cursor) {
      if (path === null) return;
      const content = await readState(options);
      const { rounds } = content;
      if (cursor === null && !(round in rounds)) return;
      if (cursor === null) delete rounds[round];
      else rounds[round] = { ...cursor, failed: cursor.failed.slice(0, MOST_FAILED) };
      await writeState(options, content);
    },
  };
}

/** @param options.round names instance and group */
export function createLevelStore(options: CursorStoreOptions): LevelStore {
  const { path, round } = options;
  return {
    load: async () => (await readState(options)).levels?.[round] ?? null,
    async looks() {
      if (path === null) return new Set<Look>(["sample"]);
      const turn = (await readState(options)).looks?.[round];
      return new Set<Look>(turn === undefined ? ["sample", "newcomers"] : [turn]);
    },
    async save(level, next) {
      if (path === null) return;
      const content = await readState(options);
      const { [round]: before = null, ...levels } = content.levels ?? {};
      const { [round]: turn, ...looks } = content.looks ?? {};
      if (before === level && turn === next) return;
      await writeState(options, {
        ...content,
        levels: level === null ? levels : { ...levels, [round]: level },
        looks: next === undefined ? looks : { ...looks, [round]: next },
      });
    },
  };
}
