/**
 * A window that moves over a segment from its beginning to its end. Two buffers take turns: while one is looked through, the next
 * piece of the file is read into the other. Each has room in front for what is left of the window before; if that is too little,
 * the window grows to the size of the largest write.
 */
import { fill, type SegmentBytes } from "./segment-bytes.ts";

const WINDOW_BYTES = 4 * 1024 * 1024;

/** For many segments one after another: the buffers that one scan allocates are used again by the next. */
export interface ScanBuffers {
  pair: readonly [Buffer, Buffer] | null;
}

export interface WindowOptions {
  /** @default 4 MiB */
  readonly windowBytes?: number;
  readonly buffers?: ScanBuffers;
}

export class ScanWindow {
  /** The file's bytes from `start` on are in `bytes`, up to `filled`. */
  bytes: Buffer = Buffer.alloc(0);
  filled = 0;
  start = 0;
  /** Up to here the bytes have been looked through: advance() keeps what follows. */
  at = 0;
  readonly #source: SegmentBytes;
  /** The buffer that is read into, then the one that the window is in, if it has not outgrown it. */
  readonly #spare: Buffer[];
  /** Room in front of each piece, in bytes. */
  readonly #carried: number;
  /** The piece that is being read. */
  #ahead: Promise<number>;
  #readTo = 0;

  constructor(source: SegmentBytes, { windowBytes = WINDOW_BYTES, buffers }: WindowOptions) {
    const length = bufferLength(windowBytes, source.bytes);
    const kept = buffers?.pair ?? null;
    const pair = kept !== null && kept[0].length >= length ? kept : allocate(length);
    if (buffers !== undefined) buffers.pair = pair;
    this.#source = source;
    this.#spare = [...pair];
    this.#carried = Math.floor(pair[0].length / 5);
    this.#ahead = this.#read(0);
  }

  /** Whether the window reaches to the end of the bytes. */
  get atEnd(): boolean {
    return this.#readTo >= this.#source.bytes;
  }

  /** Adds the next piece. Rejects if the file is shorter than it was said to be, or with what the disk throws. */
  async advance(): Promise<void> {
    const got = await this.#ahead;
    if (got === 0) throw new Error(`file is shorter than ${this.#source.bytes} bytes`);
    this.#take(got);
    this.#readTo += got;
    this.start = this.#readTo - this.filled;
    this.#ahead = this.#read(this.#readTo);
  }

  /** Resolves once nothing reads from the file any more. */
  async close(): Promise<void> {
    await Promise.allSettled([this.#ahead]);
  }

  /** Puts the piece that was read behind what is left of the window. */
  #take(got: number): void {
    const piece = this.#spare[0] as Buffer;
    const carried = this.#carried;
    const rest = this.filled - this.at;
    if (rest <= carried) {
      this.bytes.copy(piece, carried - rest, this.at, this.filled);
      this.#spare.push(this.#spare.shift() as Buffer);
      this.bytes = piece;
      this.at = carried - rest;
      this.filled = carried + got;
      return;
    }
    if (this.bytes.length - this.filled < got) {
      const larger = Buffer.allocUnsafe(2 * rest + piece.length - carried);
      this.bytes.copy(larger, 0, this.at, this.filled);
      this.bytes = larger;
      this.filled = rest;
      this.at = 0;
    }
    piece.copy(this.bytes, this.filled, carried, carried + got);
    this.filled += got;
  }

  #read(from: number): Promise<number> {
    if (from >= this.#source.bytes) return Promise.resolve(0);
    return fill(this.#source, (this.#spare[0] as Buffer).subarray(this.#carried), from);
  }
}

/** A window, and a quarter of it in front for what is left of the one before. */
function bufferLength(windowBytes: number, bytes: number): number {
  return Math.ceil((Math.min(windowBytes, Math.max(bytes, 4)) * 5) / 4);
}

function allocate(length: number): readonly [Buffer, Buffer] {
  return [Buffer.allocUnsafeSlow(length), Buffer.allocUnsafeSlow(length)];
}
