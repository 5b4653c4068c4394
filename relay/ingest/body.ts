/**
 * Reading the body of a webhook: whole or not at all, never more than the limit in memory, never longer than the deadline.
 */
import type { IncomingMessage } from "node:http";
import type { Clock, Timer } from "../../lib/clock.ts";
import { awaitsContinue, contentLengthOf, type WebhookRequest } from "./request.ts";

/** Milliseconds within which a body must have come in, from the end of the headers. */
export const BODY_DEADLINE_MS = 60_000;
/** How long and how far a body that nobody wants is read on, so that its sender gets to the answer. */
export const LINGER_MS = 5000;
export const LINGER_BYTES = 64 * 1024 * 1024;

export type BodyRead =
  | { readonly ok: true; readonly bytes: Uint8Array }
  | { readonly ok: false; readonly reason: "too-large" | "too-slow" | "broken" };

/** Resolves with the whole body, or with why there is none; never rejects. */
export function readBody(request: WebhookRequest, limit: number, clock: Clock): Promise<BodyRead> {
  if (request.incoming === null) return readWeb(request.web, limit);
  if (awaitsContinue(request)) request.outgoing?.writeContinue();
  return readIncoming(request.incoming, limit, clock);
}

/** A body on its way in. `resolve` is null once that is over; listeners that are still called then do nothing. */
interface Reading {
  readonly chunks: Uint8Array[];
  length: number;
  deadline: Timer | null;
  resolve: ((read: BodyRead) => void) | null;
}

function readIncoming(incoming: IncomingMessage, limit: number, clock: Clock): Promise<BodyRead> {
  return new Promise((resolve) => {
    const reading: Reading = { chunks: [], length: 0, deadline: null, resolve };
    // Each of these is called for every webhook: no listener is taken off again, none has a name to be set.
    reading.deadline = clock.after(BODY_DEADLINE_MS, () =>
      settle(reading, { ok: false, reason: "too-slow" }),
    );
    incoming.on("error", () => settle(reading, { ok: false, reason: "broken" }));
    incoming.on("close", () => settle(reading, { ok: false, reason: "broken" }));
    incoming.on("end", () => settle(reading, { ok: true, bytes: joined(reading) }));
    incoming.on("data", (chunk: Buffer) => take(reading, chunk, limit));
    if (incoming.destroyed) settle(reading, { ok: false, reason: "broken" });
  });
}

function take(reading: Reading, chunk: Uint8Array, limit: number): void {
  if (reading.resolve === null) return;
  reading.length += chunk.length;
  if (reading.length <= limit) reading.chunks.push(chunk);
  else settle(reading, { ok: false, reason: "too-large" });
}

function joined({ chunks, length }: Reading): Uint8Array {
  return chunks.length === 1 ? (chunks[0] as Uint8Array) : Buffer.concat(chunks, length);
}

function settle(reading: Reading, read: BodyRead): void {
  const { resolve } = reading;
  if (resolve === null) return;
  reading.resolve = null;
  reading.deadline?.cancel();
  if (!read.ok) reading.chunks.length = 0;
  resolve(read);
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
export function discardRest(incoming: IncomingMessage, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    let length = 0;
    const onData = (chunk: Buffer): void => {
      length += chunk.length;
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
