/** Small files of the data folder that are read and replaced whole, mode 0600. Functions reject with the system's error. */
import { randomBytes } from "node:crypto";
import { open, readdir, readFile, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { systemCode } from "../../../lib/errors.ts";

/** Asked before each write: rejects with an UpstreamError if another process has taken the folder. */
export type FolderGuard = () => Promise<void>;

/** For a folder that several processes may write to. */
export const unguarded: FolderGuard = () => Promise.resolve();

/** Null: there is no such file. */
export async function readOrNull(path: string): Promise<string | null> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (systemCode(error) === "ENOENT") return null;
    throw error;
  }
}

/** On stable storage when it resolves. A crash half-way leaves the old text, and perhaps a temporary file. */
export async function replaceFile(path: string, text: string): Promise<void> {
  const temporary = await writeTemporary(path, text);
  try {
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(dirname(path));
}

/** Writes and syncs a file of another name beside `path`, and returns its path. Nothing is left of it if that fails, as on a full disk. */
export async function writeTemporary(path: string, text: string): Promise<string> {
  const temporary = `${path}.${randomBytes(6).toString("hex")}`;
  const file = await open(temporary, "wx", 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  } finally {
    await file.close();
  }
  return temporary;
}

export function namesIn(folder: string): Promise<readonly string[]> {
  return readdir(folder);
}

/** The names in the folder are on stable storage. */
export async function syncFolder(folder: string): Promise<void> {
  const directory = await open(folder, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
