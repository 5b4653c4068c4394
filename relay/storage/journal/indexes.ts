/**
 * Indexes beside sealed segments (NNNNNNNNNN.idx), from which a start learns what it would otherwise read whole segments for. An index
 * repeats, it never decides: one that is missing, torn, of another version or of another segment counts for nothing, and its segment is
 * read instead. Hence nothing waits for one to be written, and a failure costs time at the next start.
 */
import { join } from "node:path";
import { messageOf, systemCode } from "../../../lib/errors.ts";
import type { Log } from "../../../lib/log.ts";
import { writeAll, type Disk } from "./disk.ts";
import { emptyHeader, HEADER_BYTES, readHeader } from "./frame.ts";
import { fill, type SegmentBytes } from "./segment-bytes.ts";
import { identityOf, IndexBuilder, type SegmentIdentity } from "./segment-index.ts";
import type { Segment } from "./segment.ts";
import type { Lock } from "./lock.ts";
import type { RecoveryNeeds } from "./types.ts";

const NAME = /^(\d{10})\.idx$/;
/** Most bytes of indexes that a start makes anew: what it holds in memory until all is read. */
const MADE_AT_START_BYTES = 67_108_864;

export interface IndexDeps {
  readonly disk: Disk;
  readonly log: Log;
  /** Of the folder: without it, nothing is written or removed. */
  readonly lock: Pick<Lock, "isLost" | "ensure">;
  /** Of the segments. */
  readonly folder: string;
  readonly needs: RecoveryNeeds;
  /** Shorter segments get none. */
  readonly fromBytes: number;
}

export class SegmentIndexes {
  readonly #deps: IndexDeps;
  /** Of the segments that are being written. */
  readonly #building = new Map<Segment, IndexBuilder>();
  /** Of segments that were read at the start, to be written once all is read. */
  readonly #made = new Map<Segment, IndexBuilder>();
  #madeBytes = 0;
  /** Holds the index that was read last, while a start reads one after another. */
  #buffer = Buffer.alloc(0);
  /** What is being done, one after another. */
  #work: Promise<void> = Promise.resolve();

  constructor(deps: IndexDeps) {
    this.#deps = deps;
  }

  get needs(): RecoveryNeeds {
    return this.#deps.needs;
  }

  newBuilder(): IndexBuilder {
    return new IndexBuilder(this.needs);
  }

  /**
   * The index of a segment that is open for reading, if one is there and speaks of it; null: the segment has to be read. Valid until the
   * next one is read.
   */
  async read(segment: Segment, source: SegmentBytes): Promise<Buffer | null> {
    const bytes = await this.#readFile(segment.sequence);
    if (bytes === null) return null;
    const identity = identityOf(bytes, this.needs);
    if (identity !== null && (await speaksOf(identity, segment.sequence, source))) return bytes;
    this.#deps.log.info("journal.index-refused", { segment: segment.sequence });
    return null;
  }

  /** A segment that had no index was read whole: it gets one with writeMade(), if there is room to remember it. */
  keep(segment: Segment, builder: IndexBuilder): void {
    if (this.#madeBytes + builder.length > MADE_AT_START_BYTES) return;
    this.#madeBytes += builder.length;
    this.#made.set(segment, builder);
  }

  /** Everything is read and mended: writes the indexes that were missing, and removes those whose segments are gone. */
  writeMade(names: readonly string[], segments: ReadonlyMap<number, Segment>): void {
    for (const [segment, builder] of this.#made) this.#write(segment, builder);
    this.#made.clear();
    this.#buffer = Buffer.alloc(0);
    for (const name of names) {
      const sequence = Number(NAME.exec(name)?.[1] ?? Number.NaN);
      if (!Number.isNaN(sequence) && !segments.has(sequence)) this.removed(sequence);
    }
  }

  /** What collects the index of a segment that is being written. */
  builderOf(segment: Segment): IndexBuilder {
    let builder = this.#building.get(segment);
    if (builder === undefined) {
      builder = this.newBuilder();
      this.#building.set(segment, builder);
    }
    return builder;
  }

  /** The segment is on stable storage and gets nothing more. */
  sealed(segment: Segment): void {
    const builder = this.#building.get(segment);
    this.#building.delete(segment);
    if (builder !== undefined && !segment.damaged) this.#write(segment, builder);
  }

  /** The segment's file is gone. */
  removed(sequence: number): void {
    this.#inTurn(sequence, () => this.#unlink(sequence));
  }

  /** Resolves when nothing is being written. */
  async idle(): Promise<void> {
    await this.#work;
  }

  #write(segment: Segment, builder: IndexBuilder): void {
    const { sequence, salt, bytes } = segment;
    if (bytes < this.#deps.fromBytes) return;
    const content = builder.finish({ sequence, salt, bytes });
    this.#inTurn(sequence, async () => {
      const { disk, folder } = this.#deps;
      await this.#unlink(sequence);
      const fd = await disk.open(this.#path(sequence), "create");
      try {
        await writeAll(disk, fd, [content], 0);
        await disk.syncAll(fd);
      } finally {
        await disk.close(fd);
      }
      await disk.syncFolder(folder);
    });
  }

  #inTurn(sequence: number, task: () => Promise<void>): void {
    const { lock } = this.#deps;
    const guarded = async (): Promise<void> => {
      if (lock.isLost()) return;
      await lock.ensure();
      await task();
    };
    this.#work = this.#work.then(guarded).catch((error: unknown) => {
      this.#deps.log.warn("journal.index-failed", { segment: sequence, error: messageOf(error) });
    });
  }

  async #unlink(sequence: number): Promise<void> {
    try {
      await this.#deps.disk.unlink(this.#path(sequence));
    } catch (error) {
      if (systemCode(error) !== "ENOENT") throw error;
    }
  }

  async #readFile(sequence: number): Promise<Buffer | null> {
    const { disk, log } = this.#deps;
    try {
      const fd = await disk.open(this.#path(sequence), "read");
      try {
        const source = { disk, fd, bytes: await disk.size(fd) };
        if (this.#buffer.length < source.bytes) this.#buffer = Buffer.allocUnsafeSlow(source.bytes * 2);
        const content = this.#buffer.subarray(0, source.bytes);
        return (await fill(source, content, 0)) === source.bytes ? content : null;
      } finally {
        await disk.close(fd);
      }
    } catch (error) {
      if (systemCode(error) !== "ENOENT") {
        log.warn("journal.index-failed", { segment: sequence, error: messageOf(error) });
      }
      return null;
    }
  }

  #path(sequence: number): string {
    return join(this.#deps.folder, `${String(sequence).padStart(10, "0")}.idx`);
  }
}

/** Whether an index is that of an open segment: by its length, and by the number and salt in its first frame and its last. */
async function speaksOf(identity: SegmentIdentity, sequence: number, source: SegmentBytes): Promise<boolean> {
  if (identity.sequence !== sequence || identity.bytes !== source.bytes) return false;
  return (
    (await isFrame(source, { sequence, offset: 0 }, identity.salt)) &&
    (await isFrame(source, { sequence, offset: identity.last }, identity.salt))
  );
}

async function isFrame(
  source: SegmentBytes,
  place: { readonly sequence: number; readonly offset: number },
  salt: number,
): Promise<boolean> {
  const bytes = Buffer.allocUnsafe(HEADER_BYTES);
  const header = emptyHeader();
  return (
    (await fill(source, bytes, place.offset)) === HEADER_BYTES &&
    readHeader(bytes, 0, place, header) &&
    header.salt === salt
  );
}
