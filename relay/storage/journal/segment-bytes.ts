/** Reading a segment's bytes from end to end, whatever the disk makes of them. */
import { systemCode } from "../../../lib/errors.ts";
import type { Disk } from "./disk.ts";

const SECTOR_BYTES = 4096;

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

/** What the disk cannot read any more counts as zeros, sector by sector: no frame, and no reason not to read what follows. */
async function readOrZeros(source: SegmentBytes, into: Buffer, position: number): Promise<number> {
  try {
    return await source.disk.read(source.fd, into, 0, into.length, position);
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
