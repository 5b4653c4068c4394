/** Begins segments: numbered, registered in the ledger, made of the spare if there is one. */
import type { Disk } from "./disk.ts";
import type { Ledger } from "./ledger.ts";
import type { SegmentFile } from "./open-segment.ts";
import { newSegment, type Segment } from "./segment.ts";
import type { Spare } from "./spare.ts";

export interface NewSegmentsDeps {
  readonly disk: Disk;
  readonly ledger: Ledger;
  readonly spare: Spare;
  readonly folder: string;
  /** 32 random bits: a segment's salt. */
  readonly random: () => number;
  /** Descriptors whose writes are durable are opened too. */
  readonly wantsDurable: boolean;
}

export class NewSegments {
  readonly #deps: NewSegmentsDeps;
  #next: number;

  /** @param newest the highest number that any segment has */
  constructor(newest: number, deps: NewSegmentsDeps) {
    this.#next = newest + 1;
    this.#deps = deps;
  }

  /**
   * The file is there, without a frame, and its name is on stable storage; a crash half-way leaves an empty segment. Rejects with what
   * the disk says: the segment is then sealed and empty, and goes with the dead ones.
   */
  async begin(): Promise<SegmentFile> {
    const { folder, random } = this.#deps;
    const segment = newSegment(folder, this.#next++, random());
    const opened: number[] = [];
    try {
      return await this.#open(segment, opened);
    } catch (error) {
      segment.sealed = true;
      await this.#abandon(opened);
      throw error;
    }
  }

  /** Notes the descriptors in `opened` as it opens them. */
  async #open(segment: Segment, opened: number[]): Promise<SegmentFile> {
    const { disk, folder, ledger, spare, wantsDurable } = this.#deps;
    let filledBytes = 0;
    if (spare.isReady) {
      // Takes the name first, as a rename would go over the segment of a process that took the folder while this one was frozen.
      await disk.close(await disk.open(segment.path, "create"));
      ledger.segments.set(segment.sequence, segment);
      filledBytes = await spare.take(segment.path);
    }
    const fd = await disk.open(segment.path, filledBytes > 0 ? "update" : "create");
    opened.push(fd);
    ledger.segments.set(segment.sequence, segment);
    if (filledBytes === 0) await disk.syncAll(fd);
    await disk.syncFolder(folder);
    const durableFd = wantsDurable ? await disk.openDurable(segment.path) : null;
    if (durableFd !== null) opened.push(durableFd);
    return { segment, fd, durableFd, filledBytes };
  }

  /** Cuts the zeros of a spare off: in a segment that is not the newest they would be taken for damage. */
  async #abandon(opened: readonly number[]): Promise<void> {
    const { disk } = this.#deps;
    const [fd] = opened;
    if (fd === undefined) return;
    try {
      await disk.truncate(fd, 0);
    } catch {
      // The disk has just failed. The segment goes as a dead one, or the zeros go to quarantine.
    }
    for (const each of opened) await disk.close(each);
  }
}
