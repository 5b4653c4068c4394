/**
 * The headers of an attempt on an HTTP target: what GitLab sent, what the relay adds, what the operator configured. The secret
 * token, hop-by-hop headers and whatever else the sender may have put on the request stay behind.
 */
import { sign } from "../../../lib/signature.ts";
import type { EventMeta } from "../../event/event.ts";
import type { Sending } from "../../delivery/port.ts";

export const USER_AGENT = "gitlab-hook-relay";

const SECRET = "x-gitlab-token";
const OWN =
  /^(?:x-gitlab-[a-z0-9-]+|idempotency-key|webhook-(?:id|timestamp|signature)|content-type|traceparent|tracestate)$/;

/** GitLab's own headers of an event, names in lower case: what a receiver behind the relay may see. */
export function gitlabHeaders(meta: Pick<EventMeta, "headers">): Record<string, string> {
  return withGitlabHeaders({}, meta);
}

function withGitlabHeaders(
  kept: Record<string, string>,
  { headers }: Pick<EventMeta, "headers">,
): Record<string, string> {
  for (const [name, value] of headers) if (OWN.test(name) && name !== SECRET) kept[name] = value;
  return kept;
}

/** Which of several GitLabs an event is from; that of `gitlab` is not named. */
export function instanceHeader({ instanceName }: Pick<EventMeta, "instanceName">): Record<string, string> {
  return instanceName === undefined ? {} : { "x-relay-instance": instanceName };
}

/** The custom headers of an event that have these names, in lower case. */
export function customHeaders(
  { headers }: Pick<EventMeta, "headers">,
  names: ReadonlySet<string>,
): Record<string, string> {
  return Object.fromEntries(headers.filter(([name]) => names.has(name)));
}

/** GitLab's signature is of the received bytes. */
const SIGNATURE: ReadonlySet<string> = new Set(["webhook-signature", "webhook-timestamp"]);

/** The event for an attempt whose body is not the received one. */
export function withoutSignature(meta: EventMeta): EventMeta {
  return { ...meta, headers: meta.headers.filter(([name]) => !SIGNATURE.has(name)) };
}

/**
 * All headers of an attempt but those of the signature, names in lower case. Later ones win: GitLab's, the hook's custom ones and the
 * format's, the relay's, the configured ones.
 * @param format headers that the format of the body brings along, custom ones before them, names in lower case
 * @param configured names in lower case
 */
export function headersOf(
  sending: Pick<Sending, "meta" | "attempt">,
  format: Readonly<Record<string, string>>,
  configured: Readonly<Record<string, string>>,
): Record<string, string> {
  const { meta, attempt } = sending;
  // One object that grows, since every attempt makes it: no other ones to be spread into it.
  const headers: Record<string, string> = {
    "content-type": "application/json",
    "user-agent": USER_AGENT,
  };
  withGitlabHeaders(headers, meta);
  Object.assign(headers, format);
  headers["x-relay-event-id"] = meta.id;
  headers["x-relay-attempt"] = String(attempt);
  headers["x-relay-received-at"] = new Date(meta.receivedAt).toISOString();
  if (meta.instanceName !== undefined) Object.assign(headers, instanceHeader(meta));
  if (meta.test === true) headers["x-relay-test"] = "true";
  return Object.assign(headers, configured);
}

/**
 * The headers of a Standard Webhooks signature by all keys, of which there is one at least. They take the place of GitLab's own:
 * `webhook-id` is the relay's event id, the same in every attempt and replay, so that a receiver can recognise what it has seen.
 */
export function signatureHeaders(
  keys: readonly Uint8Array[],
  eventId: string,
  nowMs: number,
  body: Uint8Array,
): Record<string, string> {
  const timestamp = Math.floor(nowMs / 1000);
  return {
    "webhook-id": eventId,
    "webhook-timestamp": String(timestamp),
    "webhook-signature": sign(keys, eventId, timestamp, body),
  };
}
