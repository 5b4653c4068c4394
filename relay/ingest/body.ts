/**
 * Reading the body of a webhook: whole or not at all, never more than the limit in memory, never longer than the deadline.
 */
import type { IncomingMessage } from "node:http";
import type { Timer } from "../../lib/clock.ts";
import type { Deadlines } from "../../lib/deadlines.ts";
import { awaitsContinue, contentLengthOf, type WebhookRequest } from "./request.ts";
import { SLAB_BYTES, WEIGHT, type HeldBody, type UnverifiedBodies } from "./unverified.ts";

/** Milliseconds within which a body must have come in, from the end of the headers. */
export const BODY_DEADLINE_MS = 60_000;
/** A body that is there. */
export interface WholeBody {
  /** Its bytes, one part after another; good until whole() or forget(). */
  readonly parts: readonly Uint8Array[];
  /** Its bytes in one piece. */
  whole(): Uint8Array;
  /** It is not needed. */
  forget(): void;
}

export type BodyRead =
  | { readonly ok: true; readonly body: WholeBody }
  | { readonly ok: false; readonly reason: "too-large" | "too-slow" | "broken" | "crowded-out" };

export interface BodyLimits {
  readonly maxBytes: number;
  /** Counts what is held of the body; null: its sender has shown a valid credential already. */
  readonly unverified: UnverifiedBodies | null;
}

/**
 * Resolves with the whole body, or with why there is none; never rejects.
 * @param deadlines after BODY_DEADLINE_MS
 */
export function readBody(
  request: WebhookRequest,
  limits: BodyLimits,
  deadlines: Deadlines,
): Promise<BodyRead> {
  if (request.web !== null) return readWeb(request.web, limits.maxBytes);
  const { incoming, outgoing } = request;
  if (awaitsContinue(request)) outgoing.writeContinue();
  return new Promise((resolve) => {
    const reading = new Reading(limits, contentLengthOf(request.headers), resolve);
    reading.deadline = deadlines.set(() => reading.giveUpWith("too-slow"));
    readInto(incoming, reading);
  });
}

/** Small pieces are joined when there are this many: each costs more than its bytes. */
const LOOSE_PIECES = 256;
const LOOSE_BYTES = LOOSE_PIECES * 4096;

/** A body on its way in. Once that is over, whatever still comes is let go. */
class Reading implements HeldBody, WholeBody {
  readonly #limits: BodyLimits;
  /** Content-Length; null: none was sent. */
  readonly #announced: number | null;
  #chunks: Uint8Array[] = [];
  /** Of a stranger's body that does not come at once: what it was copied to, and the bytes that are free in the last one. */
  #slabs: Buffer[] = [];
  #room = 0;
  #length = 0;
  /** The last chunks, which have not been joined, and their bytes. */
  #loose = 0;
  #looseBytes = 0;
  /** Null once it is over. */
  #resolve: ((read: BodyRead) => void) | null;
  deadline: Timer | null = null;

  constructor(limits: BodyLimits, announced: number | null, resolve: (read: BodyRead) => void) {
    this.#limits = limits;
    this.#announced = announced;
    this.#resolve = resolve;
  }

  take(chunk: Uint8Array): void {
    if (this.#resolve === null) return;
    const { maxBytes, unverified } = this.#limits;
    this.#length += chunk.length;
    if (this.#length > maxBytes) {
      this.giveUpWith("too-large");
      return;
    }
    if (unverified !== null) {
      unverified.passed(chunk.length);
      // What came at once is checked at once.
      if (chunk.length !== this.#announced) {
        this.#copy(chunk, unverified);
        return;
      }
      unverified.grow(this, chunk.length);
      if (this.#resolve === null) return;
    }
    this.#chunks.push(chunk);
    this.#loose += 1;
    this.#looseBytes += chunk.length;
    if (this.#loose >= LOOSE_PIECES) this.#joinLoose();
  }

  complete(): void {
    if (this.#resolve !== null) this.#settle({ ok: true, body: this });
  }

  giveUp(): void {
    this.giveUpWith("crowded-out");
  }

  giveUpWith(reason: (BodyRead & { ok: false })["reason"]): void {
    if (this.#resolve === null) return;
    this.forget();
    this.#settle({ ok: false, reason });
  }

  get parts(): readonly Uint8Array[] {
    const last = this.#slabs.at(-1);
    if (last === undefined) return this.#chunks;
    return [...this.#slabs.slice(0, -1), last.subarray(0, SLAB_BYTES - this.#room)];
  }

  whole(): Uint8Array {
    const { parts } = this;
    const isCopied = this.#slabs.length > 0;
    const bytes =
      parts.length === 1 && !isCopied ? (parts[0] as Uint8Array) : Buffer.concat(parts, this.#length);
    this.forget();
    return bytes;
  }

  forget(): void {
    const { unverified } = this.#limits;
    unverified?.release(this);
    unverified?.giveBack(this.#slabs);
    this.#slabs = [];
    this.#chunks = [];
    this.#loose = 0;
  }

  /** May give this body up. */
  #copy(chunk: Uint8Array, unverified: UnverifiedBodies): void {
    for (let at = 0; at < chunk.length;) {
      if (this.#room === 0) {
        unverified.grow(this, SLAB_BYTES * WEIGHT);
        if (this.#resolve === null) return;
        this.#slabs.push(unverified.slab());
        this.#room = SLAB_BYTES;
      }
      const piece = chunk.subarray(at, at + this.#room);
      this.#slabs.at(-1)?.set(piece, SLAB_BYTES - this.#room);
      this.#room -= piece.length;
      at += piece.length;
    }
  }

  /** Pieces of a few bytes are put together; large ones stay as they are. */
  #joinLoose(): void {
    if (this.#looseBytes < LOOSE_BYTES) {
      const pieces = this.#chunks.splice(-this.#loose);
      this.#chunks.push(Buffer.concat(pieces, this.#looseBytes));
    }
    this.#loose = 0;
    this.#looseBytes = 0;
  }

  #settle(read: BodyRead): void {
    const resolve = this.#resolve;
    this.#resolve = null;
    this.deadline?.cancel();
    resolve?.(read);
  }
}

const READING = Symbol("reading");
/** An incoming message that knows where its body goes: its listeners are the same functions for every webhook. */
interface ReadMessage extends IncomingMessage {
  [READING]?: Reading;
}

function readInto(incoming: ReadMessage, reading: Reading): void {
  incoming[READING] = reading;
  incoming.on("error", breakBody);
  incoming.on("close", breakBody);
  incoming.on("end", completeBody);
  incoming.on("data", takeChunk);
  if (incoming.destroyed) reading.giveUpWith("broken");
}

function takeChunk(this: ReadMessage, chunk: Uint8Array): void {
  this[READING]?.take(chunk);
}

function completeBody(this: ReadMessage): void {
  this[READING]?.complete();
}

/** Also called at the end of every message, when its body is whole. */
function breakBody(this: ReadMessage): void {
  this[READING]?.giveUpWith("broken");
}

/** The body of a request that came without a socket. */
export async function readWeb(request: Request, limit: number): Promise<BodyRead> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  const reader = request.body?.getReader();
  try {
    for (;;) {
      const next = await reader?.read();
      if (next === undefined || next.done) break;
      length += next.value.byteLength;
      if (length > limit) {
        await reader?.cancel();
        return { ok: false, reason: "too-large" };
      }
      chunks.push(next.value);
    }
  } catch {
    return { ok: false, reason: "broken" };
  }
  const bytes = Buffer.concat(chunks, length);
  return { ok: true, body: { parts: [bytes], whole: () => bytes, forget: () => {} } };
}
