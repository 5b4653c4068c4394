/** Reading a segment's bytes from end to end, whatever the disk makes of them. */
import { systemCode } from "../../../lib/errors.ts";
import type { Disk } from "./disk.ts";

const SECTOR_BYTES = 4096;
const CHUNK_BYTES = 1024 * 1024;
const ZEROS = Buffer.alloc(CHUNK_BYTES);

/** An open file, of which the first `bytes` bytes are read. */
export interface SegmentBytes {
  readonly disk: Disk;
  readonly fd: number;
  readonly bytes: number;
}

/** Reads from `position` until `into` is full or the bytes end; resolves with the number of bytes. */
export async function fill(source: SegmentBytes, into: Buffer, position: number): Promise<number> {
  const wanted = Math.min(into.length, source.bytes - position);
  let done = 0;
  while (done < wanted) {
    const got = await readOrZeros(source, into.subarray(done, wanted), position + done);
    if (got === 0) break;
    done += got;
  }
  return done;
}

/** Where the zeros begin that the bytes from `start` on end with: `start` if there is nothing else. */
export async function endOfContent(source: SegmentBytes, start: number): Promise<number> {
  const chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, source.bytes - start));
  for (let end = source.bytes; end > start;) {
    const from = Math.max(start, end - chunk.length);
    const got = chunk.subarray(0, await fill({ ...source, bytes: end }, chunk, from));
    let at = got.length;
    if (!got.equals(ZEROS.subarray(0, at))) {
      while (got[at - 1] === 0) at -= 1;
      return from + at;
    }
    end = from;
  }
  return start;
}

/** What the disk cannot read any more counts as zeros, sector by sector: no frame, and no reason not to read what follows. */
async function readOrZeros(source: SegmentBytes, into: Buffer, position: number): Promise<number> {
  try {
    return await source.disk.read(source.fd, into, position);
  } catch (error) {
    if (systemCode(error) !== "EIO") throw error;
    if (into.length > SECTOR_BYTES) {
      const half = Math.ceil(into.length / 2 / SECTOR_BYTES) * SECTOR_BYTES;
      return await readOrZeros(source, into.subarray(0, half), position);
    }
    into.fill(0);
    return into.length;
  }
}
