/**
 * Writes a data folder as one tar file, while its relay runs or not, and makes a data folder of such a file. The file's last entry
 * says how much there was before it, so that a backup that is cut short is never restored.
 */
import { mkdir, open, readdir, rename, rm, rmdir, stat, type FileHandle } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { z } from "zod";
import { systemCode } from "../../../lib/errors.ts";
import { nodeDisk } from "../journal/disk.ts";
import { closeSnapshot, openSnapshot, type SnapshotFile } from "./snapshot.ts";
import {
  backupError,
  notOurs,
  notWhole,
  readContent,
  readEntry,
  ContentTally,
  TarWriter,
  type TarSource,
} from "./tar.ts";

const PIECE_BYTES = 1024 * 1024;
const FORMAT = 1;
const FIRST = "backup.json";
const LAST = "complete.json";
const DATA = "data/";
const RESTORING = "restoring";
/** What a file system of its own holds before anything is written to it. */
const OF_THE_SYSTEM = new Set(["lost+found"]);

const firstEntry = z.object({ format: z.number(), version: z.string() });
const lastEntry = z.object({ files: z.number(), bytes: z.number(), checksum: z.number() });

/** How much a backup holds. */
export interface BackupSize {
  readonly files: number;
  readonly bytes: number;
}

export interface BackupRequest {
  /** The data folder. */
  readonly base: string;
  /** Path of the backup. */
  readonly file: string;
}

/**
 * Backs the data folder up to a new file, synced, or to a pipe. Rejects with a ConfigError if it is no data folder or the file is there
 * already. A crash half-way leaves a file that restoreBackup() refuses.
 */
export async function writeBackup(
  { base, file }: BackupRequest,
  { version, now }: { readonly version: string; readonly now: number },
): Promise<BackupSize> {
  const files = await openSnapshot(base);
  try {
    const target = await openTarget(file);
    try {
      const tar = new TarWriter(async (bytes) => await writeWhole(target, bytes), now / 1000);
      await writeJson(tar, FIRST, { format: FORMAT, version, createdAt: new Date(now).toISOString() });
      const begun = { files: tar.tally.files, bytes: tar.tally.bytes };
      for (const each of files) await tar.file({ ...each, name: DATA + each.name }, contentOf(each));
      const { files: count, bytes, checksum } = tar.tally;
      await writeJson(tar, LAST, { files: count, bytes, checksum });
      await tar.end();
      if ((await target.stat()).isFile()) await target.sync();
      return { files: count - begun.files, bytes: bytes - begun.bytes };
    } finally {
      await target.close();
    }
  } finally {
    await closeSnapshot(files);
  }
}

/**
 * Makes the data folder, which must be empty or not be there, of a backup; all of it is on stable storage when it resolves. Rejects with
 * a ConfigError if the folder is not empty or the file is not a whole backup; nothing is left in the folder then, and no folder that was
 * made for it.
 */
export async function restoreBackup({ base, file }: BackupRequest): Promise<BackupSize> {
  const made = await mkdir(base, { recursive: true, mode: 0o700 });
  try {
    return await restoreInto(base, file);
  } catch (error) {
    if (made !== undefined) await removeEmpty(resolve(base), resolve(made));
    throw error;
  }
}

/** Removes the folder and those above it up to `top`, as long as they are empty. */
async function removeEmpty(folder: string, top: string): Promise<void> {
  for (let each = folder; each.length >= top.length; each = dirname(each)) {
    if ((await readdir(each)).length > 0) return;
    await rmdir(each);
  }
}

async function restoreInto(base: string, file: string): Promise<BackupSize> {
  const present = (await readdir(base)).filter((name) => !OF_THE_SYSTEM.has(name));
  if (present.length > 0)
    throw backupError(
      `"${base}" is not empty: it holds ${present.slice(0, 3).join(", ")}; restore to another folder`,
    );
  const part = join(base, RESTORING);
  const source = await open(file, "r");
  try {
    await mkdir(part, { mode: 0o700 });
    const size = await unpack(reader(source), part);
    for (const name of (await readdir(part)).toSorted()) await rename(join(part, name), join(base, name));
    await rmdir(part);
    await nodeDisk.syncFolder(base);
    return size;
  } catch (error) {
    await rm(part, { recursive: true, force: true });
    throw error;
  } finally {
    await source.close();
  }
}

