/**
 * The segment that is written to: its file, how far it is written, and how its bytes become durable. Two ways, which the writer may
 * mix, since both go to the same file: write() and then sync(), two trips through the thread pool that overlap with those of the
 * next batch; or writeDurably(), one trip.
 *
 * A file may be filled with zeros ahead. Up to there it does not grow, so its file system has nothing of its own to commit at a sync.
 * A write there goes on with zeros to the end of its page: a page that is written as a whole need not be read from the disk first.
 */
import { messageOf } from "../../../lib/errors.ts";
import type { Log } from "../../../lib/log.ts";
import { writeAll, type Disk } from "./disk.ts";
import type { Lock } from "./lock.ts";
import type { Segment } from "./segment.ts";

const PAGE_BYTES = 4096;
const ZEROS = Buffer.alloc(PAGE_BYTES);

/** A segment's file, open for writing. */
export interface SegmentFile {
  readonly segment: Segment;
  readonly fd: number;
  /** Its writes are durable when they return; null if there is no such descriptor. */
  readonly durableFd: number | null;
  /** Length of the file before the first write: zeros, to be written over. */
  readonly filledBytes: number;
}

export interface OpenSegmentDeps {
  readonly disk: Disk;
  readonly log: Log;
  readonly lock: Pick<Lock, "ensure">;
}

export class OpenSegment {
  readonly segment: Segment;
  readonly filledBytes: number;
  readonly #file: SegmentFile;
  readonly #deps: OpenSegmentDeps;
  /** Bytes that are written, durable or not. */
  length = 0;

  constructor(file: SegmentFile, deps: OpenSegmentDeps) {
    this.segment = file.segment;
    this.filledBytes = file.filledBytes;
    this.#file = file;
    this.#deps = deps;
  }

  /** Whether writeDurably() may be used. */
  get canWriteDurably(): boolean {
    return this.#file.durableFd !== null;
  }

  /** Appends the parts, `bytes` in all, without making them durable. */
  async write(parts: Uint8Array[], bytes: number): Promise<void> {
    await this.#append(this.#file.fd, parts, bytes);
  }

  /** Appends the parts, `bytes` in all; they are on stable storage when it resolves, if all before them was. */
  async writeDurably(parts: Uint8Array[], bytes: number): Promise<void> {
    await this.#append(this.#file.durableFd as number, parts, bytes);
  }

  /** All that was written when it was called is on stable storage. */
  async sync(): Promise<void> {
    await this.#deps.disk.syncData(this.#file.fd);
  }

  /**
   * Ends the segment, of which all is durable: what is left of its zeros is cut off, and that is durable before another segment is
   * begun, so that zeros in any segment but the newest are damage. If the disk refuses, they are taken for damage one day.
   */
  async seal(): Promise<void> {
    if (this.length < this.filledBytes) await this.#shorten(this.length);
    await this.#close();
  }

  /** After a failure: cuts what is not durable off the file. If the disk refuses that too, it may come to light at the next opening. */
  async cut(): Promise<void> {
    if (!(await this.#shorten(this.segment.bytes))) this.segment.damaged = true;
    await this.#close();
  }

  async #append(fd: number, parts: Uint8Array[], bytes: number): Promise<void> {
    const end = this.length + bytes;
    const padding = (PAGE_BYTES - (end % PAGE_BYTES)) % PAGE_BYTES;
    if (padding > 0 && end + padding <= this.filledBytes) parts.push(ZEROS.subarray(0, padding));
    await writeAll(this.#deps.disk, fd, parts, this.length);
    this.length = end;
  }

  /** False if the disk refuses, or if another process has taken the folder, perhaps while this one was frozen: what it read stays. */
  async #shorten(length: number): Promise<boolean> {
    const { disk, log, lock } = this.#deps;
    try {
      await lock.ensure();
      await disk.truncate(this.#file.fd, length);
      await disk.syncAll(this.#file.fd);
      return true;
    } catch (error) {
      log.warn("journal.cut-failed", { segment: this.segment.sequence, error: messageOf(error) });
      return false;
    }
  }

  /** No event depends on it: what was acknowledged is durable. */
  async #close(): Promise<void> {
    const { disk, log } = this.#deps;
    const { fd, durableFd } = this.#file;
    for (const each of durableFd === null ? [fd] : [fd, durableFd]) {
      try {
        await disk.close(each);
      } catch (error) {
        log.warn("journal.close-failed", { segment: this.segment.sequence, error: messageOf(error) });
      }
    }
  }
}
