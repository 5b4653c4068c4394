/** What the relay asks of the file system beside its storage: its settings, notices of changes, and how many files may be open. */
import { watch } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { systemCode } from "../../lib/errors.ts";

/**
 * Calls back when something in the file's folder changes: the folder, since editors and container platforms replace the file
 * itself. Does not keep the process alive. Null if the system cannot tell.
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

/** Files and sockets that the process may have open at once; null if the system does not say (other than Linux) or has no limit. */
export async function descriptorLimit(path = "/proc/self/limits"): Promise<number | null> {
  try {
    const limit = /^Max open files +(\d+)/m.exec(await readFile(path, "utf8"))?.[1];
    return limit === undefined ? null : Number(limit);
  } catch (error) {
    if (systemCode(error) === null) throw error;
    return null;
  }
}
