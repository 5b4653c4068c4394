/**
 * A journal that keeps its frames in an array: what the queue's tests stand on. It keeps the promises of relay/storage/journal/types.ts,
 * loses on crash() what was not synced, and fails when told to.
 */
import { UpstreamError } from "../../lib/errors.ts";
import type { Journal, Operation, RecoveryVisitor } from "../../relay/storage/journal/types.ts";

export interface Frame {
  readonly key: string;
  /** null: a removal. */
  readonly value: Uint8Array | null;
}

/** The disk: outlives the journals that are opened on it, one at a time. */
export class MemoryDisk {
  /** What was written, write by write: each is there as a whole or not at all. */
  log: Frame[][] = [];
  /** How many of the writes a loss of power would leave. */
  synced = 0;
  /** Set: writes fail with this code. */
  failing: string | null = null;
  /** Set: reads of values fail with this code. */
  failingReads: string | null = null;
  /** Synced writes wait for release() while this is set. */
  #held: (() => void)[] | null = null;
  /** Writes so far, by durability. */
  readonly writes = { synced: 0, lazy: 0 };
  /** Keys whose values can no longer be read. */
  readonly damaged = new Set<string>();
  /** Values that were read, whole or in part. */
  readonly reads = { whole: 0, start: 0 };
  /** Journals opened before this many crashes are dead. */
  crashes = 0;

  /** Loss of power: what was not synced is gone, except for `lucky` writes of it. */
  crash(lucky = 0): void {
    this.crashes++;
    this.log.length = Math.min(this.log.length, this.synced + lucky);
    this.synced = this.log.length;
  }

  get frames(): Frame[] {
    return this.log.flat();
  }

  /** Rewrites what is live, in another order than it was written in. */
  compact(order: (a: Frame, b: Frame) => number): void {
    const live = new Map<string, Frame>();
    for (const frame of this.frames) {
      if (frame.value === null) live.delete(frame.key);
      else live.set(frame.key, frame);
    }
    this.log = [[...live.values()].sort(order)];
    this.synced = this.log.length;
  }

  hold(): void {
    this.#held = [];
  }

  release(): void {
    const waiting = this.#held ?? [];
    this.#held = null;
    for (const go of waiting) go();
  }

  passage(): Promise<void> {
    const held = this.#held;
    if (held === null) return Promise.resolve();
    return new Promise((resolve) => {
      held.push(resolve);
    });
  }

  keys(prefix = ""): string[] {
    const live = new Set<string>();
    for (const { key, value } of this.frames) {
      if (value === null) live.delete(key);
      else live.add(key);
    }
    return [...live].filter((key) => key.startsWith(prefix)).sort();
  }
}

/** As the journal on files does: packed keys by row. */
function tell(visitor: RecoveryVisitor, key: string, value: Uint8Array | null): void {
  const { needs, ids } = visitor;
  const words = new Uint32Array(4);
  if (needs?.packed.parse(key, words) === true) {
    const [w0 = 0, w1 = 0, w2 = 0, w3 = 0] = words;
    if (value !== null) visitor.setPacked!(ids!.add(w0, w1, w2, w3), value.length);
    else if (ids!.find(w0, w1, w2, w3) !== 0) visitor.removePacked!(ids!.find(w0, w1, w2, w3));
  } else if (value === null) visitor.remove(key);
  else visitor.set(key, needs?.kept(key, value) ?? value);
}

export function openMemoryJournal(disk: MemoryDisk, visitor: RecoveryVisitor | null): Promise<Journal> {
  const index = new Map<string, Uint8Array>();
  let bytes = 0;
  const put = (key: string, value: Uint8Array | null): void => {
    const before = index.get(key);
    if (before !== undefined) bytes -= key.length + before.length;
    if (value === null) index.delete(key);
    else {
      index.set(key, value);
      bytes += key.length + value.length;
    }
  };
  for (const { key, value } of disk.frames) {
    put(key, value);
    if (visitor !== null) tell(visitor, key, value);
  }
  let isClosed = false;
  const bornAfter = disk.crashes;
  const refuse = (code: string): UpstreamError =>
    new UpstreamError(code, `Cannot write: ${code}`, { retryable: true });
  const read = (key: string): void => {
    if (disk.damaged.has(key)) throw refuse("storage");
    if (disk.failingReads !== null) throw refuse(disk.failingReads);
  };

  const journal: Journal = {
    async write(operations: readonly Operation[], durability) {
      if (isClosed || disk.crashes !== bornAfter) throw refuse("closed");
      const frames = operations.map((operation): Frame => ({
        key: operation.key,
        value: operation.type === "remove" ? null : joined(operation.value),
      }));
      await disk.passage();
      if (disk.crashes !== bornAfter) return new Promise(() => {});
      if (disk.failing !== null) throw refuse(disk.failing);
      disk.writes[durability]++;
      disk.log.push(frames);
      for (const frame of frames) put(frame.key, frame.value);
      await Promise.resolve();
      if (durability === "synced") disk.synced = disk.log.length;
    },
    async get(key) {
      await Promise.resolve();
      read(key);
      disk.reads.whole++;
      return index.get(key) ?? null;
    },
    async getStart(key, length) {
      await Promise.resolve();
      read(key);
      disk.reads.start++;
      return index.get(key)?.subarray(0, length) ?? null;
    },
    has: (key) => index.has(key),
    size: (key) => index.get(key)?.length ?? null,
    *keys(prefix) {
      for (const key of index.keys()) if (key.startsWith(prefix)) yield key;
    },
    stats: () => {
      return {
        bytes,
        liveBytes: bytes,
        segments: 1,
        keys: index.size,
        quarantinedBytes: 0,
        truncatedBytes: 0,
        verifiedSegments: 0,
        damagedBytes: 0,
      };
    },
    trouble: () => disk.failing,
    isLost: () => false,
    probe: () => Promise.resolve(),
    compact: () => Promise.resolve(),
    verify: () => Promise.resolve(),
    onSync: () => () => {},
    close() {
      isClosed = true;
      disk.synced = disk.log.length;
      return Promise.resolve();
    },
  };
  return Promise.resolve(journal);
}

function joined(value: Uint8Array | readonly Uint8Array[]): Uint8Array {
  return value instanceof Uint8Array ? Uint8Array.from(value) : new Uint8Array(Buffer.concat(value));
}
