/**
 * Reading values. What is asked for in one turn of the event loop and stands close together is read in one go: a trip through the
 * thread pool costs more than some kilobytes that no caller wanted. If that fails or ends early, each value is read by itself.
 *
 * File descriptors are kept open for the segments read last, a bounded number of them, and closed once no caller reads.
 */
import type { Disk } from "./disk.ts";
import type { Segment } from "./segment.ts";

/** Bytes in between that are read along. */
const GAP_BYTES = 16_384;
/** Most that is read in one go; a larger value is read by itself. */
const RUN_BYTES = 1_048_576;
const RUN_VALUES = 256;
/** Longest run that is read into the buffer that is kept for the next one. */
const KEPT_BYTES = 262_144;

/** What a caller waits for. */
interface Wanted {
  readonly segment: Segment;
  readonly offset: number;
  readonly length: number;
  resolve(bytes: Buffer): void;
  reject(error: unknown): void;
}

interface Reader {
  readonly fd: Promise<number>;
  users: number;
  /** Closed as soon as the last user is done. */
  dropped: boolean;
}

export class Readers {
  readonly #disk: Disk;
  readonly #limit: number;
  /** Least recently used first. */
  readonly #open = new Map<number, Reader>();
  readonly #closing = new Set<Promise<void>>();
  /** Asked for in this turn of the event loop; null: nothing. */
  #wanted: Wanted[] | null = null;
  /** What the last run was read into; null: there was none, or it is in use. */
  #kept: Buffer | null = null;

  /** @param limit how many stay open; more are open only while they are being read at once */
  constructor(disk: Disk, limit: number) {
    this.#disk = disk;
    this.#limit = limit;
  }

  /** Reads `length` bytes at `offset`, fewer at the end; rejects with what the disk throws, ENOENT if the segment is gone. */
  read(segment: Segment, offset: number, length: number): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      if (this.#wanted === null) {
        this.#wanted = [];
        queueMicrotask(() => this.#begin());
      }
      this.#wanted.push({ segment, offset, length, resolve, reject });
    });
  }

  /** The segment is gone, or its descriptor is suspect. */
  drop(sequence: number): void {
    const reader = this.#open.get(sequence);
    if (reader === undefined) return;
    this.#open.delete(sequence);
    reader.dropped = true;
    this.#closeUnused(reader);
  }

  /** Resolves when nothing is open. */
  async close(): Promise<void> {
    for (const sequence of this.#open.keys()) this.drop(sequence);
    while (this.#closing.size > 0) await Promise.all(this.#closing);
  }

  #begin(): void {
    const wanted = this.#wanted!;
    this.#wanted = null;
    for (const run of runsOf(wanted)) void this.#serve(run[0]!.segment, run);
  }

  async #serve(segment: Segment, run: readonly Wanted[]): Promise<void> {
    const reader = this.#use(segment);
    try {
      const fd = await reader.fd;
      if (run.length > 1 && (await this.#readTogether(fd, run))) return;
      await Promise.all(run.map((wanted) => this.#readAlone(fd, wanted)));
    } catch (error) {
      this.drop(segment.sequence);
      for (const { reject } of run) reject(error);
    } finally {
      reader.users -= 1;
      if (reader.dropped) this.#closeUnused(reader);
    }
  }

  /** False if not all of it came: no caller has been answered then. */
  async #readTogether(fd: number, run: readonly Wanted[]): Promise<boolean> {
    const start = run[0]!.offset;
    const last = run.at(-1)!;
    const length = last.offset + last.length - start;
    const buffer = this.#takeBuffer(length);
    const bytes = buffer.subarray(0, length);
    try {
      if ((await this.#disk.read(fd, bytes, start)) < length) return false;
    } catch {
      return false; // whose value it is that cannot be read shows when they are read one by one
    }
    for (const wanted of run) {
      // A copy: one value that is long in use would keep all of them in memory.
      const value = Buffer.allocUnsafe(wanted.length);
      bytes.copy(value, 0, wanted.offset - start);
      wanted.resolve(value);
    }
    if (buffer.length === KEPT_BYTES) this.#kept = buffer;
    return true;
  }

  /** New pages take the system longer than reading into those that are there. */
  #takeBuffer(length: number): Buffer {
    if (length > KEPT_BYTES) return Buffer.allocUnsafeSlow(length);
    const buffer = this.#kept ?? Buffer.allocUnsafeSlow(KEPT_BYTES);
    this.#kept = null;
    return buffer;
  }

  async #readAlone(fd: number, { segment, offset, length, resolve, reject }: Wanted): Promise<void> {
    const buffer = Buffer.allocUnsafe(length);
    let done = 0;
    try {
      while (done < length) {
        const got = await this.#disk.read(fd, buffer.subarray(done, length), offset + done);
        if (got === 0) break;
        done += got;
      }
      resolve(buffer.subarray(0, done));
    } catch (error) {
      this.drop(segment.sequence);
      reject(error);
    }
  }

  #use(segment: Segment): Reader {
    const { sequence } = segment;
    let reader = this.#open.get(sequence);
    if (reader === undefined) {
      reader = { fd: this.#disk.open(segment.path, "read"), users: 0, dropped: false };
      for (const [oldest, other] of this.#open) {
        if (this.#open.size < this.#limit) break;
        if (other.users === 0) this.drop(oldest);
      }
    } else this.#open.delete(sequence);
    this.#open.set(sequence, reader);
    reader.users += 1;
    return reader;
  }

  #closeUnused(reader: Reader): void {
    if (reader.users > 0) return;
    const closed = reader.fd
      .then((fd) => this.#disk.close(fd))
      .catch(() => {
        // It could not be opened, which its users were told, or not be closed, which leaves nothing to be done.
      })
      .finally(() => this.#closing.delete(closed));
    this.#closing.add(closed);
  }
}

/** Values that stand one after another, with little in between. */
function* runsOf(wanted: Wanted[]): Generator<readonly Wanted[]> {
  wanted.sort((a, b) => a.segment.sequence - b.segment.sequence || a.offset - b.offset);
  let run: Wanted[] = [];
  let start = 0;
  let end = 0;
  for (const next of wanted) {
    const gap = next.segment === run.at(-1)?.segment ? next.offset - end : -1;
    const bytes = next.offset + next.length - start;
    const fits = gap >= 0 && gap <= GAP_BYTES && run.length < RUN_VALUES && bytes <= RUN_BYTES;
    if (run.length > 0 && !fits) {
      yield run;
      run = [];
    }
    if (run.length === 0) start = next.offset;
    run.push(next);
    end = next.offset + next.length;
  }
  yield run;
}
