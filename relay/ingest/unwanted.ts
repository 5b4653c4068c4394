/**
 * Bodies that are not needed, because the answer is known before them: measured, or read on so that their sender gets to the answer, and
 * never kept.
 */
import type { IncomingMessage } from "node:http";
import type { Clock } from "../../lib/clock.ts";
import { readWeb } from "./body.ts";
import { awaitsContinue, contentLengthOf, type WebhookRequest } from "./request.ts";
import type { UnverifiedBodies } from "./unverified.ts";

/** How long and how far a body that is not needed is read on, so that its sender gets to the answer. */
export const LINGER_MS = 5000;
const LINGER_BYTES = 64 * 1024 * 1024;
/** How long a body is measured whose sender has no valid credential, before it is refused without knowing its size. */
export const MEASURE_MS = 1000;

/** A body that announces no more comes in before its refusal goes out: a few packets cost less than another connection. */
export const SHORT_BYTES = 65_536;

/** For a sender that has shown no valid credential. */
export interface StrangerLimits {
  readonly maxBytes: number;
  readonly unverified: UnverifiedBodies;
}

/**
 * Whether a body that is not kept is larger than the limit: false if it ends, or goes on for a second, below it. What comes
 * after that is not read here.
 */
export function isTooLarge(request: WebhookRequest, limits: StrangerLimits, clock: Clock): Promise<boolean> {
  const limit = limits.maxBytes;
  if (request.web !== null)
    return readWeb(request.web, limit).then((read) => !read.ok && read.reason === "too-large");
  const { incoming } = request;
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
