/** One file of the journal: its name, and what is known of its contents. Reading is in scan.ts, appending in writer.ts. */
import { join } from "node:path";

const NAME = /^(\d{10})\.log$/;

export interface Segment {
  /** Files are written and read back in this order. */
  readonly sequence: number;
  readonly path: string;
  /** The same in all its frames. At a start: as found in them; 0 if there is none. */
  salt: number;
  /** Bytes that are known to be on stable storage; the file may be longer if a write is under way or has failed. */
  bytes: number;
  /** Bytes and number of the frames that hold a key's present value. */
  liveBytes: number;
  liveFrames: number;
  /** Bytes of the frames that say that a key was removed. */
  removalBytes: number;
  /** Holds bytes that are no frames: worth rewriting whatever else it holds. */
  damaged: boolean;
  /** Of those bytes, the ones that the opening found. */
  damagedBytes: number;
  /** Nothing is appended any more. */
  sealed: boolean;
  /** Must stay: it holds bytes that could neither be read nor be copied to quarantine. */
  pinned: boolean;
}

export function segmentPath(folder: string, sequence: number): string {
  return join(folder, `${String(sequence).padStart(10, "0")}.log`);
}

/** The number in a segment's file name; null for the name of anything else. */
export function sequenceOf(name: string): number | null {
  const match = NAME.exec(name);
  return match === null ? null : Number(match[1]);
}

export function newSegment(folder: string, sequence: number, salt: number): Segment {
  return {
    sequence,
    path: segmentPath(folder, sequence),
    salt,
    bytes: 0,
    liveBytes: 0,
    liveFrames: 0,
    removalBytes: 0,
    damaged: false,
    damagedBytes: 0,
    sealed: false,
    pinned: false,
  };
}
