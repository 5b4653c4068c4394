/**
 * From headers and raw body to the event that is stored: what is kept of the headers, and what makes a second delivery of the
 * same event recognisable.
 */
import { isUtf8 } from "node:buffer";
import { createHash } from "node:crypto";
import { eventFacts, type EventFacts } from "../../lib/events.ts";
import { dedupeKeyOfDelivery, type NewEvent } from "../event.ts";
import { headerOf, type RequestHeaders } from "./request.ts";

/** Kept beside `x-gitlab-*`: what tells deliveries apart, what the signature covers, and what the body is. */
const KEPT_HEADERS: ReadonlySet<string> = new Set([
  "idempotency-key",
  "webhook-id",
  "webhook-timestamp",
  "webhook-signature",
  "content-type",
  "user-agent",
  "x-relay-recovered",
]);

/** The secret token stays here: it is neither stored nor passed on. */
const SECRET_HEADER = "x-gitlab-token";

/**
 * The JSON object that a body holds; null where it holds anything else. Must be UTF-8 without byte order mark, as RFC 8259 asks
 * of JSON that is sent; GitLab sends it so. Depth does not matter.
 */
export function parseObject(body: Uint8Array): Readonly<Record<string, unknown>> | null {
  if (!isUtf8(body)) return null;
  try {
    const value: unknown = JSON.parse(
      Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("utf8"),
    );
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Readonly<Record<string, unknown>>)
      : null;
  } catch {
    return null;
  }
}

export interface Received {
  readonly headers: RequestHeaders;
  readonly body: Uint8Array;
  readonly parsed: Readonly<Record<string, unknown>>;
  readonly hookKey: string | null;
  /** Wall clock, milliseconds. */
  readonly receivedAt: number;
  readonly verifiedBy: readonly ("token" | "signature")[];
  readonly verifiedMs: number;
}

/** The event as the queue takes it, and the row of the table that it is. Never throws, whatever the payload holds. */
export function newEvent(received: Received): { readonly event: NewEvent; readonly row: EventFacts["row"] } {
  const { headers, body, hookKey } = received;
  const header = headerOf(headers, "x-gitlab-event");
  const { row, ...facts } = eventFacts(header, received.parsed);
  const deliveryId = headerOf(headers, "webhook-id") ?? headerOf(headers, "idempotency-key");
  return {
    row,
    event: {
      meta: {
        receivedAt: received.receivedAt,
        header,
        ...facts,
        hookKey,
        instance: headerOf(headers, "x-gitlab-instance"),
        deliveryId,
        recovered: headerOf(headers, "x-relay-recovered") !== null,
        verifiedBy: received.verifiedBy,
        verifiedMs: received.verifiedMs,
        bodyBytes: body.byteLength,
        headers: keptHeaders(headers),
      },
      body,
      dedupeKey: deliveryId === null ? digestKey(hookKey, header, body) : dedupeKeyOfDelivery(deliveryId),
    },
  };
}

function keptHeaders(headers: RequestHeaders): [string, string][] {
  const kept: [string, string][] = [];
  for (const name in headers) {
    if ((name.startsWith("x-gitlab-") && name !== SECRET_HEADER) || KEPT_HEADERS.has(name)) {
      const value = headers[name];
      if (typeof value === "string") kept.push([name, value]);
    }
  }
  return kept;
}

/** Stands in for the delivery id that GitLab before 17.4 does not send: hook, event and body. */
function digestKey(hookKey: string | null, header: string | null, body: Uint8Array): string {
  const hash = createHash("sha256")
    .update(JSON.stringify([hookKey, header]))
    .update(body);
  return `digest:${hash.digest("hex")}`;
}
