/**
 * The journal: ties the index of what is durable, the writes that are not yet, the segments and the limits together.
 *
 * A key's value is what the last write of it said, whether or not that is durable yet. The ledger knows durable frames only;
 * what is on its way stands beside it, and simply falls away when it fails. Nothing has to be undone.
 */
import { randomBytes } from "node:crypto";
import { dirname, join, resolve } from "node:path";
import { systemClock, type Clock } from "../../lib/clock.ts";
import { messageOf, UpstreamError } from "../../lib/errors.ts";
import { silentLog, type Log } from "../../lib/log.ts";
import { ShortLivedMap } from "../../lib/short-lived.ts";
import { entryOf, frameBytes, probeEntry, type Entry } from "./batch.ts";
import { Compactor } from "./compaction.ts";
import { nodeDisk, type Disk } from "./disk.ts";
import { bodyIsWhole, emptyHeader, FrameType, HEADER_BYTES, MAX_WRITE_BYTES, readHeader } from "./frame.ts";
import { Ledger, type Location } from "./ledger.ts";
import { acquireLock, type Lock } from "./lock.ts";
import { Quarantine } from "./quarantine.ts";
import { Readers } from "./readers.ts";
import { makeDurableFolder, recover } from "./recovery.ts";
import { newSegment, type Segment } from "./segment.ts";
import { Space } from "./space.ts";
import { closedError, openingError, storageError } from "./trouble.ts";
import type { Journal, JournalStats, Operation, Priority, RecoveryVisitor } from "./types.ts";
import { Writer } from "./writer.ts";

export interface JournalOptions {
  /** Folder; made where it does not exist. */
  readonly base: string;
  /** A new segment is begun when this one would grow beyond. @default 64 MiB */
  readonly segmentBytes?: number;
  /** Intake is refused beyond this sum of all segments; null: never. @default null */
  readonly maxBytes?: number | null;
  /** Intake is refused while less than this is free on the disk; 0: never. @default 64 MiB */
  readonly minFreeBytes?: number;
  /** Most bytes that wait in memory to become durable. @default 256 MiB */
  readonly maxPendingBytes?: number;
  /** Segments that stay open for reading. @default 64 */
  readonly maxOpenSegments?: number;
  /** Told what is found while opening. */
  readonly visitor?: RecoveryVisitor | null;
}

export interface JournalDeps {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly log: Log;
  /** 32 random bits. */
  readonly random: () => number;
}

const MiB = 1024 * 1024;

const DEFAULT_DEPS: JournalDeps = {
  disk: nodeDisk,
  clock: systemClock,
  log: silentLog,
  random: () => randomBytes(4).readUInt32LE(0),
};

/**
 * Opens the journal, whatever state its files are in. Rejects with a ConfigError where the folder cannot be written to or another
 * process has it, with an UpstreamError where the disk fails. A crash half-way leaves what was there.
 */
export async function openJournal(
  options: JournalOptions,
  deps: Partial<JournalDeps> = {},
): Promise<Journal> {
  const all = { ...DEFAULT_DEPS, ...deps };
  const { disk, log } = all;
  const base = resolve(options.base);
  const folder = join(base, "journal");
  let lock: Lock | null = null;
  try {
    await makeDurableFolder(disk, base);
    lock = await acquireLock(disk, base, log);
    await makeDurableFolder(disk, folder);
    const ledger = new Ledger();
    const quarantine = new Quarantine(disk, join(base, "quarantine"), log);
    await quarantine.open();
    const recovered = await recover(folder, { disk, log, ledger, quarantine }, options.visitor ?? null);
    const journal = new FileJournal(folder, options, all, { lock, ledger, quarantine, ...recovered });
    await journal.start();
    return journal;
  } catch (error) {
    await lock?.release();
    throw openingError(base, error);
  }
}

interface Opened {
  readonly lock: Lock;
  readonly ledger: Ledger;
  readonly quarantine: Quarantine;
  readonly newest: number;
  readonly truncatedBytes: number;
}

class FileJournal implements Journal {
  readonly #folder: string;
  readonly #deps: JournalDeps;
  readonly #opened: Opened;
  readonly #ledger: Ledger;
  readonly #readers: Readers;
  readonly #space: Space;
  readonly #writer: Writer;
  readonly #compactor: Compactor;
  /** The last operation on each key that is on its way to the disk. */
  readonly #pending = new ShortLivedMap<string, Entry>();
  readonly #syncListeners = new Set<(durationMs: number) => void>();
  #nextSequence: number;
  #closed = false;
  #closing: Promise<void> | null = null;

