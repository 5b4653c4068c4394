/**
 * What a start needs of a sealed segment, as bytes: each frame's key, place and length in the order of the frames, and what the visitor
 * is told of its value. Pure; the files are in indexes.ts.
 *
 *      0  magic      4 bytes            16  bytes      length of the segment
 *      4  version    of this layout     20  frames
 *      8  needs      version of it      24  last       offset of the segment's last frame
 *     12  sequence                      28  salt       of the segment
 *     32  entries    bytes of them      36  checksum   of everything before and behind it
 *     40  entries
 *
 * An entry begins with a byte: its type, and flags. Then the offset, the length of the value, and the id of a
 * packed key; or the lengths of the key and of what is kept of the value, and both of them.
 */
import { checksumOfParts } from "./checksum.ts";
import { FrameType, writeKey, type KeyEncoding } from "./frame.ts";
import type { RecoveryNeeds } from "./types.ts";

const MAGIC = 0x5849_8eda;
/** Of the layout. */
const VERSION = 1;
const HEAD_BYTES = 40;
const CHECKSUM_AT = 36;
const FIRST_BYTES = 16_384;

const PACKED = 0x10;
const WIDE_KEY = 0x20;
const TYPE_MASK = 0x0f;
/** Type, offset, length of the value. */
const PLACE_BYTES = 9;
const ID_BYTES = 16;
/** Lengths of key and kept value. */
const LENGTH_BYTES = 6;

/** Which segment an index speaks of: it is believed only beside that one. */
export interface SegmentIdentity {
  readonly sequence: number;
  readonly salt: number;
  readonly bytes: number;
  /** Offset of its last frame. */
  readonly last: number;
}

/** One frame, as the ledger and a visitor are told of it. */
export interface IndexedFrame {
  readonly type: FrameType;
  readonly key: string;
  readonly encoding: KeyEncoding;
  readonly offset: number;
  /** The value, or parts of it one after another. */
  readonly value: readonly Uint8Array[];
  readonly valueBytes: number;
}

/** Collects what there is to say of a segment while its frames are written or read. */
export class IndexBuilder {
  readonly #needs: RecoveryNeeds;
  #bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #length = HEAD_BYTES;
  #frames = 0;
  #last = 0;
  readonly #id = new Uint32Array(4);

  constructor(needs: RecoveryNeeds) {
    this.#needs = needs;
  }

  /** Bytes that it takes. */
  get length(): number {
    return this.#length;
  }

  /** The next frame of the segment. */
  add(frame: IndexedFrame): void {
    const { type, key, offset } = frame;
    this.#frames += 1;
    this.#last = offset;
    if (type === FrameType.probe) return;
    if (this.#needs.packed.parse(key, this.#id)) this.#addPacked(frame);
    else this.#addOther(frame);
  }

  #addPacked({ type, offset, valueBytes }: IndexedFrame): void {
    const bytes = this.#room(PLACE_BYTES + ID_BYTES);
    let at = this.#length;
    bytes[at] = type | PACKED;
    bytes.writeUInt32LE(offset, at + 1);
    bytes.writeUInt32LE(valueBytes, at + 5);
    at += PLACE_BYTES;
    for (const word of this.#id) at = bytes.writeUInt32LE(word, at);
    this.#length = at;
  }

  #addOther({ type, key, encoding, offset, value, valueBytes }: IndexedFrame): void {
    const whole = value.length === 1 ? value[0]! : Buffer.concat(value);
    const kept = type === FrameType.set ? this.#needs.kept(key, whole) : whole;
    const bytes = this.#room(PLACE_BYTES + LENGTH_BYTES + encoding.bytes + kept.length);
    let at = this.#length;
    bytes[at] = type | (encoding.wide ? WIDE_KEY : 0);
    bytes.writeUInt32LE(offset, at + 1);
    bytes.writeUInt32LE(valueBytes, at + 5);
    bytes.writeUInt16LE(encoding.bytes, at + PLACE_BYTES);
    bytes.writeUInt32LE(kept.length, at + PLACE_BYTES + 2);
    at += PLACE_BYTES + LENGTH_BYTES;
    writeKey(bytes, at, key, encoding);
    at += encoding.bytes;
    bytes.set(kept, at);
    this.#length = at + kept.length;
  }

