/**
 * Calls of scripts as they go to Redis, written into buffers that later calls use again. The client would copy what a call carries into a
 * buffer of its own each time; with a hundred bodies in a call, clearing those away costs more than writing them.
 */
import { Command } from "ioredis";

/** One argument: text, or bytes, also in parts that are one behind the other. */
export type Word = string | number | Uint8Array | readonly Uint8Array[];

/** Bytes from which on a buffer is worth keeping. */
const KEPT_BYTES = 16_384;
/** Buffers that are kept: as many as calls of events are under way. */
const KEPT = 2;
/** Most bytes of the length before an argument, and of the line ends around it. */
const FRAME_BYTES = 16;
/** Most bytes of one character of text. */
const CHARACTER_BYTES = 3;

/** Buffers whose calls are answered: Redis has read them to the end. */
export class CallBuffers {
  #spare: Buffer[] = [];

  /** At least so many bytes, with anything in them. */
  take(bytes: number): Buffer {
    if (bytes < KEPT_BYTES) return Buffer.allocUnsafe(bytes);
    const index = this.#spare.findIndex(({ length }) => length >= bytes);
    const [found] = index < 0 ? [] : this.#spare.splice(index, 1);
    return found ?? Buffer.allocUnsafe(2 ** Math.ceil(Math.log2(bytes)));
  }

  /** Of an answered call alone: what was not answered may still be on its way. */
  giveBack(buffer: Buffer): void {
    if (buffer.length < KEPT_BYTES) return;
    this.#spare.push(buffer);
    if (this.#spare.length <= KEPT) return;
    this.#spare.sort((a, b) => b.length - a.length).length = KEPT;
  }
}

export interface EncodedCall {
  /** For the client, which sends it once; its answer is bytes where Redis answers text. */
  readonly command: Command;
  /** To be given back. */
  readonly buffer: Buffer;
}

/** @param words the name first; of the others, the client needs those up to the last key, which are the first `known` */
export function encodeCall(words: readonly Word[], known: number, buffers: CallBuffers): EncodedCall {
  const buffer = buffers.take(words.reduce<number>((sum, word) => sum + mostBytes(word), FRAME_BYTES));
  const bytes = buffer.subarray(0, write(words, buffer));
  const [name = "", ...leading] = words.slice(0, 1 + known) as string[];
  const command = new Command(name, leading, { replyEncoding: null });
  command.toWritable = () => bytes;
  return { command, buffer };
}

const isParts = (word: Word): word is readonly Uint8Array[] => Array.isArray(word);

/** Bytes, of all parts. */
export const lengthOf = (word: Uint8Array | readonly Uint8Array[]): number =>
  isParts(word) ? word.reduce((sum, { length }) => sum + length, 0) : word.length;

function mostBytes(word: Word): number {
  if (typeof word === "object") return FRAME_BYTES + lengthOf(word);
  return FRAME_BYTES + CHARACTER_BYTES * String(word).length;
}

/** Text between two bodies is written at once. */
function write(words: readonly Word[], into: Buffer): number {
  let text = `*${words.length}\r\n`;
  let at = 0;
  for (const word of words) {
    if (typeof word !== "object") {
      text += `$${Buffer.byteLength(String(word))}\r\n${word}\r\n`;
      continue;
    }
    at += into.write(`${text}$${lengthOf(word)}\r\n`, at, "utf8");
    for (const part of isParts(word) ? word : [word]) {
      into.set(part, at);
      at += part.length;
    }
    text = "\r\n";
  }
  return at + into.write(text, at, "utf8");
}
