/**
 * One operation <-> the bytes of its frame, and nothing else: no I/O here. What decides whether bytes are believed stands here.
 *
 *      0  magic        4 bytes that are neither zeros nor valid UTF-8
 *      4  salt         random, the same for all frames of a segment
 *      8  kind, key    one byte of flags (type, first, last, key encoding, checksum), 24 bits: length of the key in bytes
 *     12  value        length of the value in bytes
 *     16  body         checksum of key and value: see checksum.ts; in frames of version 0.1.0, CRC32
 *     20  check        mixes the five words above with the segment's number and the frame's offset
 *     24  key, value
 *
 * The check binds a frame to its place: the image of a frame inside a value, or a block left over from another file, is not
 * a frame, whatever it looks like; nor is a length believed that only looks plausible. `first` and `last` bracket the frames
 * of one write, which recovery takes whole or not at all.
 */
import { crc32 } from "node:zlib";
import { checksumOf } from "./checksum.ts";

export const HEADER_BYTES = 24;
export const MAX_KEY_BYTES = 65_535;
/** Offsets and lengths are 32 bits; a segment is begun anew well before. */
export const MAX_VALUE_BYTES = 0x3fff_ffff;
/** Of one write, which stands in one segment as a whole. */
export const MAX_WRITE_BYTES = 0x7fff_ffff;

export const MAGIC = Buffer.from([0xfa, 0xc1, 0x6a, 0x31]);
const MAGIC_WORD = MAGIC.readUInt32LE(0);

/** `probe` says nothing: it is written to find out whether writing works. */
export const FrameType = { set: 1, remove: 2, probe: 3 } as const;
export type FrameType = (typeof FrameType)[keyof typeof FrameType];

const TYPE_MASK = 0x0f;
const WIDE_KEY = 0x10;
/** The checksum is that of checksum.ts. */
const XXH64 = 0x20;
const FIRST = 0x40;
const LAST = 0x80;

/** Where a frame stands: its segment's number and salt, and its offset in the file. */
export interface FramePlace {
  readonly sequence: number;
  readonly salt: number;
  offset: number;
}

/** A header as read; one object is used for many frames. */
export interface Header {
  type: FrameType;
  wideKey: boolean;
  /** Checksum by checksum.ts; false: CRC32. */
  xxh64: boolean;
  first: boolean;
  last: boolean;
  salt: number;
  keyBytes: number;
  valueBytes: number;
  checksum: number;
}

export function emptyHeader(): Header {
  return {
    type: 1,
    wideKey: false,
    xxh64: true,
    first: false,
    last: false,
    salt: 0,
    keyBytes: 0,
    valueBytes: 0,
    checksum: 0,
  };
}

/** A key as stored: UTF-8, or UTF-16 if the string holds half a surrogate pair, which UTF-8 cannot say. */
export interface KeyEncoding {
  readonly bytes: number;
  readonly wide: boolean;
}

export function keyEncoding(key: string): KeyEncoding {
  const bytes = Buffer.byteLength(key, "utf8");
  if (bytes === key.length) return { bytes, wide: false };
  const wide = Buffer.from(key, "utf8").toString("utf8") !== key;
  return { bytes: wide ? key.length * 2 : bytes, wide };
}

export function decodeKey(buffer: Buffer, at: number, header: Header): string {
  return buffer.toString(header.wideKey ? "utf16le" : "utf8", at, at + header.keyBytes);
}

export function writeKey(target: Buffer, at: number, key: string, encoding: KeyEncoding): void {
  target.write(key, at, encoding.bytes, encoding.wide ? "utf16le" : "utf8");
}

