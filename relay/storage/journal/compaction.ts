/**
 * Gives space back. Two steps, both safe to be cut short anywhere:
 *
 * sweep: removes segments that nothing depends on. rewrite: copies what still counts in a mostly dead segment to the end of the
 * journal, in small slices that go through the ordinary batches, after which sweep finds it dead.
 *
 * When may a segment go? Reading back, a later frame of a key overrules an earlier one; so a frame may only be dropped if that
 * brings no earlier frame of its key back to light.
 *  1. A set that is not its key's present value may always go: a later frame of the key overrules the earlier ones without it,
 *     the present value or, if the key is gone, a removal.
 *  2. A removal may go when its key is live again (the present value overrules), or when no older segment exists, since older
 *     frames of the key stand in older segments or before it in the same one.
 * Hence: a segment without live frames is removed if it holds no removals, or is the oldest. Copying an old frame to the end is
 * safe while nothing newer of its key is pending: a value if it still is the present one, a removal if its key is not live.
 *
 * Segments are removed oldest first, and the folder is synced after each removal: no removal goes before what it kept dead.
 * What replaced a segment's frames is durable before the ledger calls them dead.
 */
import { messageOf, systemCode } from "../../../lib/errors.ts";
import type { Log } from "../../../lib/log.ts";
import { frameBytes, type BatchEntry } from "./batch.ts";
import type { Disk } from "./disk.ts";
import { FrameType, keyEncoding } from "./frame.ts";
import type { Ledger } from "./ledger.ts";
import { scanSegment } from "./scan.ts";
import type { Segment } from "./segment.ts";

const WINDOW_BYTES = 1024 * 1024;
const SLICE_BYTES = 256 * 1024;
/** A segment is rewritten when this share of it is worth nothing. */
const DEAD_SHARE = 0.5;
/** With more segments than this, small ones are put together: each start of the program begins a new one. */
const MANY_SEGMENTS = 32;
const SMALL_SHARE = 0.05;
/** The oldest is rewritten anyway when removals, which wait for older segments to go, are this share of all. */
const REMOVALS_SHARE = 0.2;

export interface CompactionDeps {
  readonly disk: Disk;
  readonly log: Log;
  readonly ledger: Ledger;
  readonly folder: string;
  readonly segmentBytes: number;
  /** Whether an operation on the key is under way. */
  isPending(key: string): boolean;
  /** Appends the entries; resolves when they are durable. */
  append(entries: readonly BatchEntry[]): Promise<void>;
  /** The segment's file is gone. */
  removed(segment: Segment): void;
  stopped(): boolean;
}

/** Runs one sweep and one compaction at a time. */
export class Compactor {
  readonly #deps: CompactionDeps;
  #sweeping: Promise<void> | null = null;
  #again = false;
  #compacting: Promise<void> | null = null;

  constructor(deps: CompactionDeps) {
    this.#deps = deps;
  }

  /** Removes every segment that may go. One that cannot be removed stays for the next time. */
  async sweep(): Promise<void> {
    this.#again = true;
    this.#sweeping ??= this.#sweepAll().finally(() => (this.#sweeping = null));
    await this.#sweeping;
  }

  /**
   * Rewrites what is worth it and removes what may go. Rejects with what append() rejects with or with what the disk says; what
   * was copied by then stays copied.
   */
  async compact(): Promise<void> {
    this.#compacting ??= this.#compactAll().finally(() => (this.#compacting = null));
    await this.#compacting;
  }

