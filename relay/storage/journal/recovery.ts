/**
 * Opening: reads every segment, or the index beside it, and fills the ledger, then mends. It always succeeds if files can be read at all and no later
 * version wrote to them. What is not a whole frame is cut off if it is the end of the newest segment (the write that a crash
 * interrupted), and otherwise copied to quarantine; reading goes on at the next whole frame. Nothing is changed before everything
 * was read, so a journal of a later version stays as it is.
 *
 * Only the newest segment can hold frames that no sync covered (a segment is synced before the next one is made): it is synced
 * here, with its name, so that nothing is answered for that a power cut could still take away.
 */
import { basename, dirname, join } from "node:path";
import { systemCode } from "../../../lib/errors.ts";
import type { Log } from "../../../lib/log.ts";
import type { Disk } from "./disk.ts";
import { laterVersionError } from "./errors.ts";
import { FrameType, keyEncoding } from "./frame.ts";
import type { SegmentIndexes } from "./indexes.ts";
import type { Ledger } from "./ledger.ts";
import type { Lock } from "./lock.ts";
import type { Quarantine, Stretch } from "./quarantine.ts";
import { scanSegment } from "./scan.ts";
import type { ScanBuffers } from "./scan-window.ts";
import { endOfContent } from "./segment-bytes.ts";
import { readIndex, type IndexHandlers } from "./segment-index.ts";
import { newSegment, sequenceOf, type Segment } from "./segment.ts";
import type { RecoveryVisitor } from "./types.ts";

export interface RecoveredJournal {
  /** The highest number that any segment has. */
  readonly newest: number;
  readonly truncatedBytes: number;
}

export interface JournalRecoveryDeps {
  readonly disk: Disk;
  readonly log: Log;
  /** A process that was frozen while it read may have lost the folder: it is asked before anything is mended. */
  readonly lock: Pick<Lock, "ensure">;
  readonly ledger: Ledger;
  readonly quarantine: Quarantine;
  /** Null: every segment is read. */
  readonly indexes: SegmentIndexes | null;
}

/** One for all segments of an opening. */
interface Reading extends JournalRecoveryDeps {
  readonly visitor: RecoveryVisitor | null;
  readonly buffers: ScanBuffers;
}

export async function recoverJournal(
  folder: string,
  deps: JournalRecoveryDeps,
  visitor: RecoveryVisitor | null,
): Promise<RecoveredJournal> {
  const names = await deps.disk.list(folder);
  const sequences = names
    .map(sequenceOf)
    .filter((sequence) => sequence !== null)
    .sort((a, b) => a - b);
  const newest = sequences.at(-1) ?? 0;
  const reading: Reading = { ...deps, visitor, buffers: { pair: null } };
  const damages = new Map<Segment, Stretch[]>();
  for (const sequence of sequences) {
    const segment = newSegment(folder, sequence, 0);
    const bad = await readSegment(folder, segment, reading);
    if (bad !== null && (bad.length > 0 || sequence === newest)) damages.set(segment, bad);
  }
  let truncatedBytes = 0;
  for (const [segment, bad] of damages) {
    await deps.lock.ensure();
    truncatedBytes += await mendSegment(segment, bad, segment.sequence === newest, deps);
  }
  await deps.disk.syncFolder(folder);
  deps.indexes?.writeMade(names, deps.ledger.segments);
  return { newest, truncatedBytes };
}

/** Returns what is not a whole frame; null if the file is gone. */
async function readSegment(folder: string, segment: Segment, reading: Reading): Promise<Stretch[] | null> {
  const { disk, ledger } = reading;
  const fd = await openExisting(disk, segment.path);
  if (fd === null) return null;
  try {
    segment.bytes = await disk.size(fd);
    segment.sealed = true;
    ledger.segments.set(segment.sequence, segment);
    const index = await reading.indexes?.read(segment, { disk, fd, bytes: segment.bytes });
    if (index instanceof Buffer) {
      readIndex(index, handlersFor(segment, reading));
      return [];
    }
    return await read(fd, segment, dirname(folder), reading);
  } finally {
    await disk.close(fd);
  }
}

