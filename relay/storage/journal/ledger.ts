/**
 * What the segments hold that still counts: the index of live keys together with each segment's share, kept in step.
 * Recovery and the running journal report here the same two facts, in the order of the files: a key was set, a key was removed.
 */
import type { IdRows } from "../columns/id-rows.ts";
import { HEADER_BYTES } from "./frame.ts";
import { KeyIndex } from "./key-index.ts";
import type { Segment } from "./segment.ts";
import type { PackedKeys } from "./types.ts";

/** Where a live key's frame stands. */
export interface Location {
  readonly segment: Segment;
  readonly offset: number;
  readonly keyBytes: number;
  readonly valueBytes: number;
}

/** A frame's place in its segment, and its lengths. */
export interface FramePosition {
  readonly offset: number;
  readonly keyBytes: number;
  readonly valueBytes: number;
}

export class Ledger {
  readonly index: KeyIndex;
  /** Oldest first. */
  readonly segments = new Map<number, Segment>();
  /** Bytes of the frames that hold a key's present value. */
  liveBytes = 0;
  /** Set when a segment has lost its last live frame; the search for dead segments takes it back. */
  emptied = false;

  /**
   * @param packed of the journal's keys; null: none are packed
   * @param ids rows of packed keys, which others may hold as well
   */
  constructor(packed: PackedKeys | null = null, ids?: IdRows) {
    this.index = new KeyIndex(packed, ids);
  }

  /** Bytes of all segments. */
  get bytes(): number {
    let sum = 0;
    for (const segment of this.segments.values()) sum += segment.bytes;
    return sum;
  }

  locate(key: string): Location | null {
    const slot = this.index.find(key);
    if (slot === 0) return null;
    return {
      segment: this.segments.get(this.index.segmentOf(slot)) as Segment,
      offset: this.index.offsetOf(slot),
      keyBytes: this.index.keyBytesOf(slot),
      valueBytes: this.index.valueBytesOf(slot),
    };
  }

  /** Whether the key's present value is the frame at this place. */
  isAt(key: string, sequence: number, offset: number): boolean {
    const { index } = this;
    const slot = index.find(key);
    return slot !== 0 && index.segmentOf(slot) === sequence && index.offsetOf(slot) === offset;
  }

  set(segment: Segment, key: string, frame: FramePosition): void {
    const { index } = this;
    const slot = index.find(key);
    if (slot !== 0) this.#release(slot);
    this.#place(slot === 0 ? index.add(key, frame.keyBytes) : slot, segment, frame);
  }

  /** As set(), for the packed key with this id. @returns its row */
  setPacked(segment: Segment, id: Uint32Array, frame: FramePosition): number {
    const { index } = this;
    const row = index.addRow(id);
    if (index.isLive(row)) this.#release(row);
    else index.take(row);
    this.#place(row, segment, frame);
    return row;
  }

  removed(segment: Segment, key: string, keyBytes: number): void {
    segment.removalBytes += HEADER_BYTES + keyBytes;
    const slot = this.index.find(key);
    if (slot === 0) return;
    this.#release(slot);
    this.index.remove(key, slot);
  }

  /** As removed(), for the packed key in this row; 0: its id has none. */
  removedPacked(segment: Segment, row: number, keyBytes: number): void {
    segment.removalBytes += HEADER_BYTES + keyBytes;
    if (row === 0 || !this.index.isLive(row)) return;
    this.#release(row);
    this.index.removeRow(row);
  }

  #place(slot: number, segment: Segment, { offset, keyBytes, valueBytes }: FramePosition): void {
    this.index.place(slot, segment.sequence, offset, valueBytes);
    const bytes = HEADER_BYTES + keyBytes + valueBytes;
    segment.liveBytes += bytes;
    segment.liveFrames += 1;
    this.liveBytes += bytes;
  }

  #release(slot: number): void {
    const { index } = this;
    const segment = this.segments.get(index.segmentOf(slot)) as Segment;
    const bytes = HEADER_BYTES + index.keyBytesOf(slot) + index.valueBytesOf(slot);
    segment.liveBytes -= bytes;
    segment.liveFrames -= 1;
    this.liveBytes -= bytes;
    if (segment.liveFrames === 0) this.emptied = true;
  }
}
