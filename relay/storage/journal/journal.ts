/**
 * The journal: ties the ledger of what is durable, the writes that are not yet, the segments and the limits together.
 *
 * A key's value is what the last write of it said, whether or not that is durable yet. Nothing has to be undone where it fails.
 */
import { dirname } from "node:path";
import type { Clock } from "../../../lib/clock.ts";
import { messageOf, UpstreamError } from "../../../lib/errors.ts";
import type { Log } from "../../../lib/log.ts";
import { entryOf, frameBytes, probeEntry, type BatchEntry } from "./batch.ts";
import { Compactor } from "./compaction.ts";
import type { Disk } from "./disk.ts";
import { FrameType, MAX_WRITE_BYTES } from "./frame.ts";
import type { Ledger } from "./ledger.ts";
import type { Lock } from "./lock.ts";
import { Pending, pendingValue } from "./pending.ts";
import type { Quarantine } from "./quarantine.ts";
import { Readers } from "./readers.ts";
import { newSegment, type Segment } from "./segment.ts";
import { Space } from "./space.ts";
import { journalClosed, storageError } from "./errors.ts";
import type { Journal, JournalOptions, JournalStats, Operation, Priority } from "./types.ts";
import { readValue } from "./values.ts";
import { Writer } from "./writer.ts";

export interface JournalDeps {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly log: Log;
  /** 32 random bits. */
  readonly random: () => number;
}

const MiB = 1024 * 1024;

/** What opening it has found and made. */
export interface Opened {
  readonly lock: Lock;
  readonly ledger: Ledger;
  readonly quarantine: Quarantine;
  readonly newest: number;
  readonly truncatedBytes: number;
}

export class FileJournal implements Journal {
  readonly #folder: string;
  readonly #deps: JournalDeps;
  readonly #opened: Opened;
  readonly #ledger: Ledger;
  readonly #readers: Readers;
  readonly #space: Space;
  readonly #writer: Writer;
  readonly #compactor: Compactor;
  readonly #pending: Pending;
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
    this.#pending = new Pending(opened.ledger.index);
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
      lock: opened.lock,
      segmentBytes,
      begin: () => this.#begin(),
      durable: (segment, entries) => this.#durable(segment, entries),
      dropped: (entries, left) => this.#pending.dropped(entries, left),
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
      stopped: () => this.#closed || !this.#opened.lock.isTrusted(),
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
    if (this.#closed) return Promise.reject(journalClosed());
    if (operations.length === 0) return Promise.resolve();
    let entries: BatchEntry[];
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
    for (const entry of entries) this.#pending.add(entry);
    if (durability === "synced") return this.#submit(entries, bytes);
    this.#space.wrote(bytes);
    this.#writer.submit({ entries, bytes, waiter: null, number: 0 });
    return Promise.resolve();
  }

  get(key: string): Promise<Uint8Array | null> {
    return this.getStart(key, Infinity);
  }

  getStart(key: string, length: number): Promise<Uint8Array | null> {
    if (this.#closed) return Promise.reject(journalClosed());
    const pending = this.#pending.find(key);
    return pending === undefined
      ? readValue(this.#ledger, this.#readers, key, length)
      : Promise.resolve(pendingValue(pending, length));
  }

  has(key: string): boolean {
    const pending = this.#pending.find(key);
    return pending === undefined ? this.#ledger.index.has(key) : pending.type === FrameType.set;
  }

  size(key: string): number | null {
    const pending = this.#pending.find(key);
    if (pending !== undefined) return pending.type === FrameType.set ? pending.valueBytes : null;
    const slot = this.#ledger.index.find(key);
    return slot === undefined ? null : this.#ledger.index.valueBytesOf(slot);
  }

  keys(prefix: string): Generator<string> {
    return this.#pending.keys(prefix);
  }

  stats(): JournalStats {
    const { ledger, quarantine, truncatedBytes } = this.#opened;
    return {
      bytes: ledger.bytes,
      liveBytes: ledger.liveBytes,
      segments: ledger.segments.size,
      keys: this.#pending.countKeys(),
      quarantinedBytes: quarantine.bytes,
      truncatedBytes,
    };
  }

  trouble(): string | null {
    return this.#writer.trouble?.message ?? this.#space.trouble(this.#writer.pendingBytes, this.#ledger);
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
      const { lock } = this.#opened;
      if (!lock.isTrusted()) await lock.confirm();
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
  #append(entries: readonly BatchEntry[]): Promise<void> {
    if (this.#closed) return Promise.reject(journalClosed());
    return this.#submit(entries, sumOfBytes(entries));
  }

  #submit(entries: readonly BatchEntry[], bytes: number): Promise<void> {
    this.#space.wrote(bytes);
    return new Promise((done, reject) => {
      this.#writer.submit({ entries, bytes, waiter: { resolve: done, reject }, number: 0 });
    });
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

  #durable(segment: Segment, entries: readonly BatchEntry[]): void {
    const ledger = this.#ledger;
    for (const entry of entries) {
      const { key, encoding, offset, type, valueBytes } = entry;
      if (type === FrameType.set) ledger.set(segment, key, offset, encoding.bytes, valueBytes);
      else if (type === FrameType.remove) ledger.removed(segment, key, encoding.bytes);
      this.#pending.durable(entry);
    }
    if (ledger.emptied) {
      ledger.emptied = false;
      this.#inBackground(this.#compactor.sweep());
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
      this.#deps.log.warn("journal.compaction-failed", { error: messageOf(error) });
    });
  }
}

function sumOfBytes(entries: readonly BatchEntry[]): number {
  let bytes = 0;
  for (const entry of entries) bytes += frameBytes(entry);
  return bytes;
}
