/**
 * Where bytes go that are no frames: one file for each stretch, named by segment, offset and checksum, so that the same stretch
 * found again at the next opening is not kept twice. Nothing reads them back; they show an operator what happened.
 */
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { messageOf, systemCode } from "../../../lib/errors.ts";
import type { Log } from "../../../lib/log.ts";
import { writeAll, type Disk } from "./disk.ts";
import { fill } from "./segment-bytes.ts";

const CHUNK_BYTES = 1024 * 1024;

export interface Stretch {
  readonly sequence: number;
  readonly start: number;
  readonly end: number;
}

export class Quarantine {
  readonly #disk: Disk;
  readonly #folder: string;
  readonly #log: Log;
  /** Bytes of all files in the folder. */
  bytes = 0;

  constructor(disk: Disk, folder: string, log: Log) {
    this.#disk = disk;
    this.#folder = folder;
    this.#log = log;
  }

  /** Counts what is there from earlier openings. */
  async open(): Promise<void> {
    for (const name of await this.#listed()) {
      const fd = await this.#disk.open(join(this.#folder, name), "read");
      try {
        this.bytes += await this.#disk.size(fd);
      } finally {
        await this.#disk.close(fd);
      }
    }
  }

  /**
   * Copies the stretch of an open segment. False if that failed: the segment must then be left as it is. A crash half-way
   * leaves a file that the next opening replaces.
   */
  async keep(fd: number, stretch: Stretch): Promise<boolean> {
    const fields = { segment: stretch.sequence, offset: stretch.start, bytes: stretch.end - stretch.start };
    try {
      const kept = await this.#copy(fd, stretch);
      if (kept) this.bytes += fields.bytes;
      this.#log.error("journal.quarantined", { ...fields, again: !kept });
      return true;
    } catch (error) {
      this.#log.error("journal.quarantine-failed", { ...fields, error: messageOf(error) });
      return false;
    }
  }

  /** False if the file was there already. */
  async #copy(fd: number, { sequence, start, end }: Stretch): Promise<boolean> {
    const disk = this.#disk;
    const source = { disk, fd, bytes: end };
    const chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, end - start));
    let checksum = 0;
    for (let at = start; at < end; at += chunk.length) {
      checksum = crc32(chunk.subarray(0, await fill(source, chunk, at)), checksum);
    }
    const name = `${sequence}-${start}-${checksum.toString(16).padStart(8, "0")}.bin`;
    const names = await this.#listed();
    if (names.includes(name)) return false;
    await disk.makeFolder(this.#folder);
    const unfinished = join(this.#folder, `${name}.part`);
    if (names.includes(`${name}.part`)) await disk.unlink(unfinished);
    const copy = await disk.open(unfinished, "create");
    try {
      for (let at = start; at < end;) {
        const got = await fill(source, chunk, at);
        await writeAll(disk, copy, [chunk.subarray(0, got)], at - start);
        at += got;
      }
      await disk.syncAll(copy);
    } finally {
      await disk.close(copy);
    }
    await disk.rename(unfinished, join(this.#folder, name));
    await disk.syncFolder(this.#folder);
    return true;
  }

  async #listed(): Promise<string[]> {
    try {
      return await this.#disk.list(this.#folder);
    } catch (error) {
      if (systemCode(error) === "ENOENT") return [];
      throw error;
    }
  }
}
