/**
 * Where an interrupted round goes on: a small JSON file, often kept in a CI cache. It is a hint and nothing more: a missing,
 * damaged or foreign file means that the round begins at the first project, which costs requests and never a hook.
 */
import { z } from "zod";
import type { Log } from "../../lib/log.ts";
import { messageOf } from "../../lib/errors.ts";

export const cursorSchema = z.object({
  /** What kind of walk it was: another kind begins anew. */
  walk: z.string(),
  /** Projects before the first unfinished one, as the listing counts them. */
  offset: z.number().int().min(0),
  /** Id of the last project before it; ids ascend in the listing. */
  afterId: z.number().int().min(0),
  /** Projects of earlier runs of this round that failed: tried again at its end. */
  failed: z.array(z.object({ id: z.number().int(), path: z.string() })),
});

export type Cursor = z.output<typeof cursorSchema>;

/** Whatever else is in the file belongs to other commands and stays. */
const fileSchema = z.looseObject({ version: z.literal(1), rounds: z.record(z.string(), cursorSchema) });

/** Failed projects that one cursor remembers. */
export const MOST_FAILED = 1000;

export interface Files {
  /** Text of a file; null where there is none. Throws where it cannot be read. */
  read(path: string): Promise<string | null>;
  /** Replaces the whole file, so that a reader sees the old or the new text and never half of one. */
  write(path: string, text: string): Promise<void>;
}

export interface CursorStore {
  load(walk: string): Promise<Cursor | null>;
  /** Null: the round is complete. */
  save(cursor: Cursor | null): Promise<void>;
}

export interface CursorStoreOptions {
  /** Null: nothing is kept. */
  readonly path: string | null;
  /** Names the round, so that jobs for several groups may share one file. */
  readonly round: string;
  readonly files: Files;
  readonly log: Pick<Log, "warn">;
}

export function createCursorStore(options: CursorStoreOptions): CursorStore {
  const { path, round, files } = options;

  async function readAll(): Promise<z.output<typeof fileSchema>> {
    const empty = { version: 1 as const, rounds: {} };
    if (path === null) return empty;
    try {
      const text = await files.read(path);
      return text === null || text.trim() === "" ? empty : fileSchema.parse(JSON.parse(text));
    } catch (error) {
      const reason = error instanceof z.ZodError ? "not a state file of this program" : messageOf(error);
      options.log.warn("state.ignored", { path, reason });
      return empty;
    }
  }

  return {
    async load(walk) {
      const cursor = (await readAll()).rounds[round];
      return cursor?.walk === walk ? cursor : null;
    },
    async save(cursor) {
      if (path === null) return;
      const content = await readAll();
      const { rounds } = content;
      if (cursor === null) delete rounds[round];
      else rounds[round] = { ...cursor, failed: cursor.failed.slice(0, MOST_FAILED) };
      try {
        await files.write(path, `${JSON.stringify(content)}\n`);
      } catch (error) {
        options.log.warn("state.unwritten", { path, reason: messageOf(error) });
      }
    },
  };
}
