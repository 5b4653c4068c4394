/**
 * Reads sealed segments again while the relay is up, as a start no longer does: what a disk has lost shows before an operator asks for it.
 * One segment at a time, slowly, each once a day. Nothing is changed. A damaged segment loses its index, so that the next start reads
 * it, finds the damage again, keeps the damaged bytes in quarantine and has the rest rewritten.
 */
import { sleep, type Clock } from "../../../lib/clock.ts";
import { systemCode } from "../../../lib/errors.ts";
import type { Log } from "../../../lib/log.ts";
import type { Disk } from "./disk.ts";
import type { SegmentIndexes } from "./indexes.ts";
import type { Ledger } from "./ledger.ts";
import { scanSegment } from "./scan.ts";
import type { Segment } from "./segment.ts";

/** With PAUSE_MS between them, at most 10 MiB are read in a second. */
const WINDOW_BYTES = 1_048_576;
const PAUSE_MS = 100;
/** A segment is read again after this time. */
const AGAIN_MS = 86_400_000;

export interface ScrubberDeps {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly log: Log;
  readonly ledger: Ledger;
  readonly indexes: SegmentIndexes | null;
}

/** What is known of one segment. */
interface Verdict {
  /** Monotonic clock. */
  readonly at: number;
  readonly damagedBytes: number;
}

export class Scrubber {
  readonly #deps: ScrubberDeps;
  readonly #verdicts = new Map<Segment, Verdict>();
  readonly #closing = new AbortController();
  #running: Promise<void> | null = null;

  constructor(deps: ScrubberDeps) {
    this.#deps = deps;
  }

  /**
   * Sealed segments that were found whole within the last day, and damaged bytes in the others: those that the start found, too, so
   * that damage is told until its segment is gone.
   */
  get found(): { readonly verifiedSegments: number; readonly damagedBytes: number } {
    let verifiedSegments = 0;
    let damagedBytes = 0;
    for (const segment of this.#deps.ledger.segments.values()) {
      const verdict = this.#verdicts.get(segment);
      if (verdict?.damagedBytes === 0) verifiedSegments += 1;
      damagedBytes += Math.max(segment.damagedBytes, verdict?.damagedBytes ?? 0);
    }
    return { verifiedSegments, damagedBytes };
  }

  /** Reads the next segment that is due, if there is one. Rejects with what the disk throws. */
  verifyNext(): Promise<void> {
    this.#running ??= this.#verifyNext().finally(() => (this.#running = null));
    return this.#running;
  }

  /** Ends what is under way. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running?.catch(() => {});
  }

  async #verifyNext(): Promise<void> {
    const { clock, ledger, log, indexes } = this.#deps;
    this.#forgetRemoved();
    const segment = this.#next();
    if (segment === null) return;
    const bad = await this.#read(segment);
    // Removed meanwhile: what was found is of no use.
    if (bad === null || ledger.segments.get(segment.sequence) !== segment) return;
    const damagedBytes = bad.reduce((sum, { start, end }) => sum + end - start, 0);
    this.#verdicts.set(segment, { at: clock.monotonic(), damagedBytes });
    if (damagedBytes === 0) return;
    for (const { start, end } of bad) {
      log.error("journal.damage-found", { segment: segment.sequence, offset: start, bytes: end - start });
    }
    indexes?.removed(segment.sequence);
  }

  /** The one that was read longest ago, or never; null: all were read within a day. */
  #next(): Segment | null {
    const { clock, ledger } = this.#deps;
    const before = clock.monotonic() - AGAIN_MS;
    let next: Segment | null = null;
    let nextAt = before;
    for (const segment of ledger.segments.values()) {
      if (!segment.sealed || segment.damaged || segment.bytes === 0) continue;
      const at = this.#verdicts.get(segment)?.at ?? Number.NEGATIVE_INFINITY;
      if (at > nextAt || (next !== null && at === nextAt)) continue;
      next = segment;
      nextAt = at;
    }
    return next;
  }

  /** The stretches that are not whole frames; null: it was removed or closed before all was read. */
  async #read(segment: Segment): Promise<{ readonly start: number; readonly end: number }[] | null> {
    const { disk, clock } = this.#deps;
    const { path, sequence, bytes } = segment;
    const bad: { readonly start: number; readonly end: number }[] = [];
    let fd: number;
    try {
      fd = await disk.open(path, "read");
    } catch (error) {
      if (systemCode(error) === "ENOENT") return null;
      throw error;
    }
    try {
      await scanSegment(
        { disk, fd, sequence, bytes, windowBytes: WINDOW_BYTES },
        {
          frame: () => {},
          bad: (start, end) => void bad.push({ start, end }),
          pause: async () => {
            await sleep(clock, PAUSE_MS, this.#closing.signal).catch(() => {});
            return !this.#closing.signal.aborted;
          },
        },
      );
    } finally {
      await disk.close(fd);
    }
    return this.#closing.signal.aborted ? null : bad;
  }

  #forgetRemoved(): void {
    const { ledger } = this.#deps;
    for (const segment of this.#verdicts.keys()) {
      if (ledger.segments.get(segment.sequence) !== segment) this.#verdicts.delete(segment);
    }
  }
}
