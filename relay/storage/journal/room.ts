/** Room to write in: the limits of space, the segment that is filled ahead, and how the next segment begins. */
import { dirname } from "node:path";
import { NewSegments } from "./new-segments.ts";
import type { JournalDeps, Opened } from "./opened.ts";
import { Space } from "./space.ts";
import { largestSpare, Spare } from "./spare.ts";
import type { JournalOptions } from "./types.ts";

const MiB = 1024 * 1024;
/** Length of a segment unless the options say otherwise, in bytes. */
export const SEGMENT_BYTES = 64 * MiB;

export interface WritingRoom {
  readonly space: Space;
  readonly spare: Spare;
  readonly newSegments: NewSegments;
}

/** @param folder the journal's folder; its limits count for the file system of the folder above */
export function createRoom(
  folder: string,
  options: JournalOptions,
  deps: JournalDeps,
  opened: Opened,
): WritingRoom {
  const { disk, clock, log, random, measure } = deps;
  const { lock, ledger, newest } = opened;
  const limits = {
    minFreeBytes: options.minFreeBytes ?? 64 * MiB,
    maxBytes: options.maxBytes ?? null,
    maxPendingBytes: options.maxPendingBytes ?? 256 * MiB,
  };
  const space = new Space(limits, { disk, clock, log, folder: dirname(folder) });
  const spare = new Spare({
    disk,
    clock,
    log,
    lock,
    folder,
    largestBytes: largestSpare(options, options.segmentBytes ?? SEGMENT_BYTES),
    hasRoom: (bytes) => space.hasRoom(bytes),
    ...(measure === undefined ? {} : { measure }),
  });
  const wantsDurable = options.preallocate === "auto";
  const newSegments = new NewSegments(newest, { disk, ledger, spare, folder, random, wantsDurable });
  return { space, spare, newSegments };
}