async function unpack(source: TarSource, into: string): Promise<BackupSize> {
  const tally = new ContentTally();
  const first = firstEntry.safeParse(await readJson(source, FIRST, tally));
  if (!first.success) throw notOurs();
  if (first.data.format > FORMAT)
    throw backupError(
      `version ${first.data.version} made the backup, in a format that this version does not know`,
    );
  const begun = { files: tally.files, bytes: tally.bytes };
  for (;;) {
    const entry = await readEntry(source);
    if (entry === null) throw notWhole();
    if (entry.name === LAST) {
      const last = lastEntry.safeParse(await parseJson(source, entry.bytes));
      const isSame =
        last.success &&
        last.data.files === tally.files &&
        last.data.bytes === tally.bytes &&
        last.data.checksum === tally.checksum;
      if (!isSame) throw notOurs();
      return { files: tally.files - begun.files, bytes: tally.bytes - begun.bytes };
    }
    if (!isBelow(entry.name)) throw notOurs();
    const path = join(into, entry.name.slice(DATA.length));
    await makeFolders(into, dirname(path));
    await writeFile(path, countedBy(tally, readContent(source, entry, PIECE_BYTES)));
    tally.files += 1;
  }
}

/** Whether the name is that of a file below the data folder, and cannot lead elsewhere. */
function isBelow(name: string): boolean {
  const [root, ...rest] = name.split("/");
  return `${root}/` === DATA && rest.length > 0 && rest.every((part) => !["", ".", ".."].includes(part));
}

async function makeFolders(into: string, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  for (let made = folder; made.length >= into.length; made = dirname(made)) await nodeDisk.syncFolder(made);
}

async function writeFile(path: string, content: AsyncIterable<Buffer>): Promise<void> {
  const file = await open(path, "wx", 0o600);
  try {
    for await (const piece of content) await writeWhole(file, piece);
    await file.sync();
  } finally {
    await file.close();
  }
  await nodeDisk.syncFolder(dirname(path));
}

async function* countedBy(tally: ContentTally, content: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  for await (const piece of content) {
    tally.add(piece);
    yield piece;
  }
}

/** A file that is there already is left alone, unless it is empty, as `> FILE` of a shell makes it. */
async function openTarget(file: string): Promise<FileHandle> {
  try {
    return await open(file, "wx", 0o600);
  } catch (error) {
    if (systemCode(error) !== "EEXIST") throw error;
    const found = await stat(file);
    if (found.isFile() && found.size > 0) throw backupError(`"${file}" is there already; name another file`);
    return await open(file, "w");
  }
}

async function writeWhole(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += (await file.write(bytes, at, bytes.length - at)).bytesWritten;
}

async function* contentOf({ content, bytes, name }: SnapshotFile): AsyncGenerator<Buffer> {
  if (typeof content !== "number") {
    yield content;
    return;
  }
  const piece = Buffer.allocUnsafe(Math.min(PIECE_BYTES, Math.max(1, bytes)));
  for (let at = 0; at < bytes;) {
    const got = await nodeDisk.read(content, piece.subarray(0, bytes - at), at);
    if (got === 0)
      throw new Error(`Cannot back up "${name}": it became shorter while it was read; try again`);
    at += got;
    yield piece.subarray(0, got);
  }
}

async function writeJson(tar: TarWriter, name: string, value: unknown): Promise<void> {
  const content = Buffer.from(`${JSON.stringify(value)}\n`);
  await tar.file({ name, bytes: content.length }, [content]);
}

async function readJson(source: TarSource, name: string, tally: ContentTally): Promise<unknown> {
  const entry = await readEntry(source);
  if (entry?.name !== name) throw notOurs();
  return await parseJson(source, entry.bytes, tally);
}

async function parseJson(source: TarSource, bytes: number, tally = new ContentTally()): Promise<unknown> {
  if (bytes > PIECE_BYTES) throw notOurs();
  const pieces: Buffer[] = [];
  for await (const piece of countedBy(tally, readContent(source, { name: "", bytes }, PIECE_BYTES)))
    pieces.push(piece);
  tally.files += 1;
  try {
    return JSON.parse(Buffer.concat(pieces).toString("utf8"));
  } catch {
    throw notOurs();
  }
}

function reader(file: FileHandle): TarSource {
  return async (bytes) => {
    const buffer = Buffer.allocUnsafe(bytes);
    let done = 0;
    while (done < bytes) {
      const { bytesRead } = await file.read(buffer, done, bytes - done, null);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return buffer.subarray(0, done);
  };
}
