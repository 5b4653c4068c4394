/**
 * What a data folder holds at one moment, while a relay may be writing to it. Reads only and takes no lock.
 *
 * A journal is consistent if every segment that there is at one moment is read up to some length of the newest: a segment is never
 * changed once another one was begun, and is removed only after what it held is durable in later ones. So all segments are opened, and
 * listed again: if none was removed in between, they were all there at once, and an open file stays what it is even when its name goes.
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
const PASSING = /^(?:lock|lock\..{1,200}|spare|probe|.{1,200}\.(?:part|draft|idx|socket))$/;
/** How often segments may be removed while they are opened. */
const ATTEMPTS = 50;

export interface SnapshotFile {
  /** Path below the data folder. */
  readonly name: string;
  readonly fd: number;
  readonly bytes: number;
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
  for (const { fd } of files) await nodeDisk.close(fd);
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
  if (newest === undefined) return files;
  const bytes = await endOfContent({ disk: nodeDisk, fd: newest.fd, bytes: newest.bytes }, 0);
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
      const file = await openFile(place, name);
      if (file !== null) into.push(file);
    }
  }
}

/** Null if it is gone. */
async function openFile({ base, disk }: Place, name: string): Promise<SnapshotFile | null> {
  try {
    const fd = await disk.open(join(base, name), "read");
    return { name, fd, bytes: await disk.size(fd) };
  } catch (error) {
    if (systemCode(error) === "ENOENT") return null;
    throw error;
  }
}
