/**
 * An event as a CloudEvent 1.0 (https://github.com/cloudevents/spec), with the types, sources and subjects of its GitLab
 * adapter. Kinds that the adapter does not know follow its pattern: `com.gitlab.<kind>[.<action>]` from the project's address.
 *
 * The id is the relay's event id, where the adapter asks for a new one, so that a repeated delivery is recognised; "current
 * time" is the time of receipt. In structured mode the received bytes stand in `data` as they are, in binary mode they are the body.
 */
import type { HttpTargetConfig } from "../../config/schema.ts";
import type { EventMeta } from "../../event/event.ts";
import type { Sending } from "../../delivery/port.ts";

export interface CloudEventAttributes {
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly subject: string | null;
  /** RFC 3339. */
  readonly time: string;
}

type Json = Readonly<Record<string, unknown>>;

function object(value: unknown): Json {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : {};
}

function text(...candidates: unknown[]): string | null {
  for (const c of candidates) {
    if (typeof c === "string" && c !== "") return c;
    if (typeof c === "number" && Number.isSafeInteger(c)) return String(c);
  }
  return null;
}

/** GitLab writes times as ISO 8601 or as `2026-01-15 12:00:00 UTC`; null for anything else. */
function rfc3339(value: unknown): string | null {
  if (typeof value !== "string") return null;
  const plain = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d) UTC$/.exec(value);
  const ms = Date.parse(plain === null ? value : `${plain[1]}T${plain[2]}Z`);
  return Number.isNaN(ms) ? null : new Date(ms).toISOString();
}

/** @param payload the parsed body */
export function cloudEventAttributes(meta: EventMeta, payload: unknown): CloudEventAttributes {
  const body = object(payload);
  const attributes = object(body["object_attributes"]);
  const project = object(body["project"]);
  const received = new Date(meta.receivedAt).toISOString();
  const homepage = text(object(body["repository"])["homepage"], project["web_url"]);
  const kind = meta.kind ?? "unknown";
  const typed = (...words: (string | null)[]): string =>
    ["com.gitlab", ...words.filter((w) => w !== null)].join(".");
  const of = (type: string, subject: string | null, time: string | null = null, source = homepage) => ({
    id: meta.id,
    source: source ?? meta.instance ?? "/gitlab",
    type,
    subject,
    time: time ?? received,
  });
  switch (kind) {
    case "push":
      return of(typed("push"), text(body["checkout_sha"], body["after"]));
    case "tag_push":
      return of(typed("tag_push"), text(body["ref"]));
    case "issue":
      return of(typed("issue", text(attributes["state"])), text(attributes["iid"]));
    case "merge_request":
      return of(
        typed("merge_request", text(attributes["action"])),
        text(attributes["iid"]),
        rfc3339(attributes["created_at"]),
      );
    case "note": {
      const noteable = text(attributes["noteable_type"]);
      const source =
        noteable === "Commit"
          ? text(object(body["commit"])["url"])
          : (text(attributes["url"])?.replace(/#note_.*$/, "") ?? null);
      return of(
        typed("note", noteable === null ? null : snakeCase(noteable)),
        text(attributes["id"]),
        rfc3339(attributes["created_at"]),
        source ?? homepage,
      );
    }
    case "wiki_page":
      return of(typed("wiki_page", text(attributes["action"])), text(attributes["slug"]));
    case "pipeline":
      return of(typed("pipeline", text(attributes["status"])), text(attributes["id"]));
    case "build":
      return of(typed("job", text(body["build_status"])), text(body["build_id"]));
    default:
      return of(
        typed(kind, meta.action),
        text(attributes["iid"], attributes["id"], body["id"], body["group_id"], body["project_id"]),
      );
  }
}

/** `MergeRequest` -> `merge_request`. */
function snakeCase(word: string): string {
  return word.replace(/(?<=[a-z0-9])[A-Z]/g, (c) => `_${c}`).toLowerCase();
}

/** Values of `ce-` headers are percent-encoded beyond printable ASCII, and for space, quote and percent. */
function headerValue(value: string): string {
  return value.replace(/[^!#-$&-~]/gu, (c) =>
    [...Buffer.from(c, "utf8")].map((b) => `%${b.toString(16).toUpperCase().padStart(2, "0")}`).join(""),
  );
}

const BOM = Buffer.from([0xef, 0xbb, 0xbf]);

/** Body and headers of an attempt, in the configured format; header names in lower case. */
export function envelope(
  config: Pick<HttpTargetConfig, "format" | "cloudEventsMode">,
  sending: Pick<Sending, "meta" | "body">,
): { readonly body: Uint8Array; readonly headers: Readonly<Record<string, string>> } {
  if (config.format === "raw") return { body: sending.body, headers: {} };
  const received = Buffer.from(sending.body.buffer, sending.body.byteOffset, sending.body.byteLength);
  const json = received.subarray(0, 3).equals(BOM) ? received.subarray(3) : received;
  const attributes = cloudEventAttributes(sending.meta, JSON.parse(json.toString("utf8")));
  const { subject, ...required } = attributes;
  const all = { specversion: "1.0", ...required, ...(subject === null ? {} : { subject }) };
  if (config.cloudEventsMode === "binary") {
    const named = Object.entries(all).map(([name, value]) => [`ce-${name}`, headerValue(value)] as const);
    return { body: sending.body, headers: Object.fromEntries(named) };
  }
  const head = JSON.stringify({ ...all, datacontenttype: "application/json" }).slice(0, -1);
  return {
    body: Buffer.concat([Buffer.from(`${head},"data":`), json, Buffer.from("}")]),
    headers: { "content-type": "application/cloudevents+json; charset=utf-8" },
  };
}
