/**
 * An event as a CloudEvent 1.0 (https://github.com/cloudevents/spec), with the types, sources and subjects of its GitLab
 * adapter. Kinds that the adapter does not know follow its pattern: `com.gitlab.<kind>[.<action>]` from the project's address.
 *
 * The id is the relay's event id, although the adapter asks for a new one, so that a repeated delivery is recognised; "current
 * time" is the time of receipt. In structured mode the received bytes stand in `data` as they are, in binary mode they are the body.
 * The SDK (cloudevents) parses and validates data that goes through here as bytes.
 */
import { object, text } from "../../../lib/json.ts";
import type { EventMeta } from "../../event/event.ts";
import { plainCloudEvent } from "../../event/kinds/cloud-event.ts";
import { kindOf } from "../../event/kinds/kinds.ts";
import type { Sending } from "../../delivery/port.ts";
import type { HttpTargetSettings } from "./settings.ts";

export interface CloudEventAttributes {
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly subject: string | null;
  /** RFC 3339. */
  readonly time: string;
  /** Extension: which of several GitLabs it is from; missing for that of `gitlab`. */
  readonly relayinstance?: string;
}

/** @param payload the parsed body */
export function cloudEventAttributes(meta: EventMeta, payload: unknown): CloudEventAttributes {
  const body = object(payload);
  const name = (kindOf(meta)?.cloudEvent ?? plainCloudEvent)(meta, body);
  const home = text(object(body["repository"])["homepage"], object(body["project"])["web_url"]);
  return {
    id: meta.id,
    source: name.source ?? home ?? meta.instance ?? "/gitlab",
    type: ["com.gitlab", ...name.type.filter((word) => word !== null)].join("."),
    subject: name.subject,
    time: name.time ?? new Date(meta.receivedAt).toISOString(),
    ...(meta.instanceName === undefined ? {} : { relayinstance: meta.instanceName }),
  };
}

/** Values of `ce-` headers are percent-encoded beyond printable ASCII, and for space, quote and percent. */
function headerValue(value: string): string {
  return value.replace(/[^!#-$&-~]/gu, (c) =>
    [...Buffer.from(c, "utf8")].map((b) => `%${b.toString(16).toUpperCase().padStart(2, "0")}`).join(""),
  );
}

const BOM = Buffer.from([0xef, 0xbb, 0xbf]);

/** Body and headers of a CloudEvent; header names in lower case. */
export function cloudEventEnvelope(
  mode: HttpTargetSettings["cloudEventsMode"],
  sending: Pick<Sending, "meta" | "body">,
): { readonly body: Uint8Array; readonly headers: Readonly<Record<string, string>> } {
  const received = Buffer.from(sending.body.buffer, sending.body.byteOffset, sending.body.byteLength);
  const json = received.subarray(0, 3).equals(BOM) ? received.subarray(3) : received;
  const attributes = cloudEventAttributes(sending.meta, JSON.parse(json.toString("utf8")));
  const { subject, ...required } = attributes;
  const all = { specversion: "1.0", ...required, ...(subject === null ? {} : { subject }) };
  if (mode === "binary") {
    const named = Object.entries(all).map(([name, value]) => [`ce-${name}`, headerValue(value)] as const);
    return { body: sending.body, headers: Object.fromEntries(named) };
  }
  const head = JSON.stringify({ ...all, datacontenttype: "application/json" }).slice(0, -1);
  return {
    body: Buffer.concat([Buffer.from(`${head},"data":`), json, Buffer.from("}")]),
    headers: { "content-type": "application/cloudevents+json; charset=utf-8" },
  };
}
