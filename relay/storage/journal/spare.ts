/**
 * The file that the next segment is made of: filled with zeros before it is needed, in the background and with pauses, so that the
 * writes of events come first. There is at most one.
 *
 *     none  --begin-->  filling (`spare.part`)  --filled, synced-->  ready (`spare`)  --take-->  a segment
 *
 * It is filled only if that pays: the file system writes in place quicker than it appends, batches are small (a large one pays for
 * its sync with less than the zeros cost), the open segment is half used up, and the disk keeps its floor and as much again. Its
 * bytes need no trust: no frame is believed that was not written for its segment. A spare of an earlier run is taken over.
 *
 * The first one is short and each is twice as long as the one before, up to a segment: a relay that hears little takes little space,
 * and a start writes little.
 */
import { join } from "node:path";
import type { Clock, Timer } from "../../../lib/clock.ts";
import { messageOf, systemCode } from "../../../lib/errors.ts";
import type { Log } from "../../../lib/log.ts";
import { writeAll, type Disk } from "./disk.ts";
import type { Lock } from "./lock.ts";
import type { JournalOptions } from "./types.ts";
import { chooseMode, measureWrites, PLAIN_MODE, removeProbe, type WriteMode } from "./write-probe.ts";

const READY = "spare";
const UNFINISHED = "spare.part";
const PIECE = Buffer.alloc(1024 * 1024);
/** Length of the first spare. */
const FIRST_BYTES = 4 * 1024 * 1024;
/** Batches of more bytes than this on average are appended. */
const SMALL_BATCH_BYTES = 32 * 1024;
/** Weight of the newest batch in the average. */
const NEWEST_SHARE = 0.05;
/** Milliseconds until filling is tried again after it failed or found no room. */
const RETRY_MS = 60_000;

/** Largest share of `maxBytes` that waits as a spare. */
const LARGEST_SHARE = 1 / 16;

/** Greatest length of a spare: a segment's, less for a small journal; 0 if there is none. */
export function largestSpare({ preallocate, maxBytes }: JournalOptions, segmentBytes: number): number {
  if (preallocate !== "auto") return 0;
  return Math.min(segmentBytes, Math.floor((maxBytes ?? Infinity) * LARGEST_SHARE));
}

export interface SpareDeps {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly log: Log;
  readonly lock: Pick<Lock, "isTrusted">;
  readonly folder: string;
  /** Greatest length of the file. 0: there is none, and nothing is measured. */
  readonly largestBytes: number;
  /** Whether the disk has room for so much more above its floor. */
  hasRoom(bytes: number): Promise<boolean>;
  /** Measures the folder's file system. @default measureWrites */
  readonly measure?: typeof measureWrites;
}

export class Spare {
  readonly #deps: SpareDeps;
  #state: "none" | "filling" | "ready" = "none";
  #mode: WriteMode = PLAIN_MODE;
  /** Average of the batches written lately. */
  #batchBytes = 0;
  /** Length of the spare that is there or is filled next. */
  #bytes: number;
  /** Bytes of zeros that the open segment had and has left. */
  #had = 0;
  #left = 0;
  /** Monotonic clock before which filling is not tried again. */
  #notBefore = Number.NEGATIVE_INFINITY;
  #working: Promise<void> = Promise.resolve();
  #pause: { readonly timer: Timer; readonly end: () => void } | null = null;
  #isClosed = false;

  constructor(deps: SpareDeps) {
    this.#deps = deps;
    this.#bytes = Math.min(FIRST_BYTES, deps.largestBytes);
  }

  get isReady(): boolean {
    return this.#state === "ready";
  }

  get mode(): WriteMode {
    return this.#mode;
  }

  /** Clears away what an earlier run left unfinished, then measures and fills in the background. */
  async start(): Promise<void> {
    const { disk, folder, largestBytes } = this.#deps;
    await this.#remove(UNFINISHED);
    await removeProbe(folder, disk);
    const left = await this.#length();
    if (left !== null && left >= this.#bytes && left <= largestBytes && largestBytes > 0) {
      this.#bytes = left;
      this.#state = "ready";
    } else if (left !== null) await this.#remove(READY);
    if (largestBytes > 0) this.#working = this.#measure();
  }

  /** A batch of so many bytes is durable, and the open segment has so much filled space left. */
  wrote(bytes: number, filledLeft: number): void {
    this.#batchBytes += (bytes - this.#batchBytes) * NEWEST_SHARE;
    this.#left = filledLeft;
    this.#fillSoon();
  }

