/**
 * The audit trail as files of the data folder: `audit/2026-01-31.jsonl`, a line for each change that was asked for and one for its
 * answer, appended and synced. A line that a crash cut is skipped; what follows it begins on a line of its own.
 */
import { randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, readdir, unlink, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline/promises";
import { z } from "zod";
import { UpstreamError, messageOf, systemCode } from "../../../lib/errors.ts";
import { jsonOrNull } from "../../../lib/json.ts";
import {
  AuditCursorError,
  type AuditEntry,
  type AuditNote,
  type AuditPage,
  type AuditQuery,
  type WholeAuditTrail,
} from "../audit-trail.ts";
import { syncFolder, type FolderGuard } from "./small-files.ts";

const NAME = /^(\d{4}-\d{2}-\d{2})\.jsonl$/;
const DAY_LENGTH = 10;

const entryLine = z.object({
  id: z.string(),
  at: z.number(),
  person: z.string(),
  role: z.string(),
  via: z.string(),
  client: z.string(),
  action: z.string(),
  subject: z.string().nullable(),
  details: z.string(),
});
const answerLine = z.object({ answered: z.string(), status: z.number() });
const anyLine = z.union([answerLine, entryLine]);

interface OpenDay {
  readonly day: string;
  readonly handle: FileHandle;
}

const dayOf = (at: number): string => new Date(at).toISOString().slice(0, DAY_LENGTH);
const ID = /^\d{4}-\d\d-\d\d-[0-9a-z]{1,13}-[0-9a-f]{12}$/;
const idOf = (at: number): string => `${dayOf(at)}-${at.toString(36)}-${randomBytes(6).toString("hex")}`;

export class FilesAuditTrail implements WholeAuditTrail {
  readonly #folder: string;
  readonly #guard: FolderGuard;
  /** The file that was last written. */
  #file: OpenDay | null = null;
  /** Lines are written one after another. */
  #before: Promise<unknown> = Promise.resolve();

  /** @param folder is made when the first change is asked for */
  constructor(folder: string, guard: FolderGuard) {
    this.#guard = guard;
    this.#folder = folder;
  }

  async note(note: AuditNote): Promise<string> {
    const id = idOf(note.at);
    await this.#append(dayOf(note.at), { id, ...note });
    return id;
  }

  answered(id: string, status: number): Promise<void> {
    return this.#append(id.slice(0, DAY_LENGTH), { answered: id, status });
  }

  async list({ before, subject, limit }: AuditQuery): Promise<AuditPage> {
    if (before !== undefined && !ID.test(before)) throw new AuditCursorError();
    const newestDay = before?.slice(0, DAY_LENGTH);
    const entries: AuditEntry[] = [];
    await storage(async () => {
      for (const day of (await this.#days()).toReversed()) {
        if (newestDay !== undefined && day > newestDay) continue;
        const until = day === newestDay ? (before ?? null) : null;
        const wanted = { until, subject: subject ?? null, most: limit + 1 - entries.length };
        entries.push(...(await lastOf(join(this.#folder, `${day}.jsonl`), wanted)).toReversed());
        if (entries.length > limit) return;
      }
    });
    const page = entries.slice(0, limit);
    return { entries: page, cursor: entries.length > limit ? (page.at(-1)?.id ?? null) : null };
  }

  async *all(): AsyncGenerator<AuditEntry> {
    for (const day of await storage(() => this.#days())) {
      const path = join(this.#folder, `${day}.jsonl`);
      const statuses = new Map<string, number>();
      for await (const line of linesOf(path))
        if ("answered" in line) statuses.set(line.answered, line.status);
      for await (const line of linesOf(path))
        if ("id" in line) yield { ...line, status: statuses.get(line.id) ?? null };
    }
  }

  async replaceAll(entries: AsyncIterable<AuditEntry>): Promise<void> {
    await this.close();
    await storage(async () => {
      await this.#guard();
      for (const day of await this.#days()) await unlink(join(this.#folder, `${day}.jsonl`));
    });
    for await (const { id: _id, status, ...note } of entries) {
      const day = dayOf(note.at);
      const id = idOf(note.at);
      const lines = [{ id, ...note }, ...(status === null ? [] : [{ answered: id, status }])];
      await storage(async () => {
        await this.#guard();
        const { handle } = await this.#opened(day);
        await handle.appendFile(lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
      });
    }
    await this.close();
  }

  async expire(before: number): Promise<void> {
    const oldest = new Date(before).toISOString().slice(0, DAY_LENGTH);
    await storage(async () => {
      await this.#guard();
      for (const day of await this.#days())
        if (day < oldest) await unlink(join(this.#folder, `${day}.jsonl`));
    });
  }

  async close(): Promise<void> {
    await this.#before;
    await storage(async () => this.#file?.handle.datasync());
    await this.#file?.handle.close();
    this.#file = null;
  }

  #append(day: string, line: object): Promise<void> {
    const appended = this.#before.then(() =>
      storage(async () => {
        await this.#guard();
        const { handle } = await this.#opened(day);
        await handle.appendFile(`${JSON.stringify(line)}\n`);
        await handle.datasync();
      }),
    );
    this.#before = appended.catch(() => {});
    return appended;
  }

  async #opened(day: string): Promise<OpenDay> {
    if (this.#file?.day === day) return this.#file;
    await this.#file?.handle.datasync();
    await this.#file?.handle.close();
    this.#file = null;
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const handle = await open(join(this.#folder, `${day}.jsonl`), "a+", 0o600);
    const { size } = await handle.stat();
    if (size > 0) {
      const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, size - 1);
      if (buffer.toString() !== "\n") await handle.appendFile("\n");
    } else {
      await syncFolder(this.#folder);
    }
    this.#file = { day, handle };
    return this.#file;
  }

  /** Oldest first. */
  async #days(): Promise<string[]> {
    try {
      const names = await readdir(this.#folder);
      return names.flatMap((name) => NAME.exec(name)?.[1] ?? []).toSorted();
    } catch (error) {
      if (systemCode(error) === "ENOENT") return [];
      throw error;
    }
  }
}

/** The lines of a file that are whole. */
async function* linesOf(path: string): AsyncGenerator<z.output<typeof anyLine>> {
  for await (const line of createInterface({ input: createReadStream(path, "utf8"), crlfDelay: Infinity })) {
    const read = anyLine.safeParse(jsonOrNull(line));
    if (read.success) yield read.data;
  }
}

interface Wanted {
  /** The id before which to stop; null: the end of the file. */
  readonly until: string | null;
  readonly subject: string | null;
  readonly most: number;
}

/** The last entries of a file that are wanted, oldest first; memory does not grow with the file. */
async function lastOf(path: string, { until, subject, most }: Wanted): Promise<AuditEntry[]> {
  const kept = new Map<string, AuditEntry>();
  let isBefore = true;
  for await (const line of linesOf(path)) {
    if ("answered" in line) {
      const entry = kept.get(line.answered);
      if (entry !== undefined) kept.set(entry.id, { ...entry, status: line.status });
      continue;
    }
    if (line.id === until) isBefore = false;
    if (!isBefore || (subject !== null && line.subject !== subject)) continue;
    kept.set(line.id, { ...line, status: null });
    if (kept.size > most) kept.delete(kept.keys().next().value as string);
  }
  return [...kept.values()];
}

async function storage<T>(task: () => Promise<T>): Promise<T> {
  try {
    return await task();
  } catch (error) {
    if (systemCode(error) === null) throw error;
    throw new UpstreamError("storage", `the audit trail: ${messageOf(error)}`, { retryable: true });
  }
}
