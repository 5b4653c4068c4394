/**
 * Reads a segment from its beginning: calls with each frame that is whole, in order, and with each stretch of bytes that is
 * not. After such a stretch, reading goes on at the next whole frame. Memory: one window, or the largest write if that is more.
 *
 * The frames of one write count together: where one of them is broken, none of them is reported.
 */
import { systemCode } from "../../../lib/errors.ts";
import type { Disk } from "./disk.ts";
import {
  bodyIsWhole,
  decodeKey,
  emptyHeader,
  HEADER_BYTES,
  MAGIC,
  readHeader,
  type FrameType,
  type Header,
} from "./frame.ts";

const WINDOW_BYTES = 4 * 1024 * 1024;
const SECTOR_BYTES = 4096;

export interface ScanHandlers {
  /** `value` views the window: valid during the call. */
  frame(type: FrameType, key: string, offset: number, keyBytes: number, value: Buffer): void;
  /** From `start` up to, not including, `end` there is no whole frame. */
  bad(start: number, end: number): void;
  /** After each window; the next one is read when it resolves. False ends the scan. */
  pause?(): Promise<boolean>;
}

export interface ScanOptions {
  readonly disk: Disk;
  readonly fd: number;
  readonly sequence: number;
  /** Length of what is to be read. */
  readonly bytes: number;
  readonly windowBytes?: number;
  /** For many segments one after another: what one scan allocates, the next one uses again. */
  readonly buffers?: ScanBuffers;
}

export interface ScanBuffers {
  pair: readonly [Buffer, Buffer] | null;
}

/** What stands at a place: a whole write, that ends there in the window; nothing whole; too little in the window to know. */
type Found = number | "bad" | "short";

export async function scanSegment(options: ScanOptions, handlers: ScanHandlers): Promise<void> {
  const { disk, fd, sequence, bytes, buffers } = options;
  const length = bufferLength(options.windowBytes ?? WINDOW_BYTES, bytes);
  const kept = buffers?.pair ?? null;
  const pair = kept !== null && kept[0].length >= length ? kept : allocate(length);
  if (buffers !== undefined) buffers.pair = pair;
  const carried = Math.floor(pair[0].length / 5);
  const chunk = pair[0].length - carried;
  /** The file's bytes from `start` on stand in `window` from `at` up to `filled`. */
  let window: Buffer = Buffer.alloc(0);
  let at = 0;
  let filled = 0;
  let start = 0;
  let salt: number | null = null;
  let badFrom: number | null = null;
  const header = emptyHeader();

  // Two buffers take turns: while one is looked through, the next piece of the file is read into the other. Each has room in
  // front for what is left of the window before; where that is too little, the window grows.
  const spare: Buffer[] = [...pair];
  const readAhead = (from: number): Promise<number> =>
    from < bytes
      ? fill(disk, fd, (spare[0] as Buffer).subarray(carried), 0, from, bytes)
      : Promise.resolve(0);
  let readTo = 0;
  let ahead = readAhead(0);
  try {
    while (readTo < bytes) {
      const got = await ahead;
      if (got === 0) throw new Error(`file is shorter than ${bytes} bytes`);
      const piece = spare[0] as Buffer;
      const rest = filled - at;
      if (rest <= carried) {
        window.copy(piece, carried - rest, at, filled);
        spare.push(spare.shift() as Buffer);
        window = piece;
        at = carried - rest;
        filled = carried + got;
      } else {
        if (window.length - filled < got) {
          const larger = Buffer.allocUnsafe(2 * rest + chunk);
          window.copy(larger, 0, at, filled);
          window = larger;
          filled = rest;
          at = 0;
        }
        piece.copy(window, filled, carried, carried + got);
        filled += got;
      }
      readTo += got;
      start = readTo - filled;
      ahead = readAhead(readTo);
      const atEnd = readTo >= bytes;

      while (at < filled) {
        const found = wholeWrite(window, at, filled, start, bytes, sequence, salt, header);
        if (found === "short") break;
        if (found !== "bad") {
          if (badFrom !== null) {
            handlers.bad(badFrom, start + at);
            badFrom = null;
          }
          salt = header.salt;
          report(window, at, found, start, sequence, header, handlers);
          at = found;
          continue;
        }
        badFrom ??= start + at;
        const next = window.indexOf(MAGIC, at + 1);
        if (next !== -1 && next + MAGIC.length <= filled) at = next;
        else if (atEnd) at = filled;
        else {
          at = Math.max(at + 1, filled - MAGIC.length + 1);
          break;
        }
      }
      if (handlers.pause !== undefined && !(await handlers.pause())) return;
    }
    if (badFrom !== null) handlers.bad(badFrom, bytes);
  } finally {
    await Promise.allSettled([ahead]); // nothing reads from the file any more
  }
}

