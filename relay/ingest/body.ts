/**
 * Reading the body of a webhook: whole or not at all, never more than the limit in memory, never longer than the deadline.
 */
import type { IncomingMessage } from "node:http";
import type { Clock, Timer } from "../../lib/clock.ts";
import { awaitsContinue, contentLengthOf, type WebhookRequest } from "./request.ts";
import { PIECE_OVERHEAD, type HeldBody, type UnverifiedBodies } from "./unverified.ts";

/** Milliseconds within which a body must have come in, from the end of the headers. */
export const BODY_DEADLINE_MS = 60_000;
/** How long and how far a body that nobody wants is read on, so that its sender gets to the answer. */
export const LINGER_MS = 5000;
export const LINGER_BYTES = 64 * 1024 * 1024;

/** How long a body is measured whose sender has no valid credential, before it is refused without knowing its size. */
export const MEASURE_MS = 1000;

export type BodyRead =
  | { readonly ok: true; readonly bytes: Uint8Array }
  | { readonly ok: false; readonly reason: "too-large" | "too-slow" | "broken" | "crowded-out" };

/** For a sender that has shown no valid credential. */
export interface StrangerLimits {
  readonly maxBytes: number;
  readonly unverified: UnverifiedBodies;
}

export interface BodyLimits {
  readonly maxBytes: number;
  /** Counts what is held of the body; null: its sender has shown a valid credential already. */
  readonly unverified: UnverifiedBodies | null;
}

/** Resolves with the whole body, or with why there is none; never rejects. */
export function readBody(request: WebhookRequest, limits: BodyLimits, clock: Clock): Promise<BodyRead> {
  if (request.incoming === null) return readWeb(request.web, limits.maxBytes);
  if (awaitsContinue(request)) request.outgoing?.writeContinue();
  return readIncoming(request.incoming, limits, clock);
}

/** Small pieces are joined when there are this many: each costs more than its bytes. */
const LOOSE_PIECES = 256;
const LOOSE_BYTES = LOOSE_PIECES * 4096;

/** A body on its way in. `resolve` is null once that is over; listeners that are still called then do nothing. */
interface Reading extends HeldBody {
  readonly chunks: Uint8Array[];
  readonly limits: BodyLimits;
  length: number;
  /** The last chunks, which have not been joined, and their bytes. */
  loose: number;
  looseBytes: number;
  deadline: Timer | null;
  resolve: ((read: BodyRead) => void) | null;
}

function readIncoming(incoming: IncomingMessage, limits: BodyLimits, clock: Clock): Promise<BodyRead> {
  return new Promise((resolve) => {
    const reading: Reading = {
      chunks: [],
      limits,
      length: 0,
      loose: 0,
      looseBytes: 0,
      deadline: null,
      resolve,
      giveUp: () => settle(reading, { ok: false, reason: "crowded-out" }),
    };
    // Each of these is called for every webhook: no listener is taken off again, none has a name to be set.
    reading.deadline = clock.after(BODY_DEADLINE_MS, () =>
      settle(reading, { ok: false, reason: "too-slow" }),
    );
    incoming.on("error", () => settle(reading, { ok: false, reason: "broken" }));
    incoming.on("close", () => settle(reading, { ok: false, reason: "broken" }));
    incoming.on("end", () => settle(reading, { ok: true, bytes: joined(reading) }));
    incoming.on("data", (chunk: Buffer) => take(reading, chunk));
    if (incoming.destroyed) settle(reading, { ok: false, reason: "broken" });
  });
}

function take(reading: Reading, chunk: Uint8Array): void {
  if (reading.resolve === null) return;
  const { limits } = reading;
  reading.length += chunk.length;
  if (reading.length > limits.maxBytes) {
    settle(reading, { ok: false, reason: "too-large" });
    return;
  }
  reading.chunks.push(chunk);
  reading.loose += 1;
  reading.looseBytes += chunk.length;
  if (limits.unverified !== null) {
    limits.unverified.grow(reading, chunk.length + PIECE_OVERHEAD);
    limits.unverified.passed(chunk.length);
  }
  if (reading.loose >= LOOSE_PIECES) joinLoose(reading);
}

