/**
 * Reads a segment from its beginning: calls with each frame that is whole, in order, and with each stretch of bytes that is
 * not. After such a stretch, reading goes on at the next whole frame. Memory: one window, or the largest write if that is more.
 *
 * The frames of one write count together: if one of them is broken, none of them is reported.
 */
import {
  bodyIsWhole,
  decodeKey,
  emptyHeader,
  HEADER_BYTES,
  laterType,
  MAGIC,
  readHeader,
  type FrameType,
} from "./frame.ts";
import { ScanWindow, type WindowOptions } from "./scan-window.ts";
import type { SegmentBytes } from "./segment-bytes.ts";

/** A whole frame. The same object is used for every frame, and `value` views the window: both are valid during the call. */
export interface ScannedFrame {
  type: FrameType;
  key: string;
  /** Where the frame begins in the segment. */
  offset: number;
  keyBytes: number;
  value: Buffer;
}

export interface ScanHandlers {
  frame(frame: ScannedFrame): void;
  /** From `start` up to, not including, `end` there is no whole frame. */
  bad(start: number, end: number): void;
  /** At `offset` a later version wrote a frame of a type that this one does not know. What this throws ends the scan. */
  later?(offset: number, type: number): void;
  /** After each window; the next one is read when it resolves. False ends the scan. */
  pause?(): Promise<boolean>;
}

export interface ScanOptions extends SegmentBytes, WindowOptions {
  readonly sequence: number;
}

/** What is found at a place: the end in the window of a whole write; nothing whole; too little in the window to know. */
type Found = number | "bad" | "short";

/** Resolves with the segment's salt; null if it has no whole write, or the scan was ended. */
export async function scanSegment(options: ScanOptions, handlers: ScanHandlers): Promise<number | null> {
  const window = new ScanWindow(options, options);
  const scan = new Scan(window, options, handlers);
  try {
    while (!window.atEnd) {
      await window.advance();
      scan.look();
      if (handlers.pause !== undefined && !(await handlers.pause())) return null;
    }
    scan.end();
    return scan.salt;
  } finally {
    await window.close();
  }
}

class Scan {
  readonly #window: ScanWindow;
  /** Where the header that is read is in the journal. */
  readonly #place: { readonly sequence: number; offset: number };
  /** Length of the segment. */
  readonly #bytes: number;
  readonly #handlers: ScanHandlers;
  /** The salt of the segment, known from its first whole write on. */
  #salt: number | null = null;
  /** Where the stretch without a whole frame began that the scan is in; null if it is in none. */
  #badFrom: number | null = null;
  /** The header that was read last. */
  readonly #header = emptyHeader();
  readonly #frame: ScannedFrame = { type: 1, key: "", offset: 0, keyBytes: 0, value: MAGIC };

  constructor(window: ScanWindow, { sequence, bytes }: ScanOptions, handlers: ScanHandlers) {
    this.#window = window;
    this.#place = { sequence, offset: 0 };
    this.#bytes = bytes;
    this.#handlers = handlers;
  }

  get salt(): number | null {
    return this.#salt;
  }

  /** Reports what the window holds, as far as it can be told without what follows. */
  look(): void {
    const window = this.#window;
    while (window.at < window.filled) {
      const found = this.#wholeWrite();
      if (found === "short") return;
      if (found !== "bad") {
        this.end(window.start + window.at);
        this.#salt = this.#header.salt;
        this.#report(found);
        window.at = found;
        continue;
      }
      this.#badFrom ??= window.start + window.at;
      const next = window.bytes.indexOf(MAGIC, window.at + 1);
      if (next !== -1 && next + MAGIC.length <= window.filled) window.at = next;
      else if (window.atEnd) window.at = window.filled;
      else {
        window.at = Math.max(window.at + 1, window.filled - MAGIC.length + 1);
        return;
      }
    }
  }

  /** Ends the stretch without a whole frame, if the scan is in one. */
  end(at = this.#bytes): void {
    if (this.#badFrom === null) return;
    this.#handlers.bad(this.#badFrom, at);
    this.#badFrom = null;
  }

  #readHeader(at: number): boolean {
    const { bytes, start } = this.#window;
    this.#place.offset = start + at;
    return readHeader(bytes, at, this.#place, this.#header);
  }

  #lookForLater(at: number, salt: number | null): void {
    const type = laterType(this.#window.bytes, at, this.#place, salt);
    if (type !== null) this.#handlers.later?.(this.#place.offset, type);
  }

  #wholeWrite(): Found {
    const { bytes, filled, start, at: from } = this.#window;
    const header = this.#header;
    let at = from;
    let expected = this.#salt;
    for (;;) {
      if (at + HEADER_BYTES > filled) return start + at + HEADER_BYTES > this.#bytes ? "bad" : "short";
      if (!this.#readHeader(at)) {
        this.#lookForLater(at, expected);
        return "bad";
      }
      if (header.first !== (at === from) || (expected !== null && header.salt !== expected)) return "bad";
      expected = header.salt;
      const end = at + HEADER_BYTES + header.keyBytes + header.valueBytes;
      if (end > filled) return start + end > this.#bytes ? "bad" : "short";
      if (!bodyIsWhole(bytes, at + HEADER_BYTES, header)) return "bad";
      at = end;
      if (header.last) return end;
    }
  }

  /** Reports the frames of the whole write at the window's place, whose last header was read last. */
  #report(end: number): void {
    const { bytes, start, at: from } = this.#window;
    const header = this.#header;
    const frame = this.#frame;
    for (let at = from; at < end;) {
      if (at !== from || !header.first || !header.last) this.#readHeader(at);
      const keyAt = at + HEADER_BYTES;
      const valueAt = keyAt + header.keyBytes;
      const next = valueAt + header.valueBytes;
      frame.type = header.type;
      frame.key = decodeKey(bytes, keyAt, header);
      frame.offset = start + at;
      frame.keyBytes = header.keyBytes;
      frame.value = bytes.subarray(valueAt, next);
      this.#handlers.frame(frame);
      at = next;
    }
  }
}