  /** The whole index of the segment, which gets no further frame. */
  finish({ sequence, salt, bytes: segmentBytes }: Omit<SegmentIdentity, "last">): Buffer {
    const bytes = this.#bytes.subarray(0, this.#length);
    const words = [
      MAGIC,
      VERSION,
      this.#needs.version,
      sequence,
      segmentBytes,
      this.#frames,
      this.#last,
      salt,
      this.#length - HEAD_BYTES,
    ];
    words.forEach((word, index) => bytes.writeUInt32LE(word, index * 4));
    bytes.writeUInt32LE(checksumOf(bytes), CHECKSUM_AT);
    return bytes;
  }

  #room(more: number): Buffer {
    if (this.#length + more > this.#bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, this.#length + more));
      this.#bytes.copy(larger, 0, 0, this.#length);
      this.#bytes = larger;
    }
    return this.#bytes;
  }
}

/** The segment that these bytes are a whole index of, as this version writes them for these needs; null for anything else. */
export function identityOf(bytes: Buffer, needs: RecoveryNeeds): SegmentIdentity | null {
  if (bytes.length < HEAD_BYTES) return null;
  const word = (index: number): number => bytes.readUInt32LE(index * 4);
  if (word(0) !== MAGIC || word(1) !== VERSION || word(2) !== needs.version) return null;
  if (word(8) !== bytes.length - HEAD_BYTES || word(9) !== checksumOf(bytes)) return null;
  return { sequence: word(3), bytes: word(4), last: word(6), salt: word(7) };
}

/** Told of each frame of an index, in order; what it gets is valid during the call. */
export interface IndexHandlers {
  setPacked(id: Uint32Array, offset: number, valueBytes: number): void;
  removedPacked(id: Uint32Array): void;
  /** @param kept what RecoveryNeeds says of the value */
  set(
    key: string,
    frame: { readonly offset: number; readonly keyBytes: number; readonly valueBytes: number },
    kept: Uint8Array,
  ): void;
  removed(key: string, keyBytes: number): void;
}

/** Reads an index that identityOf() knows. */
export function readIndex(bytes: Buffer, handlers: IndexHandlers): void {
  const id = new Uint32Array(4);
  for (let at = HEAD_BYTES; at < bytes.length;) {
    const flags = bytes[at]!;
    const isSet = (flags & TYPE_MASK) === FrameType.set;
    const offset = bytes.readUInt32LE(at + 1);
    const valueBytes = bytes.readUInt32LE(at + 5);
    at += PLACE_BYTES;
    if ((flags & PACKED) !== 0) {
      id[0] = bytes.readUInt32LE(at);
      id[1] = bytes.readUInt32LE(at + 4);
      id[2] = bytes.readUInt32LE(at + 8);
      id[3] = bytes.readUInt32LE(at + 12);
      at += ID_BYTES;
      if (isSet) handlers.setPacked(id, offset, valueBytes);
      else handlers.removedPacked(id);
      continue;
    }
    const keyBytes = bytes.readUInt16LE(at);
    const kept = bytes.readUInt32LE(at + 2);
    at += LENGTH_BYTES;
    const key = bytes.toString((flags & WIDE_KEY) === 0 ? "utf8" : "utf16le", at, at + keyBytes);
    at += keyBytes;
    if (isSet) handlers.set(key, { offset, keyBytes, valueBytes }, bytes.subarray(at, at + kept));
    else handlers.removed(key, keyBytes);
    at += kept;
  }
}

function checksumOf(bytes: Buffer): number {
  return checksumOfParts([bytes.subarray(0, CHECKSUM_AT), bytes.subarray(HEAD_BYTES)]);
}