/** Pieces of a few bytes are put together; large ones stay as they are. */
function joinLoose(reading: Reading): void {
  if (reading.looseBytes < LOOSE_BYTES) {
    const pieces = reading.chunks.splice(-reading.loose);
    reading.chunks.push(Buffer.concat(pieces, reading.looseBytes));
    reading.limits.unverified?.grow(reading, -PIECE_OVERHEAD * (pieces.length - 1));
  }
  reading.loose = 0;
  reading.looseBytes = 0;
}

function joined({ chunks, length }: Reading): Uint8Array {
  return chunks.length === 1 ? (chunks[0] as Uint8Array) : Buffer.concat(chunks, length);
}

function settle(reading: Reading, read: BodyRead): void {
  const { resolve } = reading;
  if (resolve === null) return;
  reading.resolve = null;
  reading.deadline?.cancel();
  reading.limits.unverified?.release(reading);
  if (!read.ok) {
    reading.chunks.length = 0;
    reading.loose = 0;
  }
  resolve(read);
}

/**
 * Whether a body that nobody keeps is larger than the limit: false where it ends, or goes on for a second, below it. What comes
 * after that is not read here.
 */
export function isTooLarge(request: WebhookRequest, limits: StrangerLimits, clock: Clock): Promise<boolean> {
  const { incoming } = request;
  const limit = limits.maxBytes;
  if (incoming === null)
    return readWeb(request.web, limit).then((read) => !read.ok && read.reason === "too-large");
  if (awaitsContinue(request)) return Promise.resolve(false);
  return new Promise((resolve) => {
    let length = 0;
    let isDone = false;
    const finish = (isTooLong: boolean): void => {
      if (isDone) return;
      isDone = true;
      timer.cancel();
      incoming.off("data", onData);
      incoming.pause();
      resolve(isTooLong);
    };
    const onData = (chunk: Buffer): void => {
      length += chunk.length;
      limits.unverified.passed(chunk.length);
      if (length > limit) finish(true);
    };
    const timer = clock.after(MEASURE_MS, () => finish(false));
    incoming.on("data", onData);
    for (const end of ["end", "error", "close"]) incoming.once(end, () => finish(false));
  });
}

async function readWeb(request: Request, limit: number): Promise<BodyRead> {
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
  return { ok: true, bytes: Buffer.concat(chunks, length) };
}

/**
 * Whether an answer given now would cut a sender short that is still busy sending. Closing the connection on it may destroy the
 * answer before it is read, so the answer goes out first and the rest of the body is read and forgotten (see discardRest).
 */
export function isStillSending(request: WebhookRequest): boolean {
  const { incoming } = request;
  if (incoming === null || incoming.complete || incoming.destroyed) return false;
  return contentLengthOf(request.headers) !== 0 && !awaitsContinue(request);
}

/** Reads on without keeping anything; resolves at the end of the body, or when enough was done for its sender. */
export function discardRest(
  incoming: IncomingMessage,
  unverified: UnverifiedBodies,
  clock: Clock,
): Promise<void> {
  return new Promise((resolve) => {
    let length = 0;
    const onData = (chunk: Buffer): void => {
      length += chunk.length;
      unverified.passed(chunk.length);
      if (length > LINGER_BYTES) finish();
    };
    const timer = clock.after(LINGER_MS, () => finish());
    const finish = (): void => {
      timer.cancel();
      incoming.off("data", onData);
      incoming.off("end", finish);
      incoming.off("close", finish);
      resolve();
    };
    incoming.on("error", finish);
    incoming.on("end", finish);
    incoming.on("close", finish);
    incoming.on("data", onData);
    incoming.resume();
  });
}
