/** Notices of the file system. */
import { watch } from "node:fs";
import { dirname } from "node:path";

/**
 * Calls back when something in the file's folder changes: the folder, since editors and container platforms replace the file
 * itself. Does not keep the process alive. Null where the system cannot tell.
 */
export function watchFolder(file: string, listener: () => void): { close(): void } | null {
  try {
    const watcher = watch(dirname(file), { persistent: false }, () => listener());
    watcher.on("error", () => watcher.close());
    return watcher;
  } catch {
    return null;
  }
}
