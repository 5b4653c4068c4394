/**
 * The journal, as its users see it: a durable map from keys to bytes, written by appending.
 */
import type { IdRows } from "../columns/id-rows.ts";

export type Operation =
  /** The value may come in parts, which are written one after another without being joined in memory. */
  | { readonly type: "set"; readonly key: string; readonly value: Uint8Array | readonly Uint8Array[] }
  | { readonly type: "remove"; readonly key: string };

export type Priority = "intake" | "completion";

export interface JournalStats {
  /** Bytes of all segments, as far as they are written: zeros that a file is filled with ahead do not count. */
  readonly bytes: number;
  /** Bytes of the frames that hold a key's present value. */
  readonly liveBytes: number;
  readonly segments: number;
  readonly keys: number;
  /** Bytes that could not be read as frames and were moved aside, ever since the folder was made. */
  readonly quarantinedBytes: number;
  /** Bytes of an interrupted write that were cut from the end of the newest segment at the last opening. */
  readonly truncatedBytes: number;
  /** Sealed segments that verify() has found whole within the last day. */
  readonly verifiedSegments: number;
  /** Bytes of the present segments in which verify() or the opening found no whole frame. */
  readonly damagedBytes: number;
}

/** Keys that are 128-bit ids in disguise: kept in memory and in indexes as four words, whose last one is evenly spread. */
export interface PackedKeys {
  /** Length of each such key, bytes; one per character. */
  readonly bytes: number;
  /** Writes the id into `into`; false if it is another key. Keys and ids correspond one to one. */
  parse(key: string, into: Uint32Array): boolean;
  format(id: Uint32Array): string;
}

/** What a start needs to know of the keys, so that an index beside a segment can say it in place of the segment. */
export interface RecoveryNeeds {
  /** Changes whenever the answers below do: indexes of another version are made anew. */
  readonly version: number;
  readonly packed: PackedKeys;
  /** What the visitor's set() is told of a value: a part of it, or what stands for it. */
  kept(key: string, value: Uint8Array): Uint8Array;
}

/**
 * Called while the journal opens, in the order of writing: what each whole frame says. Values are views, valid during the call. With
 * `needs`, set() gets what kept() says of a value, and the packed keys go to setPacked() and removePacked(). A removal of a packed
 * key that was not set before is not told.
 */
export interface RecoveryVisitor {
  set(key: string, value: Uint8Array): void;
  remove(key: string): void;
  readonly needs?: RecoveryNeeds;
  /** In which the visitor has rows, too, and the journal its own for packed keys. @default one of the journal's own */
  readonly ids?: IdRows;
  /** @param row of its id */
  setPacked?(row: number, valueBytes: number): void;
  /** @param row of its id, which was set before */
  removePacked?(row: number): void;
}

export interface Journal {
  /**
   * Appends the operations in order, as one write. Durability `synced`: resolves once they survive loss of power; `lazy`: resolves
   * once the write was handed to the next batch, and becomes durable with whatever is synced next, within a second at the latest.
   * Either way later reads in this process see it at once. Rejects with an UpstreamError (`disk-full`, `queue-full`, `storage`, `closed`);
   * after a rejected write the keys have their former values, though a crash may still bring the new ones to light.
   * A crash half-way leaves all of the operations or none. The bytes must not be changed afterwards: they are not copied.
   *
   * `intake` (the default) is refused while the disk has less than `minFreeBytes` or the journal more than `maxBytes`;
   * `completion` is what lets the backlog shrink, and is tried even then.
   */
  write(operations: readonly Operation[], durability: "synced" | "lazy", priority?: Priority): Promise<void>;
  /** The value; rejects with an UpstreamError (`storage`) if its frame is no longer whole. */
  get(key: string): Promise<Uint8Array | null>;
  /** The first `length` bytes of the value, fewer if it is shorter; not checked against the frame's checksum. */
  getStart(key: string, length: number): Promise<Uint8Array | null>;
  has(key: string): boolean;
  /** Length of the value in bytes; null if there is none. */
  size(key: string): number | null;
  /** The keys that begin so, in no particular order. */
  keys(prefix: string): IterableIterator<string>;
  stats(): JournalStats;
  /** What is wrong with storing now; null if nothing is. */
  trouble(): string | null;
  /** Another process has taken the folder: nothing is written any more. */
  isLost(): boolean;
  /** Looks at the disk again: free space, and one synced write after a failure. */
  probe(): Promise<void>;
  /** Rewrites segments that are mostly dead and removes those that are wholly so. */
  compact(): Promise<void>;
  /**
   * Reads the sealed segment that was read longest ago, slowly, and checks what it holds; nothing if all were read within a day.
   * Rejects with an UpstreamError (`storage`) if the disk fails.
   */
  verify(): Promise<void>;
  /** Calls back with the duration of each sync in milliseconds. */
  onSync(listener: (durationMs: number) => void): () => void;
  /**
   * Writes down what is lazy and lets go of the folder; nothing is open afterwards. Rejects with an UpstreamError if lazy writes
   * could not be made durable.
   */
  close(): Promise<void>;
}

export interface JournalOptions {
  /** Folder; made if it does not exist. */
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
  /**
   * `auto`: if the file system writes in place quicker than it appends, which is measured, segments are filled with zeros ahead.
   * `off`: segments grow with what is written. @default "off"
   */
  readonly preallocate?: "auto" | "off";
  /** Told what is found while opening. If it says what it needs, sealed segments get an index beside them. */
  readonly visitor?: RecoveryVisitor | null;
  /** Segments below this length get no index: they are read as quickly themselves. @default 1 MiB */
  readonly indexFromBytes?: number;
}
