/**
 * How a small write becomes durable soonest on this file system: measured, not assumed. A file that grows makes most file systems
 * commit their own journal at each sync and one that is written in place does not, but some copy on write, and some take longer for
 * O_DSYNC than for fdatasync.
 */
import { join } from "node:path";
import type { Clock } from "../../../lib/clock.ts";
import { systemCode } from "../../../lib/errors.ts";
import type { Disk } from "./disk.ts";

const NAME = "probe";
/** Of each kind, in turns; the lower quartile counts: what else is busy now makes some of them slower, and none quicker. */
const WRITES = 11;
const WRITE_BYTES = 8192;
/** Writing in place must save this share at least: what it saves pays for the zeros that are written before. */
const WORTH_IT = 0.9;
/** A durable write may take this much longer than write and fdatasync: it is one trip through the thread pool less. */
const NEARLY_AS_QUICK = 1.1;

/** Milliseconds until one write is durable; null: there are no durable writes here. */
export interface WriteTimes {
  readonly appendSyncMs: number;
  readonly appendDurableMs: number | null;
  readonly inPlaceSyncMs: number;
  readonly inPlaceDurableMs: number | null;
}

export interface WriteMode {
  /** Segments are filled with zeros ahead. */
  readonly inPlace: boolean;
  /** Small batches take one durable write instead of write and fdatasync. */
  readonly durableWrites: boolean;
}

/** How this build began: right everywhere. */
export const PLAIN_MODE: WriteMode = { inPlace: false, durableWrites: false };

export function chooseMode(times: WriteTimes): WriteMode {
  const append = Math.min(times.appendSyncMs, times.appendDurableMs ?? Infinity);
  const inPlace = Math.min(times.inPlaceSyncMs, times.inPlaceDurableMs ?? Infinity);
  const isInPlace = inPlace < append * WORTH_IT;
  const durable = isInPlace ? times.inPlaceDurableMs : times.appendDurableMs;
  const synced = isInPlace ? times.inPlaceSyncMs : times.appendSyncMs;
  return { inPlace: isInPlace, durableWrites: durable !== null && durable <= synced * NEARLY_AS_QUICK };
}

/** Measures in its own file in the folder, which is gone afterwards. Rejects with what the disk says. */
export async function measureWrites(folder: string, disk: Disk, clock: Clock): Promise<WriteTimes> {
  const path = join(folder, NAME);
  await removeProbe(folder, disk);
  const fd = await disk.open(path, "create");
  try {
    const durableFd = await disk.openDurable(path);
    try {
      return await measure(fd, durableFd, disk, clock);
    } finally {
      if (durableFd !== null) await disk.close(durableFd);
    }
  } finally {
    await disk.close(fd);
    await disk.unlink(path);
  }
}

async function measure(fd: number, durableFd: number | null, disk: Disk, clock: Clock): Promise<WriteTimes> {
  const value = Buffer.alloc(WRITE_BYTES);
  const timed = async (into: number[], position: number, durable: number | null): Promise<void> => {
    const begun = clock.monotonic();
    await disk.write(durable ?? fd, [value], position);
    if (durable === null) await disk.syncData(fd);
    into.push(clock.monotonic() - begun);
  };
  const appendSync: number[] = [];
  const appendDurable: number[] = [];
  const inPlaceSync: number[] = [];
  const inPlaceDurable: number[] = [];
  let end = 2 * WRITE_BYTES;
  await timed([], 0, null);
  await timed([], WRITE_BYTES, null);
  for (let write = 0; write < WRITES; write++) {
    await timed(appendSync, end, null);
    await timed(inPlaceSync, 0, null);
    end += WRITE_BYTES;
    if (durableFd === null) continue;
    await timed(appendDurable, end, durableFd);
    await timed(inPlaceDurable, WRITE_BYTES, durableFd);
    end += WRITE_BYTES;
  }
  return {
    appendSyncMs: lowerQuartile(appendSync),
    appendDurableMs: durableFd === null ? null : lowerQuartile(appendDurable),
    inPlaceSyncMs: lowerQuartile(inPlaceSync),
    inPlaceDurableMs: durableFd === null ? null : lowerQuartile(inPlaceDurable),
  };
}

function lowerQuartile(times: number[]): number {
  return times.sort((a, b) => a - b)[times.length >> 2] as number;
}

/** What a probe that was cut short left. */
export async function removeProbe(folder: string, disk: Disk): Promise<void> {
  try {
    await disk.unlink(join(folder, NAME));
  } catch (error) {
    if (systemCode(error) !== "ENOENT") throw error;
  }
}