  constructor(folder: string, options: JournalOptions, deps: JournalDeps, opened: Opened) {
    const { disk, clock, log } = deps;
    const segmentBytes = options.segmentBytes ?? 64 * MiB;
    this.#folder = folder;
    this.#deps = deps;
    this.#opened = opened;
    this.#ledger = opened.ledger;
    this.#nextSequence = opened.newest + 1;
    this.#readers = new Readers(disk, options.maxOpenSegments ?? 64);
    this.#space = new Space(
      {
        minFreeBytes: options.minFreeBytes ?? 64 * MiB,
        maxBytes: options.maxBytes ?? null,
        maxPendingBytes: options.maxPendingBytes ?? 256 * MiB,
      },
      { disk, clock, log, folder: dirname(folder) },
    );
    this.#writer = new Writer({
      disk,
      clock,
      log,
      segmentBytes,
      begin: () => this.#begin(),
      durable: (segment, entries) => this.#durable(segment, entries),
      dropped: (entries, pending) => this.#dropped(entries, pending),
      sealed: (segment) => this.#sealed(segment),
      synced: (durationMs) => this.#synced(durationMs),
    });
    this.#compactor = new Compactor({
      disk,
      log,
      ledger: this.#ledger,
      folder,
      segmentBytes,
      isPending: (key) => this.#pending.has(key),
      append: (entries) => this.#append(entries),
      removed: (segment) => this.#readers.drop(segment.sequence),
      stopped: () => this.#closed,
    });
  }

  async start(): Promise<void> {
    await this.#space.look();
    await this.#compactor.sweep();
  }

  write(
    operations: readonly Operation[],
    durability: "synced" | "lazy",
    priority: Priority = "intake",
  ): Promise<void> {
    if (this.#closed) return Promise.reject(closedError());
    if (operations.length === 0) return Promise.resolve();
    let entries: Entry[];
    try {
      entries = operations.map(entryOf);
    } catch (error) {
      return Promise.reject(error as Error);
    }
    const bytes = sumOfBytes(entries);
    if (bytes > MAX_WRITE_BYTES) {
      return Promise.reject(
        new RangeError(`Cannot write ${bytes} bytes at once, limit is ${MAX_WRITE_BYTES}`),
      );
    }
    const refused = this.#space.refusal(priority, bytes, this.#writer.pendingBytes, this.#ledger);
    if (refused !== null) {
      if (refused.code === "queue-full") this.#compactSoon();
      return Promise.reject(refused);
    }
    for (const entry of entries) this.#pending.set(entry.key, entry);
    if (durability === "synced") return this.#submit(entries, bytes);
    this.#space.wrote(bytes);
    this.#writer.submit({ entries, bytes, waiter: null, number: 0 });
    return Promise.resolve();
  }

  get(key: string): Promise<Uint8Array | null> {
    return this.getStart(key, Infinity);
  }

  getStart(key: string, length: number): Promise<Uint8Array | null> {
    if (this.#closed) return Promise.reject(closedError());
    const pending = this.#pending.get(key);
    return pending === undefined ? this.#read(key, length) : Promise.resolve(pendingValue(pending, length));
  }

  has(key: string): boolean {
    const pending = this.#pending.get(key);
    return pending === undefined ? this.#ledger.index.has(key) : pending.type === FrameType.set;
  }

  size(key: string): number | null {
    const pending = this.#pending.get(key);
    if (pending !== undefined) return pending.type === FrameType.set ? pending.valueBytes : null;
    const slot = this.#ledger.index.find(key);
    return slot === undefined ? null : this.#ledger.index.valueBytesOf(slot);
  }

  *keys(prefix: string): Generator<string> {
    const { index } = this.#ledger;
    for (const key of index.keys()) {
      if (!key.startsWith(prefix)) continue;
      const pending = this.#pending.get(key);
      if (pending === undefined || pending.type === FrameType.set) yield key;
    }
    for (const [key, pending] of this.#pending) {
      if (pending.type === FrameType.set && key.startsWith(prefix) && !index.has(key)) yield key;
    }
  }

  stats(): JournalStats {
    const { ledger, quarantine, truncatedBytes } = this.#opened;
    let keys = ledger.index.size;
    for (const [key, pending] of this.#pending) {
      const live = ledger.index.has(key);
      if (pending.type === FrameType.set && !live) keys += 1;
      if (pending.type === FrameType.remove && live) keys -= 1;
    }
    return {
      bytes: ledger.bytes,
      liveBytes: ledger.liveBytes,
      segments: ledger.segments.size,
      keys,
      quarantinedBytes: quarantine.bytes,
      truncatedBytes,
    };
  }

  trouble(): string | null {
    return this.#writer.trouble?.message ?? this.#space.trouble();
  }

  async probe(): Promise<void> {
    if (this.#closed) return;
    await this.#space.look();
    if (this.#writer.trouble === null) return;
    try {
      await this.#append([probeEntry()]);
    } catch (error) {
      if (!(error instanceof UpstreamError)) throw error; // else it is what trouble() says now
    }
  }

  async compact(): Promise<void> {
    if (this.#closed) return;
    try {
      await this.#compactor.compact();
    } catch (error) {
      throw storageError("compact the journal", error);
    }
  }

  onSync(listener: (durationMs: number) => void): () => void {
    this.#syncListeners.add(listener);
    return () => void this.#syncListeners.delete(listener);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#closed = true;
    const before = this.#writer.trouble;
    try {
      await this.#writer.close();
      await Promise.all([this.#compactor.idle(), this.#space.close()]);
      await this.#readers.close();
    } finally {
      await this.#opened.lock.release();
    }
    const trouble = this.#writer.trouble;
    if (trouble !== null && trouble !== before) throw trouble;
  }

  /** Appends whatever the limits say; resolves when it is durable. */
  #append(entries: readonly Entry[]): Promise<void> {
    if (this.#closed) return Promise.reject(closedError());
    return this.#submit(entries, sumOfBytes(entries));
  }

  #submit(entries: readonly Entry[], bytes: number): Promise<void> {
    this.#space.wrote(bytes);
    return new Promise((done, reject) => {
      this.#writer.submit({ entries, bytes, waiter: { resolve: done, reject }, number: 0 });
    });
  }

  /** The durable value's first `length` bytes; only the whole of it can be checked. */
  async #read(key: string, length: number): Promise<Uint8Array | null> {
    const whole = length === Infinity;
    for (;;) {
      const location = this.#ledger.locate(key);
      if (location === null) return null;
      const valueAt = HEADER_BYTES + location.keyBytes;
      const wanted = whole ? valueAt + location.valueBytes : Math.min(length, location.valueBytes);
      const at = location.offset + (whole ? 0 : valueAt);
      try {
        const bytes = await this.#readers.read(location.segment, at, wanted);
        if (whole ? isWholeFrame(bytes, location) : bytes.length === wanted) {
          return whole ? bytes.subarray(valueAt) : bytes;
        }
        throw storageError(
          "read the journal",
          new Error(`segment ${location.segment.sequence} is damaged at ${location.offset}`),
        );
      } catch (error) {
        // Compaction may have moved the value meanwhile: then it is looked for again.
        const { sequence } = location.segment;
        if (this.#ledger.isAt(key, sequence, location.offset)) throw storageError("read the journal", error);
      }
    }
  }

  /** The file is made, empty, and its name is on stable storage; a crash half-way leaves an empty segment. */
  async #begin(): Promise<{ segment: Segment; fd: number }> {
    const { disk, random } = this.#deps;
    const segment = newSegment(this.#folder, this.#nextSequence++, random());
    const fd = await disk.open(segment.path, "create");
    this.#ledger.segments.set(segment.sequence, segment);
    try {
      await disk.syncAll(fd);
      await disk.syncFolder(this.#folder);
      return { segment, fd };
    } catch (error) {
      segment.sealed = true; // it is empty, and removed with the dead ones
      await disk.close(fd);
      throw error;
    }
  }

  #durable(segment: Segment, entries: readonly Entry[]): void {
    const ledger = this.#ledger;
    for (const entry of entries) {
      const { key, encoding, offset, type, valueBytes } = entry;
      if (type === FrameType.set) ledger.set(segment, key, offset, encoding.bytes, valueBytes);
      else if (type === FrameType.remove) ledger.removed(segment, key, encoding.bytes);
      if (this.#pending.get(key) === entry) this.#pending.delete(key);
    }
    if (ledger.emptied) {
      ledger.emptied = false;
      this.#inBackground(this.#compactor.sweep());
    }
  }

  #dropped(dropped: Iterable<Entry>, pending: Iterable<Entry>): void {
    for (const entry of dropped) this.#pending.delete(entry.key);
    for (const entry of pending) {
      if (entry.source === null && entry.type !== FrameType.probe) this.#pending.set(entry.key, entry);
    }
  }

  #sealed(segment: Segment): void {
    segment.sealed = true;
    this.#compactSoon();
  }

  #synced(durationMs: number): void {
    for (const listener of this.#syncListeners) listener(durationMs);
  }

  /** In the background: nobody waits for it, and what fails is tried again at the next occasion. */
  #compactSoon(): void {
    if (!this.#closed) this.#inBackground(this.#compactor.compact());
  }

  #inBackground(task: Promise<void>): void {
    task.catch((error: unknown) => {
      this.#deps.log.warn("journal.compaction_failed", { reason: messageOf(error) });
    });
  }
}

function sumOfBytes(entries: readonly Entry[]): number {
  let bytes = 0;
  for (const entry of entries) bytes += frameBytes(entry);
  return bytes;
}

function pendingValue(entry: Entry, length: number): Uint8Array | null {
  if (entry.type !== FrameType.set) return null;
  const { value, valueBytes } = entry;
  return Buffer.concat(value, Math.min(length, valueBytes));
}

function isWholeFrame(bytes: Buffer, { segment, offset, keyBytes, valueBytes }: Location): boolean {
  const header = emptyHeader();
  return (
    bytes.length === HEADER_BYTES + keyBytes + valueBytes &&
    readHeader(bytes, 0, segment.sequence, offset, header) &&
    header.keyBytes === keyBytes &&
    header.valueBytes === valueBytes &&
    bodyIsWhole(bytes, HEADER_BYTES, header)
  );
}
