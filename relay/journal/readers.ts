/** File descriptors for reading: kept open for the segments read last, a bounded number of them, closed once nobody reads. */
import type { Disk } from "./disk.ts";
import type { Segment } from "./segment.ts";

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

  /** @param limit how many stay open; more are open only while they are being read at once */
  constructor(disk: Disk, limit: number) {
    this.#disk = disk;
    this.#limit = limit;
  }

  /** Reads `length` bytes at `offset`; throws what the disk throws, ENOENT where the segment is gone. */
  async read(segment: Segment, offset: number, length: number): Promise<Buffer> {
    const reader = this.#use(segment);
    try {
      const fd = await reader.fd;
      const buffer = Buffer.allocUnsafe(length);
      let done = 0;
      while (done < length) {
        const got = await this.#disk.read(fd, buffer, done, length - done, offset + done);
        if (got === 0) break;
        done += got;
      }
      return buffer.subarray(0, done);
    } catch (error) {
      this.drop(segment.sequence);
      throw error;
    } finally {
      reader.users -= 1;
      if (reader.dropped) this.#closeUnused(reader);
    }
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
