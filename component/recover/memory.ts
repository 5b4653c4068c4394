/**
 * What one run tells the next: how far the log of each hook has been dealt with, and where an interrupted round stopped. It
 * lives in the state file of the installer, as a part of its own, and is a hint like the other: without it logs are read anew
 * from `--since` on, and a relay is asked again what it has. Only a receiver that cannot be asked may then get something twice.
 *
 * The whole file is written at each change that matters, one write after the other, so that kill -9 costs what was under way
 * during the last write and nothing else.
 */
import { z } from "zod";
import type { Clock } from "../../lib/clock.ts";
import { messageOf } from "../../lib/errors.ts";
import type { Log } from "../../lib/log.ts";
import { MOST_FAILED, cursorSchema, type CursorStore, type Files } from "../hooks/cursor.ts";

const hookSchema = z.object({
  /** Rows up to this one are settled. */
  upTo: z.number().int().min(0),
  /** Rows beyond it, or only just before it, that are settled as well. */
  settled: z.array(z.number().int()),
  /** Failures in a row at the end of the log, as GitLab counts them. */
  failures: z.number().int().min(0),
  /** Unix seconds of the last look. */
  at: z.number().int(),
});

export type HookMemory = z.output<typeof hookSchema>;

const fileSchema = z.looseObject({
  version: z.literal(1),
  rounds: z.record(z.string(), cursorSchema),
  logs: z.record(z.string(), hookSchema).default({}),
});

/** GitLab's log goes back seven days: an older memory is of no use. */
const KEPT_SECONDS = 8 * 86_400;
/** Longest time that a change which may be lost without harm waits for its writing. */
const LAZY_MS = 1000;

export interface Memory extends CursorStore {
  /** What is known of a hook; null: nothing. */
  hook(id: number): HookMemory | null;
  /** Remembers a hook; written within a second, or with the next flush. */
  keep(id: number, memory: Omit<HookMemory, "at">): Promise<void>;
  /** Resolves when everything that was kept before is written. */
  flush(): Promise<void>;
}

export interface MemoryOptions {
  /** Null: nothing outlives the run. */
  readonly path: string | null;
  /** Names the round: instance and group. */
  readonly round: string;
  /** Host of the instance; hooks are known by their id on it. */
  readonly host: string;
  readonly files: Files;
  readonly clock: Clock;
  readonly log: Pick<Log, "warn">;
  /** A dry run remembers nothing. */
  readonly readOnly: boolean;
}

type State = z.output<typeof fileSchema>;

/** Reads the file. A damaged or foreign one counts as none, with a warning. */
export async function openMemory(options: MemoryOptions): Promise<Memory> {
  const { path, round, host, files, clock } = options;
  const state = await load();
  let writing: Promise<void> | null = null;
  let dirty = false;
  let writtenAt = clock.monotonic();

  async function load(): Promise<State> {
    const empty: State = { version: 1, rounds: {}, logs: {} };
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

  async function write(): Promise<void> {
    if (path === null || options.readOnly) return;
    writtenAt = clock.monotonic();
    const oldest = Math.floor(clock.now() / 1000) - KEPT_SECONDS;
    for (const [key, hook] of Object.entries(state.logs)) if (hook.at < oldest) delete state.logs[key];
    try {
      await files.write(path, `${JSON.stringify(state)}\n`);
    } catch (error) {
      options.log.warn("state.write-failed", { path, reason: messageOf(error) });
    }
  }

  /** Everybody who waits shares the write that begins after their change. */
  async function flush(): Promise<void> {
    while (dirty || writing !== null) {
      if (writing !== null) {
        await writing;
        continue;
      }
      dirty = false;
      writing = write().finally(() => {
        writing = null;
      });
    }
  }

  return {
    load: (walk) => {
      const cursor = state.rounds[round];
      return Promise.resolve(cursor?.walk === walk ? cursor : null);
    },
    async save(cursor) {
      if (cursor === null) delete state.rounds[round];
      else state.rounds[round] = { ...cursor, failed: cursor.failed.slice(0, MOST_FAILED) };
      dirty = true;
      await flush();
    },
    hook: (id) => state.logs[`${host}/${id}`] ?? null,
    async keep(id, memory) {
      state.logs[`${host}/${id}`] = { ...memory, at: Math.floor(clock.now() / 1000) };
      dirty = true;
      if (clock.monotonic() - writtenAt >= LAZY_MS) await flush();
    },
    flush,
  };
}
