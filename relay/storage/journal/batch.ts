/** Writes on their way to the disk, and the bytes that a batch of them becomes. */
import { checksumOf, checksumOfParts } from "./checksum.ts";
import {
  FrameType,
  HEADER_BYTES,
  keyEncoding,
  MAX_KEY_BYTES,
  MAX_VALUE_BYTES,
  writeHeader,
  writeKey,
  type KeyEncoding,
} from "./frame.ts";
import type { Segment } from "./segment.ts";
import type { Operation } from "./types.ts";

/** Smaller values are copied behind their headers; larger ones are handed to the system as they are. */
const COPIED_BELOW_BYTES = 65_536;
/** Longest buffer that is kept for the next batch. */
const KEPT_BYTES = 1_048_576;

/** A value's present place, from which compaction copies it. */
export interface Source {
  readonly sequence: number;
  readonly offset: number;
}

/** One frame to be. */
export interface BatchEntry {
  readonly type: FrameType;
  readonly key: string;
  readonly encoding: KeyEncoding;
  readonly value: readonly Uint8Array[];
  readonly valueBytes: number;
  /** Set where this is a copy of the key's present value; made only while nothing else of the key is on its way. */
  readonly source: Source | null;
  /** Where it was put; set when its batch is encoded. */
  offset: number;
}

/** What one write() asked for. */
export interface Write {
  readonly entries: readonly BatchEntry[];
  readonly bytes: number;
  /** Null for a lazy write: no caller waits for it. */
  readonly waiter: { resolve(): void; reject(error: Error): void } | null;
  number: number;
}

const NOTHING: readonly Uint8Array[] = [];

/** Throws a RangeError for a key or value that no frame can hold. */
export function entryOf(operation: Operation): BatchEntry {
  const { key } = operation;
  const encoding = keyEncoding(key);
  if (encoding.bytes > MAX_KEY_BYTES) {
    throw new RangeError(`Cannot write key of ${encoding.bytes} bytes, limit is ${MAX_KEY_BYTES}`);
  }
  if (operation.type === "remove") {
    return { type: FrameType.remove, key, encoding, value: NOTHING, valueBytes: 0, source: null, offset: 0 };
  }
  const value = operation.value instanceof Uint8Array ? [operation.value] : operation.value;
  let valueBytes = 0;
  for (const part of value) valueBytes += part.length;
  if (valueBytes > MAX_VALUE_BYTES) {
    throw new RangeError(`Cannot write value of ${valueBytes} bytes, limit is ${MAX_VALUE_BYTES}`);
  }
  return { type: FrameType.set, key, encoding, value, valueBytes, source: null, offset: 0 };
}

export function probeEntry(): BatchEntry {
  const encoding = { bytes: 0, wide: false };
  return { type: FrameType.probe, key: "", encoding, value: NOTHING, valueBytes: 0, source: null, offset: 0 };
}

export function frameBytes(entry: BatchEntry): number {
  return HEADER_BYTES + entry.encoding.bytes + entry.valueBytes;
}

export function bytesOf(entries: readonly BatchEntry[]): number {
  let bytes = 0;
  for (const entry of entries) bytes += frameBytes(entry);
  return bytes;
}

/** Encodes one batch after another; what it returned is valid until it is asked for the next one. */
export class BatchEncoder {
  #buffer = Buffer.alloc(0);

  /**
   * The bytes of the writes, to stand at `offset` of the segment: parts to be written one after another. Notes each entry's
   * offset in it.
   */
  encode(writes: readonly Write[], segment: Segment, offset: number): Uint8Array[] {
    const buffer = this.#room(copiedBytes(writes));
    const parts: Uint8Array[] = [];
    const place = { sequence: segment.sequence, salt: segment.salt, offset };
    let from = 0;
    let at = 0;
    for (const { entries } of writes) {
      const last = entries.length - 1;
      for (let index = 0; index <= last; index++) {
        const entry = entries[index] as BatchEntry;
        const { type, key, encoding, value, valueBytes } = entry;
        const keyAt = at + HEADER_BYTES;
        let end = keyAt + encoding.bytes;
        let checksum: number;
        writeKey(buffer, keyAt, key, encoding);
        if (valueBytes < COPIED_BELOW_BYTES) {
          for (const part of value) {
            buffer.set(part, end);
            end += part.length;
          }
          checksum = checksumOf(buffer.subarray(keyAt, end));
        } else {
          checksum = checksumOfParts([buffer.subarray(keyAt, end), ...value]);
          parts.push(buffer.subarray(from, end), ...value);
          from = end;
        }
        writeHeader(
          buffer,
          at,
          { type, encoding, valueBytes, checksum, first: index === 0, last: index === last },
          place,
        );
        entry.offset = place.offset;
        place.offset += HEADER_BYTES + encoding.bytes + valueBytes;
        at = end;
      }
    }
    if (at > from) parts.push(buffer.subarray(from, at));
    return parts;
  }

  #room(bytes: number): Buffer {
    if (bytes <= this.#buffer.length) return this.#buffer;
    const buffer = Buffer.allocUnsafeSlow(bytes);
    if (bytes <= KEPT_BYTES) this.#buffer = buffer;
    return buffer;
  }
}

function copiedBytes(writes: readonly Write[]): number {
  let bytes = 0;
  for (const { entries } of writes) {
    for (const { encoding, valueBytes } of entries) {
      bytes += HEADER_BYTES + encoding.bytes + (valueBytes < COPIED_BELOW_BYTES ? valueBytes : 0);
    }
  }
  return bytes;
}
