/**
 * The feed as server-sent events. A reader gets `hello` first, then `stored`, `duplicate`, `routed`, `settled`, `replayed` and
 * `removed` as they happen, and `gap` if it missed some. Every message has an id; a reader that comes back with the last one it
 * saw (Last-Event-ID) misses nothing that the ring still holds. Nothing is buffered for a reader that does not read,
 * as it would be by better-sse, which pushes to its sessions.
 */
import type { UnderlyingSource } from "node:stream/web";
import type { Clock } from "../../../lib/clock.ts";
import type { EventMeta } from "../../event/event.ts";
import type { QueueEvent } from "../../queue/queue.ts";
import { attemptJson, deliveryJson, metaJson, type Mask } from "../api/event-json.ts";
import type { Grant } from "../ports.ts";
import type { Feed } from "./feed.ts";

const HEARTBEAT_MS = 15_000;
/** A stream ends after this long, so that what a proxy lost without a word is let go; browsers come back by themselves. */
const MAX_AGE_MS = 1_800_000;
const BATCH = 200;
/** Pause between batches: what happens within it travels together. */
const PAUSE_MS = 100;
const RETRY_MS = 2000;

export interface StreamOptions {
  readonly feed: Feed;
  readonly clock: Clock;
  readonly mask: Mask;
  /** `Last-Event-ID`; null: from now on. */
  readonly lastId: string | null;
  /** Which events the reader wants, by their metadata; what has none (`duplicate`, `replayed`, `removed`) is always sent. */
  readonly wants: (meta: EventMeta) => boolean;
  /** By which it is read; the stream ends with it. */
  readonly grant: Grant;
  /** Called once, when the stream has ended for whatever reason. */
  readonly onEnd: () => void;
}

/** Bytes of the stream; cancelling it, or closing the feed, ends it. */
export function eventStream(options: StreamOptions): ReadableStream<Uint8Array> {
  const { feed, clock } = options;
  const encoder = new TextEncoder();
  const endsAt = clock.monotonic() + MAX_AGE_MS;
  const start = feed.position(options.lastId);
  let next = start.next;
  let greeted = false;
  let wake: () => void = () => {};
  const cancel = new AbortController();
  const listening = [feed.onChange(() => wake()), options.grant.onChange(() => wake())];
  const unsubscribe = (): void => listening.forEach((stop) => stop());

  /** Until something new happened, or the time is up. */
  const changed = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = clock.after(ms, resolve);
      wake = () => {
        timer.cancel();
        resolve();
      };
    });
  const paused = (): Promise<void> => new Promise((resolve) => void clock.after(PAUSE_MS, resolve));

  const greeting = (): string => {
    greeted = true;
    const gap = start.gap === null ? "" : message("gap", start.id, start.gap);
    return `retry: ${RETRY_MS}\n\n${message("hello", start.id, {})}${gap}`;
  };

  /** What is there to be said now; null: nothing. */
  const news = (): string | null => {
    let text = "";
    for (;;) {
      const batch = feed.read(next, BATCH);
      next = batch.next;
      if (batch.gap !== null) text += message("gap", batch.entries[0]?.id ?? batch.id, batch.gap);
      for (const { id, event } of batch.entries)
        if (!("meta" in event) || options.wants(event.meta))
          text += message(event.type, id, eventJson(event, options.mask));
      if (text !== "") return text;
      if (batch.entries.length === 0) return null;
    }
  };

  const source: UnderlyingSource<Uint8Array> = {
    async pull(controller) {
      if (!greeted) {
        controller.enqueue(encoder.encode(greeting()));
        return;
      }
      await paused();
      while (!cancel.signal.aborted) {
        if (feed.closed || !options.grant.holds() || clock.monotonic() >= endsAt) {
          unsubscribe();
          controller.close();
          options.onEnd();
          return;
        }
        const text = news();
        if (text !== null) {
          controller.enqueue(encoder.encode(text));
          return;
        }
        const before = clock.monotonic();
        await changed(HEARTBEAT_MS);
        if (!cancel.signal.aborted && clock.monotonic() - before >= HEARTBEAT_MS) {
          controller.enqueue(encoder.encode(": still here\n\n"));
          return;
        }
      }
    },
    cancel() {
      cancel.abort();
      unsubscribe();
      wake();
      options.onEnd();
    },
  };
  // Nothing is made before a client reads it.
  return new ReadableStream(source, { highWaterMark: 0 });
}

function message(event: string, id: string, data: unknown): string {
  return `id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}

function eventJson(event: QueueEvent, mask: Mask): unknown {
  switch (event.type) {
    case "stored":
      return { event: metaJson(event.meta) };
    case "routed":
      return { event: metaJson(event.meta), targets: event.targets };
    case "settled":
      return {
        event: metaJson(event.meta),
        delivery: deliveryJson(event.delivery, mask),
        attempt: event.attempt === null ? null : attemptJson(event.attempt, mask),
      };
    case "duplicate":
    case "removed":
      return { id: event.id };
    case "replayed":
      return { id: event.id, targets: event.targets };
    default:
      return event satisfies never;
  }
}
