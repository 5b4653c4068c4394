/** Writes on their way to the disk, and the bytes that a batch of them becomes. */
import {
  FrameType,
  HEADER_BYTES,
  keyEncoding,
  MAX_KEY_BYTES,
  MAX_VALUE_BYTES,
  writeHead,
  type KeyEncoding,
} from "./frame.ts";
import type { Segment } from "./segment.ts";
import type { Operation } from "./types.ts";

/** Smaller values are copied beside their headers; larger ones are handed to the system as they are. */
const COPIED_BELOW_BYTES = 8192;

/** A value's present place, from which compaction copies it. */
export interface Source {
  readonly sequence: number;
  readonly offset: number;
}

/** One frame to be. */
export interface Entry {
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
  readonly entries: readonly Entry[];
  readonly bytes: number;
  /** Null for a lazy write: nobody waits for it. */
  readonly waiter: { resolve(): void; reject(error: Error): void } | null;
  number: number;
}

const NOTHING: readonly Uint8Array[] = [];

/** Throws a RangeError for a key or value that no frame can hold. */
export function entryOf(operation: Operation): Entry {
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

export function probeEntry(): Entry {
  const encoding = { bytes: 0, wide: false };
  return { type: FrameType.probe, key: "", encoding, value: NOTHING, valueBytes: 0, source: null, offset: 0 };
}

export function frameBytes(entry: Entry): number {
  return HEADER_BYTES + entry.encoding.bytes + entry.valueBytes;
}

/**
 * The bytes of the writes, to stand at `offset` of the segment: parts to be written one after another. Notes each entry's
 * offset in it.
 */
export function encodeBatch(writes: readonly Write[], segment: Segment, offset: number): Uint8Array[] {
  let copied = 0;
  for (const write of writes) {
    for (const entry of write.entries) {
      copied += HEADER_BYTES + entry.encoding.bytes;
      if (entry.valueBytes < COPIED_BELOW_BYTES) copied += entry.valueBytes;
    }
  }
  const buffer = Buffer.allocUnsafeSlow(copied);
  const parts: Uint8Array[] = [];
  const place = { sequence: segment.sequence, salt: segment.salt, offset };
  let from = 0;
  let at = 0;
  for (const { entries } of writes) {
    const last = entries.length - 1;
    for (let index = 0; index <= last; index++) {
      const entry = entries[index] as Entry;
      const { type, key, encoding, value, valueBytes } = entry;
      entry.offset = place.offset;
      const bounds = { first: index === 0, last: index === last };
      writeHead(buffer, at, { type, key, encoding, value, valueBytes, ...bounds }, place);
      at += HEADER_BYTES + encoding.bytes;
      place.offset += HEADER_BYTES + encoding.bytes + valueBytes;
      if (valueBytes < COPIED_BELOW_BYTES) {
        for (const part of value) {
          buffer.set(part, at);
          at += part.length;
        }
      } else {
        parts.push(buffer.subarray(from, at), ...value);
        from = at;
      }
    }
  }
  if (at > from) parts.push(buffer.subarray(from, at));
  return parts;
}
