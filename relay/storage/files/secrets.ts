/** Secrets and counters as files of the data folder, mode 0600. */
import { link, mkdir, readFile, readdir, unlink } from "node:fs/promises";
import { join } from "node:path";
import { ConfigError, UpstreamError, messageOf, systemCode } from "../../../lib/errors.ts";
import type { SharedSecrets } from "../secrets.ts";
import { readOrNull, replaceFile, syncFolder, writeTemporary, type FolderGuard } from "./small-files.ts";

/** One process writes the folder; counters are read once and kept. */
export function createFilesSecrets(folder: string, guard: FolderGuard): SharedSecrets {
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

  const countOn = async (name: string, to: number | null): Promise<number> => {
    const present = await count(name);
    const next = to === null ? present + 1 : Math.max(present, to);
    if (next === present) return present;
    await guard();
    await storage(() => replaceFile(join(folder, name), `${next}\n`));
    counters.set(name, next);
    return next;
  };

  return {
    async ensure(name, make) {
      const path = join(folder, name);
      try {
        const isNew = (await readOrNull(path)) === null && (await makeNew(path, make()));
        const value = (await readFile(path, "utf8")).trim();
        if (value === "") throw new Error("it is empty; remove it to have a new one made");
        return { value, isNew, place: path, file: path };
      } catch (error) {
        throw new ConfigError([{ path, message: `cannot keep a secret here (${messageOf(error)})` }]);
      }
    },
    async find(name) {
      try {
        return await readSecret(folder, name);
      } catch (error) {
        throw new ConfigError([
          { path: join(folder, name), message: `cannot be read (${messageOf(error)})` },
        ]);
      }
    },
    count,
    increment: (name) => inTurn(() => countOn(name, null)),
    async counters(prefix) {
      const names = await storage(() => namesIn(folder));
      const found = names.filter((name) => name.startsWith(prefix) && !name.includes("."));
      return new Map(await Promise.all(found.map(async (name) => [name, await count(name)] as const)));
    },
    async raise(name, to) {
      await inTurn(() => countOn(name, to));
    },
  };

  async function makeNew(path: string, value: string): Promise<boolean> {
    await guard();
    return await makeFile(folder, path, value);
  }

  function inTurn(task: () => Promise<number>): Promise<number> {
    const done = before.then(task);
    before = done.catch(() => {});
    return done;
  }
}

/** None if there is no such folder. */
async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return [];
    throw error;
  }
}

/** Writes a copy of what is kept elsewhere. Rejects with the system's error. */
export async function copySecret(folder: string, name: string, value: string): Promise<string> {
  const path = join(folder, name);
  if ((await readOrNull(path))?.trim() !== value) {
    await mkdir(folder, { recursive: true });
    await replaceFile(path, `${value}\n`);
  }
  return path;
}

/** The text of a secret's file; null if there is none. */
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

/** False if another process was quicker. */
async function makeFile(folder: string, path: string, value: string): Promise<boolean> {
  await mkdir(folder, { recursive: true });
  const temporary = await writeTemporary(path, `${value}\n`);
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