  /** Resolves when nothing runs any more; the caller is told how it ended. */
  async idle(): Promise<void> {
    await Promise.allSettled([this.#sweeping, this.#compacting]);
  }

  async #sweepAll(): Promise<void> {
    while (this.#again) {
      this.#again = false;
      await removeDead(this.#deps);
    }
  }

  async #compactAll(): Promise<void> {
    await this.sweep();
    const done = new Set<Segment>();
    for (;;) {
      const segment = worthRewriting(this.#deps, done);
      if (segment === null || this.#deps.stopped()) return;
      done.add(segment);
      await rewrite(segment, this.#deps);
      await this.sweep();
    }
  }
}

async function removeDead(deps: CompactionDeps): Promise<void> {
  const { disk, folder, ledger, log } = deps;
  for (;;) {
    const segment = removable(ledger);
    if (segment === null || deps.stopped()) return;
    try {
      await disk.unlink(segment.path);
    } catch (error) {
      if (systemCode(error) !== "ENOENT") {
        log.warn("journal.remove-failed", { segment: segment.sequence, error: messageOf(error) });
        return;
      }
    }
    await disk.syncFolder(folder);
    ledger.segments.delete(segment.sequence);
    deps.removed(segment);
    log.debug("journal.segment-removed", { segment: segment.sequence, bytes: segment.bytes });
  }
}

function removable(ledger: Ledger): Segment | null {
  let oldest = true;
  for (const segment of ledger.segments.values()) {
    const free = segment.liveFrames === 0 && (oldest || segment.removalBytes === 0);
    if (free && segment.sealed && !segment.pinned) return segment;
    oldest = false;
  }
  return null;
}

function worthRewriting(
  { ledger, segmentBytes }: CompactionDeps,
  done: ReadonlySet<Segment>,
): Segment | null {
  let removals = 0;
  for (const segment of ledger.segments.values()) removals += segment.removalBytes;
  const crowded = removals > Math.max(segmentBytes, ledger.bytes * REMOVALS_SHARE);
  let oldest = true;
  for (const segment of ledger.segments.values()) {
    const needed = segment.liveBytes + (oldest ? 0 : segment.removalBytes);
    const dead = segment.bytes - needed > segment.bytes * DEAD_SHARE;
    const small = segment.bytes < segmentBytes * SMALL_SHARE && ledger.segments.size > MANY_SEGMENTS;
    const wanted = dead || small || segment.damaged || (oldest && crowded);
    oldest = false;
    if (wanted && segment.sealed && !segment.pinned && !done.has(segment)) return segment;
  }
  return null;
}

async function rewrite(segment: Segment, deps: CompactionDeps): Promise<void> {
  const { disk, ledger, log } = deps;
  const { sequence, bytes } = segment;
  const isOldest = ledger.segments.values().next().value === segment;
  let slice: BatchEntry[] = [];
  let sliced = 0;
  const slices: BatchEntry[][] = [];
  let removalsLeft = 0;
  const take = (entry: BatchEntry): void => {
    slice.push(entry);
    sliced += frameBytes(entry);
    if (sliced < SLICE_BYTES) return;
    slices.push(slice);
    slice = [];
    sliced = 0;
  };
  /** The disk was busy since the entries were read: those that are no longer right fall away. */
  const append = async (entries: BatchEntry[]): Promise<void> => {
    const right = entries.filter((entry) => {
      if (entry.source !== null)
        return ledger.isAt(entry.key, sequence, entry.source.offset) && !deps.isPending(entry.key);
      if (ledger.index.has(entry.key)) return false;
      if (!deps.isPending(entry.key)) return true;
      removalsLeft += 1;
      return false;
    });
    if (right.length > 0) await deps.append(right);
  };
  const fd = await disk.open(segment.path, "read");
  try {
    await scanSegment(
      { disk, fd, sequence, bytes, windowBytes: WINDOW_BYTES },
      {
        frame({ type, key, offset, value }) {
          const common = { key, encoding: keyEncoding(key), offset: 0 };
          if (type === FrameType.set && ledger.isAt(key, sequence, offset)) {
            const copy = [Buffer.from(value)];
            take({ ...common, type, value: copy, valueBytes: value.length, source: { sequence, offset } });
          } else if (type === FrameType.remove && !isOldest && !ledger.index.has(key)) {
            take({ ...common, type, value: [], valueBytes: 0, source: null });
          }
        },
        bad: () => {},
        async pause() {
          for (const entries of slices.splice(0)) await append(entries);
          return !deps.stopped();
        },
      },
    );
    if (deps.stopped()) return;
    if (slice.length > 0) await append(slice);
  } finally {
    await disk.close(fd);
  }
  if (removalsLeft === 0) segment.removalBytes = 0;
  log.debug("journal.segment-rewritten", { segment: sequence, bytes, left: segment.liveBytes });
}