/** Returns the number of bytes cut off; zeros at the end do not count: they were filled ahead, or are a write that never began. */
async function mendSegment(
  segment: Segment,
  bad: Stretch[],
  isNewest: boolean,
  { disk, log, quarantine }: JournalRecoveryDeps,
): Promise<number> {
  const { sequence } = segment;
  const fd = await disk.open(segment.path, isNewest ? "update" : "read");
  try {
    let cut = 0;
    const last = bad.at(-1);
    if (isNewest && last !== undefined && last.end === segment.bytes) {
      bad.pop();
      cut = (await endOfContent({ disk, fd, bytes: last.end }, last.start)) - last.start;
      await disk.truncate(fd, last.start);
      segment.bytes = last.start;
      if (cut > 0) log.warn("journal.tail-cut", { segment: sequence, offset: last.start, bytes: cut });
    }
    if (isNewest) await disk.syncAll(fd);
    for (const stretch of bad) {
      segment.damaged = true;
      segment.damagedBytes += stretch.end - stretch.start;
      if (!(await quarantine.keep(fd, stretch))) segment.pinned = true;
    }
    return cut;
  } finally {
    await disk.close(fd);
  }
}

/** Reads the whole segment; if all of it is frames, what was read is kept for an index. */
async function read(fd: number, segment: Segment, base: string, reading: Reading): Promise<Stretch[]> {
  const { disk, visitor, buffers, indexes } = reading;
  const { sequence, bytes, path } = segment;
  const bad: Stretch[] = [];
  const builder = indexes?.newBuilder();
  const needs = visitor?.needs;
  const told = handlersFor(segment, reading);
  const id = new Uint32Array(4);
  const salt = await scanSegment(
    { disk, fd, sequence, bytes, buffers },
    {
      frame({ type, key, offset, keyBytes, value }) {
        const valueBytes = value.length;
        builder?.add({ type, key, encoding: keyEncoding(key), offset, value: [value], valueBytes });
        if (type === FrameType.probe) return;
        const isSet = type === FrameType.set;
        if (needs?.packed.parse(key, id) === true) {
          if (isSet) told.setPacked(id, offset, valueBytes);
          else told.removedPacked(id);
        } else if (!isSet) told.removed(key, keyBytes);
        else
          told.set(
            key,
            { offset, keyBytes, valueBytes },
            needs === undefined ? value : needs.kept(key, value),
          );
      },
      bad: (start, end) => void bad.push({ sequence, start, end }),
      later(offset, type) {
        throw laterVersionError(base, basename(path), offset, type);
      },
    },
  );
  segment.salt = salt ?? 0;
  if (builder !== undefined && salt !== null && bad.length === 0) indexes?.keep(segment, builder);
  return bad;
}

/** Tell the ledger and the visitor of each frame of a segment, in order. */
function handlersFor(segment: Segment, { ledger, visitor }: Reading): IndexHandlers {
  const keyBytes = visitor?.needs?.packed.bytes ?? 0;
  // One for all: a million of them would be the most that there is to collect at a start.
  const frame = { offset: 0, keyBytes, valueBytes: 0 };
  return {
    setPacked(id, offset, valueBytes) {
      frame.offset = offset;
      frame.valueBytes = valueBytes;
      const row = ledger.setPacked(segment, id, frame);
      visitor?.setPacked?.(row, valueBytes);
    },
    removedPacked(id) {
      const row = ledger.index.rowOf(id);
      if (row !== 0) visitor?.removePacked?.(row);
      ledger.removedPacked(segment, row, keyBytes);
    },
    set(key, position, kept) {
      ledger.set(segment, key, position);
      visitor?.set(key, kept);
    },
    removed(key, bytes) {
      ledger.removed(segment, key, bytes);
      visitor?.remove(key);
    },
  };
}

/** Null if the file is gone: its removal was under way when the process ended. */
async function openExisting(disk: Disk, path: string): Promise<number | null> {
  try {
    return await disk.open(path, "read");
  } catch (error) {
    if (systemCode(error) === "ENOENT") return null;
    throw error;
  }
}

/** Makes a folder whose name is on stable storage, up to the first parent that was there before. */
export async function makeDurableFolder(disk: Disk, folder: string): Promise<void> {
  const first = await disk.makeFolder(folder);
  if (first === null) return;
  for (let made = folder; ; made = join(made, "..")) {
    await disk.syncFolder(join(made, ".."));
    if (made === first) return;
  }
}
