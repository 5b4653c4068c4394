/**
 * A filtered set of events as JSON Lines, one event per line, made while it is read: one page of metadata and at most one body
 * are in memory at any time.
 */
import type { Delivery } from "../../queue/delivery-state.ts";
import type { EventFilter, Queue } from "../../queue/queue.ts";
import { detailJson } from "./event-json.ts";
import type { Masking } from "../pages/masking.ts";

const PAGE = 100;

export interface ExportOptions {
  readonly filter: EventFilter;
  readonly masking: Masking;
  /** Whether each line carries the body as it was received, as the text `body`; nothing is masked in it. */
  readonly bodies: boolean;
  /** What a waiting delivery waits for, in words. */
  readonly waitsFor: (delivery: Delivery) => string;
}

/** Lines as bytes; an event that is removed meanwhile is left out. */
export function exportEvents(queue: Queue, options: ExportOptions): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const lines = exportLines(queue, options);
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await lines.next();
      if (done === true) controller.close();
      else controller.enqueue(encoder.encode(value));
    },
    async cancel() {
      await lines.return(undefined);
    },
  });
}

async function* exportLines(queue: Queue, options: ExportOptions): AsyncGenerator<string, undefined> {
  const { filter, masking, bodies, waitsFor } = options;
  let cursor: string | null = null;
  do {
    const page = await queue.list(filter, PAGE, cursor);
    let chunk = "";
    for (const event of page.events) {
      const line = detailJson(event, masking, waitsFor);
      if (!bodies) {
        chunk += `${JSON.stringify(line)}\n`;
        continue;
      }
      const body = await queue.body(event.meta.id);
      if (body !== null) yield `${JSON.stringify({ ...line, body: Buffer.from(body).toString("utf8") })}\n`;
    }
    if (chunk !== "") yield chunk;
    cursor = page.cursor;
  } while (cursor !== null);
  return undefined;
}
