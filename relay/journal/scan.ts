/**
 * Reads a segment from its beginning: calls with each frame that is whole, in order, and with each stretch of bytes that is
 * not. After such a stretch, reading goes on at the next whole frame. Memory: one window, or the largest write if that is more.
 *
 * The frames of one write count together: where one of them is broken, none of them is reported.
 */
import { systemCode } from "../../lib/errors.ts";
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

const WINDOW_BYTES = 8 * 1024 * 1024;
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
}

/** What stands at a place: a whole write that ends at `end`, nothing whole, or too little in the window to know. */
type Found = { readonly end: number } | "bad" | "short";

export async function scanSegment(options: ScanOptions, handlers: ScanHandlers): Promise<void> {
  const { disk, fd, sequence, bytes } = options;
  const usual = Math.min(options.windowBytes ?? WINDOW_BYTES, Math.max(bytes, HEADER_BYTES));
  let window = Buffer.allocUnsafe(usual);
  let start = 0; // offset in the file of the window's first byte
  let filled = 0;
  let salt: number | null = null;
  let badFrom: number | null = null;
  const header = emptyHeader();

  const look = (at: number): Found => wholeWrite(window, at, filled, start, bytes, sequence, salt, header);

  let position = 0;
  while (position < bytes) {
    // What is left of the last window goes to the front; a write larger than the window makes it grow for that write.
    const rest = start + filled - position;
    if (rest > 0) window.copyWithin(0, position - start, filled);
    const needed = rest >= window.length ? window.length * 2 : usual;
    if (needed !== window.length && rest <= needed) {
      const other = Buffer.allocUnsafe(Math.min(needed, Math.max(bytes - position, HEADER_BYTES)));
      window.copy(other, 0, 0, rest);
      window = other;
    }
    start = position;
    filled = rest + (await fill(disk, fd, window, rest, position + rest, bytes));
    const atEnd = start + filled >= bytes;

    let at = 0;
    while (at < filled) {
      const found = look(at);
      if (found === "short" && !atEnd) break;
      if (typeof found === "object") {
        if (badFrom !== null) {
          handlers.bad(badFrom, start + at);
          badFrom = null;
        }
        salt = report(window, at, found.end, start, sequence, header, handlers);
        at = found.end;
        continue;
      }
      badFrom ??= start + at;
      const next = window.indexOf(MAGIC, at + 1);
      if (next !== -1 && next < filled) at = next;
      else if (atEnd) at = filled;
      else {
        at = Math.max(at + 1, filled - MAGIC.length + 1);
        break;
      }
    }
    position = start + at;
    if (filled === rest && !atEnd) throw new Error(`file is shorter than ${bytes} bytes`);
    if (handlers.pause !== undefined && !(await handlers.pause())) return;
  }
  if (badFrom !== null) handlers.bad(badFrom, bytes);
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
    if (header.last) return { end };
  }
}

/** Reports the frames of a whole write; returns their salt. */
function report(
  window: Buffer,
  from: number,
  end: number,
  start: number,
  sequence: number,
  header: Header,
  handlers: ScanHandlers,
): number {
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
  return header.salt;
}