/** A window, and a quarter of it in front for what is left of the one before. */
function bufferLength(windowBytes: number, bytes: number): number {
  return Math.ceil((Math.min(windowBytes, Math.max(bytes, 4)) * 5) / 4);
}

function allocate(length: number): readonly [Buffer, Buffer] {
  return [Buffer.allocUnsafeSlow(length), Buffer.allocUnsafeSlow(length)];
}

/** Reads until the window, or the file of `bytes` bytes, ends; returns the number of bytes. */
export async function fill(
  disk: Disk,
  fd: number,
  window: Buffer,
  from: number,
  position: number,
  bytes: number,
): Promise<number> {
  const wanted = Math.min(window.length - from, bytes - position);
  let done = 0;
  while (done < wanted) {
    const got = await readOrZeros(disk, fd, window, from + done, wanted - done, position + done);
    if (got === 0) break;
    done += got;
  }
  return done;
}

/** What the disk cannot read any more is zeros, sector by sector: no frame, and no reason not to read what follows. */
async function readOrZeros(
  disk: Disk,
  fd: number,
  window: Buffer,
  at: number,
  length: number,
  position: number,
): Promise<number> {
  try {
    return await disk.read(fd, window, at, length, position);
  } catch (error) {
    if (systemCode(error) !== "EIO") throw error;
    if (length > SECTOR_BYTES) {
      const half = Math.ceil(length / 2 / SECTOR_BYTES) * SECTOR_BYTES;
      return await readOrZeros(disk, fd, window, at, half, position);
    }
    window.fill(0, at, at + length);
    return length;
  }
}

function wholeWrite(
  window: Buffer,
  from: number,
  filled: number,
  start: number,
  bytes: number,
  sequence: number,
  salt: number | null,
  header: Header,
): Found {
  let at = from;
  let expected = salt;
  for (;;) {
    if (at + HEADER_BYTES > filled) return start + at + HEADER_BYTES > bytes ? "bad" : "short";
    if (!readHeader(window, at, sequence, start + at, header)) return "bad";
    if (header.first !== (at === from) || (expected !== null && header.salt !== expected)) return "bad";
    expected = header.salt;
    const end = at + HEADER_BYTES + header.keyBytes + header.valueBytes;
    if (end > filled) return start + end > bytes ? "bad" : "short";
    if (!bodyIsWhole(window, at + HEADER_BYTES, header)) return "bad";
    at = end;
    if (header.last) return end;
  }
}

/** Reports the frames of a whole write; `header` is that of its last frame. */
function report(
  window: Buffer,
  from: number,
  end: number,
  start: number,
  sequence: number,
  header: Header,
  handlers: ScanHandlers,
): void {
  for (let at = from; at < end;) {
    if (at !== from || !header.first || !header.last) readHeader(window, at, sequence, start + at, header);
    const keyAt = at + HEADER_BYTES;
    const valueAt = keyAt + header.keyBytes;
    const next = valueAt + header.valueBytes;
    const { type, keyBytes } = header;
    handlers.frame(
      type,
      decodeKey(window, keyAt, header),
      start + at,
      keyBytes,
      window.subarray(valueAt, next),
    );
    at = next;
  }
}
