/**
 * The journal: ties the ledger of what is durable, the writes that are not yet, the segments and the limits together.
 *
 * A key's value is what the last write of it said, whether or not that is durable yet. Nothing has to be undone if it fails.
 */
import { messageOf, UpstreamError } from "../../../lib/errors.ts";
import { bytesOf, entryOf, probeEntry, type BatchEntry } from "./batch.ts";
import { Compactor } from "./compaction.ts";
import { FrameType, MAX_WRITE_BYTES } from "./frame.ts";
import type { Ledger } from "./ledger.ts";
import { Pending, pendingValue } from "./pending.ts";
import type { JournalDeps, Opened } from "./opened.ts";
import { Readers } from "./readers.ts";
import { createRoom, SEGMENT_BYTES } from "./room.ts";
import type { Segment } from "./segment.ts";
import { Scrubber } from "./scrubber.ts";
import type { Space } from "./space.ts";
import type { Spare } from "./spare.ts";
import { storageClosed, storageError } from "./errors.ts";
import type { Journal, JournalOptions, JournalStats, Operation, Priority } from "./types.ts";
import { readValue } from "./values.ts";
import { Writer } from "./writer.ts";

export class FileJournal implements Journal {
  readonly #deps: JournalDeps;
  readonly #opened: Opened;
  readonly #ledger: Ledger;
  readonly #readers: Readers;
  readonly #space: Space;
  readonly #spare: Spare;
  readonly #writer: Writer;
  readonly #compactor: Compactor;
  readonly #scrubber: Scrubber;
  readonly #pending: Pending;
  readonly #syncListeners = new Set<(durationMs: number) => void>();
  #closed = false;
  #closing: Promise<void> | null = null;

  constructor(folder: string, options: JournalOptions, deps: JournalDeps, opened: Opened) {
    const { disk, clock, log } = deps;
    const segmentBytes = options.segmentBytes ?? SEGMENT_BYTES;
    const { lock, ledger } = opened;
    this.#deps = deps;
    this.#opened = opened;
    this.#ledger = ledger;
    this.#pending = new Pending(ledger.index);
    this.#readers = new Readers(disk, options.maxOpenSegments ?? 64);
    const { space, spare, newSegments } = createRoom(folder, options, deps, opened);
    this.#space = space;
    this.#spare = spare;
    this.#writer = new Writer({
      disk,
      clock,
      log,
      lock,
      segmentBytes,
      begin: () => newSegments.begin(),
      hasSpare: () => this.#spare.isReady,
      prefersDurableWrites: () => this.#spare.mode.durableWrites,
      durable: (segment, entries) => this.#durable(segment, entries),
      dropped: (entries, left) => this.#pending.dropped(entries, left),
      sealed: (segment) => this.#sealed(segment),
      synced: (durationMs, bytes, filledLeft) => {
        this.#spare.wrote(bytes, filledLeft);
        for (const listener of this.#syncListeners) listener(durationMs);
      },
    });
    this.#scrubber = new Scrubber({ disk, clock, log, ledger, indexes: opened.indexes });
    this.#compactor = new Compactor({
      disk,
      log,
      ledger,
      folder,
      segmentBytes,
      isPending: (key) => this.#pending.has(key),
      append: (entries) => this.#append(entries),
      removed: ({ sequence }) => {
        this.#readers.drop(sequence);
        opened.indexes?.removed(sequence);
      },
      stopped: () => this.#closed || !lock.isTrusted(),
    });
  }

  async start(): Promise<void> {
    await this.#space.look();
    await this.#spare.start();
    await this.#compactor.sweep();
  }

  write(
    operations: readonly Operation[],
    durability: "synced" | "lazy",
    priority: Priority = "intake",
  ): Promise<void> {
    if (this.#closed) return Promise.reject(storageClosed());
    if (operations.length === 0) return Promise.resolve();
    let entries: BatchEntry[];
    try {
      entries = operations.map(entryOf);
    } catch (error) {
      return Promise.reject(error as Error);
    }
    const bytes = bytesOf(entries);
    if (bytes > MAX_WRITE_BYTES) {
      return Promise.reject(
        new RangeError(`Cannot write ${bytes} bytes at once, limit is ${MAX_WRITE_BYTES}`),
      );
    }
    const refused = this.#space.refusal(priority, bytes, this.#writer.pendingBytes, this.#ledger);
    if (refused !== null) {
      if (refused.code === "queue-full") this.#compactSoon();
      else if (refused.code === "disk-full") void this.#spare.giveBack();
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
    if (this.#closed) return Promise.reject(storageClosed());
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
    return slot === 0 ? null : this.#ledger.index.valueBytesOf(slot);
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
      ...this.#scrubber.found,
    };
  }

  trouble(): string | null {
    return this.#writer.trouble?.message ?? this.#space.trouble(this.#writer.pendingBytes, this.#ledger);
  }

  isLost(): boolean {
    return this.#opened.lock.isLost();
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
      await this.#opened.lock.ensure();
      await this.#compactor.compact();
    } catch (error) {
      throw storageError("compact the journal", error);
    }
  }

  async verify(): Promise<void> {
    if (this.#closed) return;
    try {
      await this.#scrubber.verifyNext();
    } catch (error) {
      throw storageError("verify the journal", error);
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
      await this.#scrubber.close();
      await this.#writer.close();
      await Promise.all([this.#compactor.idle(), this.#space.close(), this.#spare.close()]);
      await Promise.all([this.#readers.close(), this.#opened.indexes?.idle()]);
    } finally {
      await this.#opened.lock.release();
    }
    const trouble = this.#writer.trouble;
    if (trouble !== null && trouble !== before) throw trouble;
  }

  /** Appends whatever the limits say; resolves when it is durable. */
  #append(entries: readonly BatchEntry[]): Promise<void> {
    if (this.#closed) return Promise.reject(storageClosed());
    return this.#submit(entries, bytesOf(entries));
  }

  #submit(entries: readonly BatchEntry[], bytes: number): Promise<void> {
    this.#space.wrote(bytes);
    return new Promise((done, reject) => {
      this.#writer.submit({ entries, bytes, waiter: { resolve: done, reject }, number: 0 });
    });
  }

  #durable(segment: Segment, entries: readonly BatchEntry[]): void {
    const ledger = this.#ledger;
    const builder = this.#opened.indexes?.builderOf(segment);
    for (const entry of entries) {
      const { key, encoding, offset, type, valueBytes } = entry;
      builder?.add(entry);
      if (type === FrameType.set) ledger.set(segment, key, { offset, keyBytes: encoding.bytes, valueBytes });
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
    this.#opened.indexes?.sealed(segment);
    this.#compactSoon();
  }

  /** In the background: no caller waits for it, and what fails is tried again at the next occasion. */
  #compactSoon(): void {
    if (!this.#closed) this.#inBackground(this.#compactor.compact());
  }

  #inBackground(task: Promise<void>): void {
    task.catch((error: unknown) => {
      this.#deps.log.warn("journal.compaction-failed", { error: messageOf(error) });
    });
  }
}