/** Writes the header of a frame that is to stand at `place`. */
export function writeHeader(
  target: Buffer,
  at: number,
  frame: {
    readonly type: FrameType;
    readonly encoding: KeyEncoding;
    readonly valueBytes: number;
    /** Of key and value, by checksum.ts. */
    readonly checksum: number;
    readonly first: boolean;
    readonly last: boolean;
  },
  place: FramePlace,
): void {
  const { encoding, valueBytes, checksum } = frame;
  const flags =
    frame.type | XXH64 | (encoding.wide ? WIDE_KEY : 0) | (frame.first ? FIRST : 0) | (frame.last ? LAST : 0);
  const kind = ((flags << 24) | encoding.bytes) >>> 0;
  target.writeUInt32LE(MAGIC_WORD, at);
  target.writeUInt32LE(place.salt, at + 4);
  target.writeUInt32LE(kind, at + 8);
  target.writeUInt32LE(valueBytes, at + 12);
  target.writeUInt32LE(checksum, at + 16);
  target.writeUInt32LE(check(hashOf(place.salt, kind, valueBytes, checksum), place), at + 20);
}

/**
 * Reads the header at `at` of `buffer`, whose place in the journal is `place`. True if it is one; `into` is then filled in. The body
 * is not looked at.
 */
export function readHeader(
  buffer: Buffer,
  at: number,
  place: Pick<FramePlace, "sequence" | "offset">,
  into: Header,
): boolean {
  if (buffer.readUInt32LE(at) !== MAGIC_WORD) return false;
  const salt = buffer.readUInt32LE(at + 4);
  const kind = buffer.readUInt32LE(at + 8);
  const valueBytes = buffer.readUInt32LE(at + 12);
  const checksum = buffer.readUInt32LE(at + 16);
  if (buffer.readUInt32LE(at + 20) !== check(hashOf(salt, kind, valueBytes, checksum), place)) return false;
  const flags = kind >>> 24;
  const type = flags & TYPE_MASK;
  if (!isFrameType(type)) return false;
  into.type = type;
  into.wideKey = (flags & WIDE_KEY) !== 0;
  into.xxh64 = (flags & XXH64) !== 0;
  into.first = (flags & FIRST) !== 0;
  into.last = (flags & LAST) !== 0;
  into.salt = salt;
  into.keyBytes = kind & 0xff_ffff;
  into.valueBytes = valueBytes;
  into.checksum = checksum;
  return true;
}

/**
 * The type of a frame that this version does not know: its header is whole and of this place, so a later version wrote it. Null for
 * anything else. `salt` is the segment's, null if that is not known yet.
 */
export function laterType(
  buffer: Buffer,
  at: number,
  place: Pick<FramePlace, "sequence" | "offset">,
  salt: number | null,
): number | null {
  if (buffer.readUInt32LE(at) !== MAGIC_WORD) return null;
  const own = buffer.readUInt32LE(at + 4);
  if (salt !== null && own !== salt) return null;
  const kind = buffer.readUInt32LE(at + 8);
  const words = hashOf(own, kind, buffer.readUInt32LE(at + 12), buffer.readUInt32LE(at + 16));
  if (buffer.readUInt32LE(at + 20) !== check(words, place)) return null;
  const type = (kind >>> 24) & TYPE_MASK;
  return isFrameType(type) ? null : type;
}

/** Whether key and value, which begin at `at`, are those that the header was written for. */
export function bodyIsWhole(buffer: Buffer, at: number, header: Header): boolean {
  const body = buffer.subarray(at, at + header.keyBytes + header.valueBytes);
  return (header.xxh64 ? checksumOf(body) : crc32(body)) === header.checksum;
}

function isFrameType(value: number): value is FrameType {
  return value === FrameType.set || value === FrameType.remove || value === FrameType.probe;
}

/**
 * Murmur3 over the words of a header: each step is a bijection of the word it takes in, so that no change of one word goes unseen.
 * check() goes on with the words that say where the frame is.
 */
function hashOf(salt: number, kind: number, valueBytes: number, checksum: number): number {
  return mix(mix(mix(mix(MAGIC_WORD, salt), kind), valueBytes), checksum);
}

function check(words: number, { sequence, offset }: Pick<FramePlace, "sequence" | "offset">): number {
  let hash = mix(mix(words, sequence), offset);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function mix(hash: number, word: number): number {
  const scrambled = Math.imul(word, 0xcc9e_2d51);
  const turned = hash ^ Math.imul((scrambled << 15) | (scrambled >>> 17), 0x1b87_3593);
  return (Math.imul((turned << 13) | (turned >>> 19), 5) + 0xe654_6b64) | 0;
}