  /** Renames the spare to `path`, which is not on stable storage yet; returns its length. Only if isReady. */
  async take(path: string): Promise<number> {
    const { disk, folder, largestBytes } = this.#deps;
    const bytes = this.#bytes;
    this.#state = "none";
    this.#had = bytes;
    this.#left = bytes;
    this.#bytes = Math.min(2 * bytes, largestBytes);
    await disk.rename(join(folder, READY), path);
    return bytes;
  }

  /** The disk is short of space: a spare is given back, and another one made when there is room. */
  async giveBack(): Promise<void> {
    if (this.#state !== "ready") return;
    this.#state = "none";
    this.#notBefore = this.#deps.clock.monotonic() + RETRY_MS;
    await this.#remove(READY);
  }

  /** Resolves when nothing is under way; what was not filled to its end is removed. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#pause?.timer.cancel();
    this.#pause?.end();
    await this.#working;
  }

  async #measure(): Promise<void> {
    const { clock, disk, folder, log, measure = measureWrites } = this.#deps;
    try {
      const times = await measure(folder, disk, clock);
      this.#mode = chooseMode(times);
      log.info("journal.write-mode-chosen", { folder, ...this.#mode, ...times });
    } catch (error) {
      log.warn("journal.write-probe-failed", { folder, error: messageOf(error) });
    }
    if (!this.#mode.inPlace) await this.giveBack();
    this.#fillSoon();
  }

  #fillSoon(): void {
    const { clock, lock } = this.#deps;
    if (this.#state !== "none" || this.#isClosed || !this.#mode.inPlace) return;
    if (this.#batchBytes > SMALL_BATCH_BYTES || this.#left > this.#had / 2) return;
    if (clock.monotonic() < this.#notBefore || !lock.isTrusted()) return;
    this.#state = "filling";
    this.#working = this.#fill();
  }

  async #fill(): Promise<void> {
    const { clock, disk, folder, log } = this.#deps;
    let isFilled = false;
    try {
      if (await this.#deps.hasRoom(this.#bytes)) isFilled = await this.#writeZeros();
      if (isFilled) await disk.rename(join(folder, UNFINISHED), join(folder, READY));
    } catch (error) {
      isFilled = false;
      log.warn("journal.fill-failed", { folder, error: messageOf(error) });
    }
    if (!isFilled) await this.#remove(UNFINISHED);
    if (!isFilled) this.#notBefore = clock.monotonic() + RETRY_MS;
    this.#state = isFilled ? "ready" : "none";
  }

  /** False if it was told to stop. */
  async #writeZeros(): Promise<boolean> {
    const { clock, disk, folder, lock } = this.#deps;
    const bytes = this.#bytes;
    const fd = await disk.open(join(folder, UNFINISHED), "create");
    try {
      for (let at = 0; at < bytes; at += PIECE.length) {
        if (this.#isClosed || !lock.isTrusted()) return false;
        const begun = clock.monotonic();
        await writeAll(disk, fd, [PIECE.subarray(0, bytes - at)], at);
        await disk.syncAll(fd);
        await this.#rest(clock.monotonic() - begun);
      }
      return !this.#isClosed && lock.isTrusted();
    } finally {
      await disk.close(fd);
    }
  }

  /** Leaves the disk to others for as long as it was busy. */
  async #rest(durationMs: number): Promise<void> {
    if (this.#isClosed || durationMs <= 0) return;
    await new Promise<void>((end) => {
      this.#pause = { timer: this.#deps.clock.after(durationMs, end), end };
    });
    this.#pause = null;
  }

  async #length(): Promise<number | null> {
    const { disk, folder } = this.#deps;
    let fd: number;
    try {
      fd = await disk.open(join(folder, READY), "read");
    } catch (error) {
      if (systemCode(error) === "ENOENT") return null;
      throw error;
    }
    try {
      return await disk.size(fd);
    } finally {
      await disk.close(fd);
    }
  }

  /** If it cannot be removed, the next start tries again. What another process may have made is left alone. */
  async #remove(name: string): Promise<void> {
    const { disk, folder, lock, log } = this.#deps;
    if (!lock.isTrusted()) return;
    try {
      await disk.unlink(join(folder, name));
    } catch (error) {
      if (systemCode(error) !== "ENOENT")
        log.warn("journal.spare-not-removed", { folder, error: messageOf(error) });
    }
  }
}
