/** Secrets and counters as files of the data folder, mode 0600. */
import { randomBytes } from "node:crypto";
import { link, mkdir, open, readFile, rename, unlink } from "node:fs/promises";
import { join } from "node:path";
import { ConfigError, UpstreamError, messageOf, systemCode } from "../../../lib/errors.ts";
import type { SharedSecrets } from "../secrets.ts";

/** One process writes the folder; counters are read once and kept. */
export function createFilesSecrets(folder: string): SharedSecrets {
  const counters = new Map<string, number>();
  /** Increments come one after another. */
  let before: Promise<unknown> = Promise.resolve();

  const count = async (name: string): Promise<number> => {
    const known = counters.get(name);
    if (known !== undefined) return known;
    const text = await storage(() => readOrNull(join(folder, name)));
    const read = /^\d{1,15}$/.test(text?.trim() ?? "") ? Number(text) : 0;
    counters.set(name, read);
    return read;
  };

  const countOn = async (name: string): Promise<number> => {
    const next = (await count(name)) + 1;
    await storage(() => replaceFile(folder, join(folder, name), String(next)));
    counters.set(name, next);
    return next;
  };

  return {
    async ensure(name, make) {
      const path = join(folder, name);
      try {
        const isNew = (await readOrNull(path)) === null && (await makeFile(folder, path, make()));
        const value = (await readFile(path, "utf8")).trim();
        if (value === "") throw new Error("it is empty; remove it to have a new one made");
        return { value, isNew, place: path, file: path };
      } catch (error) {
        throw new ConfigError([{ path, message: `cannot keep a secret here (${messageOf(error)})` }]);
      }
    },
    count,
    increment(name) {
      const incremented = before.then(() => countOn(name));
      before = incremented.catch(() => {});
      return incremented;
    },
  };
}

/** Writes a copy of what is kept elsewhere. Rejects with the system's error. */
export async function copySecret(folder: string, name: string, value: string): Promise<string> {
  const path = join(folder, name);
  if ((await readOrNull(path))?.trim() !== value) {
    await mkdir(folder, { recursive: true });
    await replaceFile(folder, path, value);
  }
  return path;
}

/** The text of a secret's file; null where there is none. */
export async function readSecret(folder: string, name: string): Promise<string | null> {
  const text = (await readOrNull(join(folder, name)))?.trim() ?? "";
  return text === "" ? null : text;
}

async function storage<T>(task: () => Promise<T>): Promise<T> {
  try {
    return await task();
  } catch (error) {
    throw new UpstreamError("storage", messageOf(error), { retryable: true });
  }
}

async function readOrNull(path: string): Promise<string | null> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (systemCode(error) === "ENOENT") return null;
    throw error;
  }
}

/** False where another process was quicker. */
async function makeFile(folder: string, path: string, value: string): Promise<boolean> {
  await mkdir(folder, { recursive: true });
  const temporary = await writeTemporary(path, value);
  try {
    await link(temporary, path);
  } catch (error) {
    if (systemCode(error) !== "EEXIST") throw error;
    return false;
  } finally {
    await unlink(temporary);
  }
  await syncFolder(folder);
  return true;
}

async function replaceFile(folder: string, path: string, value: string): Promise<void> {
  await rename(await writeTemporary(path, value), path);
  await syncFolder(folder);
}

async function writeTemporary(path: string, value: string): Promise<string> {
  const temporary = `${path}.${randomBytes(6).toString("hex")}`;
  const file = await open(temporary, "wx", 0o600);
  try {
    await file.writeFile(`${value}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  return temporary;
}

async function syncFolder(folder: string): Promise<void> {
  const directory = await open(folder, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
