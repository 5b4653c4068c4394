/**
 * What a data folder holds at one moment, while a relay may be writing to it. Reads only and takes no lock.
 *
 * A journal is consistent if every segment that there is at one moment is read up to some length of the newest: a segment is never
 * changed once another one was begun, and is removed only after what it held is durable in later ones. So all segments are opened, and
 * listed again: if none was removed in between, they were all there at once, and an open file stays what it is even when its name goes.
 *
 * The small files beside it may be written anew in place, by the relay or by an operator: each is read until it says the same twice.
 * Larger ones only grow at their end, by whole lines.
 */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { systemCode } from "../../../lib/errors.ts";
import { nodeDisk, type Disk } from "../journal/disk.ts";
import { endOfContent } from "../journal/segment-bytes.ts";
import { sequenceOf } from "../journal/segment.ts";
import { backupError } from "./tar.ts";

const JOURNALS = ["journal", "activity/journal"];
/** Files of a running process, or unfinished: worth nothing elsewhere. */
const PASSING = /^(?:lock|lock\..{1,200}|spare|probe|.{1,200}\.(?:part|draft|idx|socket|[0-9a-f]{12}))$/;
/** What only grows at its end, by whole lines. */
const TRAIL = ".jsonl";
/** Files up to this length are read whole, at once. */
const SMALL_BYTES = 1_048_576;
/** How often segments may be removed while they are opened, or a small file changed while it is read. */
const ATTEMPTS = 50;

export interface SnapshotFile {
  /** Path below the data folder. */
  readonly name: string;
  readonly bytes: number;
  /** The bytes of a small file, or an open file that has them. */
  readonly content: Buffer | number;
}

interface Place {
  readonly base: string;
  readonly disk: Disk;
}

/** Opens everything that a backup of the data folder holds. closeSnapshot() closes it. Rejects with a ConfigError if it is no data folder. */
export async function openSnapshot(base: string, disk: Disk = nodeDisk): Promise<SnapshotFile[]> {
  const opened: SnapshotFile[] = [];
  try {
    for (const journal of JOURNALS) opened.push(...(await openSegments({ base, disk }, journal)));
    await openOthers({ base, disk }, "", opened);
    return opened;
  } catch (error) {
    await closeSnapshot(opened);
    throw error;
  }
}

export async function closeSnapshot(files: readonly SnapshotFile[]): Promise<void> {
  for (const { content } of files) if (typeof content === "number") await nodeDisk.close(content);
}

async function openSegments({ base, disk }: Place, journal: string): Promise<SnapshotFile[]> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const names = await segmentsIn(base, journal);
    const files: SnapshotFile[] = [];
    for (const name of names) {
      const file = await openFile({ base, disk }, join(journal, name));
      if (file !== null) files.push(file);
    }
    const left = new Set(await segmentsIn(base, journal));
    if (files.length === names.length && names.every((name) => left.has(name))) return withoutZeros(files);
    await closeSnapshot(files);
  }
  throw new Error(
    `Cannot back up "${join(base, journal)}": its segments were removed too quickly, ${ATTEMPTS} times`,
  );
}

/** The newest one may end in space for what comes next. */
async function withoutZeros(files: SnapshotFile[]): Promise<SnapshotFile[]> {
  const newest = files.at(-1);
  if (newest === undefined || typeof newest.content !== "number") return files;
  const bytes = await endOfContent({ disk: nodeDisk, fd: newest.content, bytes: newest.bytes }, 0);
  return [...files.slice(0, -1), { ...newest, bytes }];
}

/** Oldest first. */
async function segmentsIn(base: string, journal: string): Promise<string[]> {
  try {
    const names = await readdir(join(base, journal));
    return names.filter((name) => sequenceOf(name) !== null).toSorted();
  } catch (error) {
    if (systemCode(error) !== "ENOENT") throw error;
    if (journal !== JOURNALS[0]) return [];
    throw backupError(`"${base}" is not the data folder of a relay: there is no "${journal}" in it`);
  }
}

async function openOthers(place: Place, folder: string, into: SnapshotFile[]): Promise<void> {
  for (const entry of await readdir(join(place.base, folder), { withFileTypes: true })) {
    const name = join(folder, entry.name);
    if (entry.isDirectory()) await openOthers(place, name, into);
    else if (entry.isFile() && !PASSING.test(entry.name) && !JOURNALS.includes(folder)) {
      const file = await openOther(place, name);
      if (file !== null) into.push(file);
    }
  }
}

/** Null if it is gone. Rejects if it does not hold still. */
async function openOther(place: Place, name: string): Promise<SnapshotFile | null> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const first = await readSmall(place, name);
    if (!Buffer.isBuffer(first)) return first;
    const second = await readSmall(place, name);
    // Trails only grow: the next backup has what was appended since.
    const length = name.endsWith(TRAIL) ? first.length : undefined;
    if (Buffer.isBuffer(second) && second.subarray(0, length).equals(first))
      return { name, bytes: first.length, content: first };
    if (second !== null && !Buffer.isBuffer(second)) await closeSnapshot([second]);
  }
  throw new Error(
    `Cannot back up "${join(place.base, name)}": it changed ${ATTEMPTS} times while it was read`,
  );
}

/** What the file holds; the open file itself if it is not a small one, null if it is gone. */
async function readSmall(place: Place, name: string): Promise<Buffer | SnapshotFile | null> {
  const file = await openFile(place, name);
  if (file === null || file.bytes > SMALL_BYTES) return file;
  try {
    const bytes = Buffer.alloc(file.bytes);
    const fd = file.content as number;
    let at = 0;
    for (let got = -1; at < bytes.length && got !== 0; at += got)
      got = await place.disk.read(fd, bytes.subarray(at), at);
    return bytes.subarray(0, at);
  } finally {
    await closeSnapshot([file]);
  }
}

/** Null if it is gone. */
async function openFile({ base, disk }: Place, name: string): Promise<SnapshotFile | null> {
  try {
    const fd = await disk.open(join(base, name), "read");
    return { name, bytes: await disk.size(fd), content: fd };
  } catch (error) {
    if (systemCode(error) === "ENOENT") return null;
    throw error;
  }
}
