/**
 * The note as a file in the data folder. It is overwritten in place, always with the same number of bytes, so that there is
 * never less than a whole one, and never synced: what a loss of power takes is a few seconds of knowledge.
 */
import { open, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { systemCode } from "../../../lib/errors.ts";
import { timeIn, type Heartbeat } from "../heartbeat.ts";
import { readOrNull, type FolderGuard } from "./small-files.ts";

export const HEARTBEAT_FILE = "last-seen";

export function createFilesHeartbeat(folder: string, guard: FolderGuard): Heartbeat {
  const path = join(folder, HEARTBEAT_FILE);
  let file: FileHandle | null = null;
  return {
    async read() {
      const text = await readOrNull(path);
      return text === null ? null : timeIn(text);
    },
    async write(at) {
      await guard();
      file ??= await openForWriting(path);
      await file.write(`${String(at).padStart(13, "0")}\n`, 0);
    },
    async close() {
      await file?.close();
      file = null;
    },
  };
}

async function openForWriting(path: string): Promise<FileHandle> {
  try {
    return await open(path, "r+");
  } catch (error) {
    if (systemCode(error) !== "ENOENT") throw error;
    return open(path, "w");
  }
}
