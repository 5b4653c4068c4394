/** The notes as one small file for each GitLab in the data folder, which one process has: whole or not at all, synced. */
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { z } from "zod";
import { DEFAULT_INSTANCE } from "../../event/event.ts";
import { UpstreamError, messageOf } from "../../../lib/errors.ts";
import type { RecoveryLease, MissedWindow, RecoveryNotes } from "../recovery-notes.ts";
import { namesIn, readOrNull, replaceFile, type FolderGuard } from "./small-files.ts";

const RECOVERY_NOTES_FILE = "recovery.json";
const NAMED_FILE = /^recovery-([a-z0-9_-]{1,63})\.json$/;

const content = z.object({
  windows: z.array(
    z.object({ since: z.number(), until: z.number(), cause: z.enum(["away", "unavailable"]) }),
  ),
  result: z.string().nullable(),
});
type Content = z.output<typeof content>;

/** The data folder's lock is the lease. */
const LEASE: RecoveryLease = { renew: () => Promise.resolve(true), release: () => Promise.resolve() };

export class FilesRecoveryNotes implements RecoveryNotes {
  readonly #path: string;
  readonly #guard: FolderGuard;
  /** Changes come one after another. */
  #before: Promise<unknown> = Promise.resolve();

  constructor(folder: string, guard: FolderGuard, instance: string) {
    this.#guard = guard;
    const file = instance === DEFAULT_INSTANCE ? RECOVERY_NOTES_FILE : `recovery-${instance}.json`;
    this.#path = join(folder, file);
  }

  async windows(): Promise<readonly MissedWindow[]> {
    return (await this.#read()).windows;
  }

  add(window: MissedWindow, goesOn?: MissedWindow): Promise<void> {
    return this.#change((now) => {
      const others = now.windows.filter(
        (known) => !isDeepStrictEqual(known, window) && !isDeepStrictEqual(known, goesOn),
      );
      return { ...now, windows: [...others, window] };
    });
  }

  settle(until: number, result: string): Promise<void> {
    return this.#change(({ windows }) => ({
      windows: windows.filter((window) => window.until > until),
      result,
    }));
  }

  async lastResult(): Promise<string | null> {
    return (await this.#read()).result;
  }

  lease(): Promise<RecoveryLease> {
    return Promise.resolve(LEASE);
  }

  async #read(): Promise<Content> {
    try {
      const text = await readOrNull(this.#path);
      return text === null ? { windows: [], result: null } : content.parse(JSON.parse(text));
    } catch (error) {
      throw new UpstreamError("storage", `${this.#path}: ${messageOf(error)}`, { retryable: true });
    }
  }

  #change(change: (now: Content) => Content): Promise<void> {
    const changed = this.#before.then(async () => this.#write(change(await this.#read())));
    this.#before = changed.catch(() => {});
    return changed;
  }

  async #write(next: Content): Promise<void> {
    try {
      await this.#guard();
      await replaceFile(this.#path, JSON.stringify(next));
    } catch (error) {
      throw new UpstreamError("storage", `${this.#path}: ${messageOf(error)}`, { retryable: true });
    }
  }
}

/** Rejects with the system's error if the folder cannot be read. */
export async function filesRecoveryInstances(folder: string): Promise<readonly string[]> {
  const named = (await namesIn(folder)).flatMap((file) => NAMED_FILE.exec(file)?.[1] ?? []);
  return [DEFAULT_INSTANCE, ...named];
}
