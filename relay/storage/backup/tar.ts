/**
 * Just as much of the tar format (POSIX ustar) as a backup needs: regular files with short names, written and read as a stream. Any tar
 * program unpacks it. tar-stream does more, and comes with a native module since 3.2.
 */
import { crc32 } from "node:zlib";
import { ConfigError } from "../../../lib/errors.ts";

const BLOCK_BYTES = 512;
const NAME_BYTES = 100;
const END = Buffer.alloc(2 * BLOCK_BYTES);
/** Where the fields of a header begin, and their lengths. */
const SIZE = { at: 124, length: 11 } as const;
const CHECKSUM = { at: 148, length: 8 } as const;

/** Takes bytes one after another, at its own pace. */
export type Sink = (bytes: Uint8Array) => Promise<void>;

/** Reads up to so many bytes; fewer only at the end. */
export type TarSource = (bytes: number) => Promise<Buffer>;

export interface TarEntry {
  readonly name: string;
  readonly bytes: number;
}

/** What went through a writer or a reader: the contents of the files, not their headers. */
export class ContentTally {
  files = 0;
  bytes = 0;
  checksum = 0;

  add(content: Uint8Array): void {
    this.bytes += content.length;
    this.checksum = crc32(content, this.checksum);
  }
}

export class TarWriter {
  readonly #sink: Sink;
  /** Seconds since 1970: the time of every file. */
  readonly #at: number;
  readonly tally = new ContentTally();

  constructor(sink: Sink, at: number) {
    this.#sink = sink;
    this.#at = at;
  }

  /** `content` gives exactly the entry's bytes, in pieces. */
  async file(
    { name, bytes }: TarEntry,
    content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  ): Promise<void> {
    await this.#sink(headerOf(name, bytes, this.#at));
    for await (const piece of content) {
      this.tally.add(piece);
      await this.#sink(piece);
    }
    this.tally.files += 1;
    await this.#sink(Buffer.alloc(paddingOf(bytes)));
  }

  async end(): Promise<void> {
    await this.#sink(END);
  }
}

/**
 * The next entry of the stream; null at its end. Rejects with a ConfigError for anything that a TarWriter does not write, and for a
 * stream that ends too early.
 */
export async function readEntry(source: TarSource): Promise<TarEntry | null> {
  const header = await source(BLOCK_BYTES);
  if (header.length < BLOCK_BYTES) throw notWhole();
  if (header.every((byte) => byte === 0)) return null;
  const name = header.subarray(0, header.indexOf(0)).toString("utf8");
  const size = header.toString("latin1", SIZE.at, SIZE.at + SIZE.length);
  const bytes = Number.parseInt(size, 8);
  const said = Number.parseInt(header.toString("latin1", CHECKSUM.at, CHECKSUM.at + CHECKSUM.length), 8);
  if (said !== checksumOfHeader(header) || !/^[0-7]{11}$/.test(size) || header[156] !== 0x30) throw notOurs();
  return { name, bytes };
}

/** The contents of the entry that was read last, in pieces, to their end. */
export async function* readContent(
  source: TarSource,
  { bytes }: TarEntry,
  pieceBytes: number,
): AsyncGenerator<Buffer> {
  for (let left = bytes; left > 0;) {
    const piece = await source(Math.min(left, pieceBytes));
    if (piece.length === 0) throw notWhole();
    left -= piece.length;
    yield piece;
  }
  const padding = paddingOf(bytes);
  if ((await source(padding)).length < padding) throw notWhole();
}

export function notOurs(): ConfigError {
  return backupError("it is not a backup of this program, or it is damaged");
}

export function notWhole(): ConfigError {
  return backupError("the backup is not whole: it ends too early");
}

export function backupError(message: string): ConfigError {
  return new ConfigError([{ path: "", message }]);
}

function headerOf(name: string, bytes: number, at: number): Buffer {
  if (Buffer.byteLength(name) > NAME_BYTES)
    throw new RangeError(`Cannot back up "${name}": its name is too long`);
  const header = Buffer.alloc(BLOCK_BYTES);
  header.write(name, 0, "utf8");
  header.write("0000600\0", 100, "latin1");
  header.write("0000000\0", 108, "latin1");
  header.write("0000000\0", 116, "latin1");
  header.write(`${octal(bytes, 11)} `, SIZE.at, "latin1");
  header.write(`${octal(at, 11)} `, 136, "latin1");
  header.write("0", 156, "latin1");
  header.write("ustar\u000000", 257, "latin1");
  header.write(`${octal(checksumOfHeader(header), 6)}\0 `, CHECKSUM.at, "latin1");
  return header;
}

/** The sum of the bytes, with blanks in place of the sum. */
function checksumOfHeader(header: Buffer): number {
  let sum = 0x20 * CHECKSUM.length;
  for (const [index, byte] of header.entries())
    if (index < CHECKSUM.at || index >= CHECKSUM.at + CHECKSUM.length) sum += byte;
  return sum;
}

function octal(value: number, digits: number): string {
  return Math.floor(value).toString(8).padStart(digits, "0");
}

function paddingOf(bytes: number): number {
  return (BLOCK_BYTES - (bytes % BLOCK_BYTES)) % BLOCK_BYTES;
}
