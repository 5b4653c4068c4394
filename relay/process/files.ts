/** What the relay asks of the file system beside its storage: its settings, notices of changes, and how much room there is. */
import { closeSync, constants, fstatSync, openSync, readFileSync, watch } from "node:fs";
import { open, readFile, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { systemCode } from "../../lib/errors.ts";

/** Settings and secrets are far below. */
const MAX_TEXT_BYTES = 16_777_216;
/** A pipe that nothing writes to would hold up its reader for ever. */
const READ_AT_ONCE = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

interface FileKind {
  readonly size: number;
  isFIFO(): boolean;
  isSocket(): boolean;
}

function kindProblem(stats: FileKind): string | null {
  if (stats.isFIFO() || stats.isSocket())
    return "is a pipe, not a file; the relay reads it again whenever it changes, so write it to a file";
  return stats.size > MAX_TEXT_BYTES ? `has ${stats.size} bytes, the limit is ${MAX_TEXT_BYTES}` : null;
}

/** Text of a file of settings or of a secret. Throws in words if it cannot be read; never waits for a writer. */
export function readTextFile(path: string): string {
  const file = openSync(path, READ_AT_ONCE);
  try {
    const problem = kindProblem(fstatSync(file));
    if (problem !== null) throw new Error(`it ${problem}`);
    return readFileSync(file, "utf8");
  } finally {
    closeSync(file);
  }
}

/** The same beside other work; null if it cannot be read. */
export async function readTextOrNull(path: string): Promise<string | null> {
  try {
    const file = await open(path, READ_AT_ONCE);
    try {
      return kindProblem(await file.stat()) === null ? await file.readFile("utf8") : null;
    } finally {
      await file.close();
    }
  } catch (error) {
    if (systemCode(error) === null) throw error;
    return null;
  }
}

/**
 * Calls back when something in the file's folder changes: the folder, since editors and container platforms replace the file
 * itself. Does not keep the process alive. Null where the system cannot tell.
 */
export function watchFileFolder(file: string, listener: () => void): { close(): void } | null {
  try {
    const watcher = watch(dirname(file), { persistent: false }, () => listener());
    watcher.on("error", () => watcher.close());
    return watcher;
  } catch {
    return null;
  }
}

/** Bytes that are free on the disk that a folder is on; null where the system does not say. */
export async function freeBytesOf(folder: string): Promise<number | null> {
  try {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  } catch (error) {
    if (systemCode(error) === null) throw error;
    return null;
  }
}

/** Files and sockets that the process may have open at once; null where the system does not say (other than Linux) or has no limit. */
export async function descriptorLimit(path = "/proc/self/limits"): Promise<number | null> {
  try {
    const limit = /^Max open files +(\d+)/m.exec(await readFile(path, "utf8"))?.[1];
    return limit === undefined ? null : Number(limit);
  } catch (error) {
    if (systemCode(error) === null) throw error;
    return null;
  }
}
