import { expect, test } from "vitest";
import { newEvent } from "../../../relay/ingest/event.ts";
import { parsePayload } from "../../../relay/ingest/payload.ts";

const text = (value: string): Uint8Array => Buffer.from(value, "utf8");

test.each([
  ["an object", '{"a":1}'],
  ["an empty object", "{}"],
  ["white space around it", ' \r\n\t{"a":1}\n'],
  ["a key __proto__", '{"__proto__":{"polluted":true}}'],
  ["escapes of half a character", '{"a":"\\ud800"}'],
])("parsePayload() takes %s", (_claim, body) => {
  expect(parsePayload(text(body))).not.toBeNull();
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
});

test.each([
  ["nothing", ""],
  ["a list", "[]"],
  ["null", "null"],
  ["a text", '"x"'],
  ["a number", "1"],
  ["half an object", '{"a":'],
  ["two objects", "{}{}"],
  ["a form", "payload=%7B%7D"],
  ["a byte order mark", "\ufeff{}"],
  ["a trailing comma", '{"a":1,}'],
])("parsePayload() refuses %s", (_claim, body) => {
  expect(parsePayload(text(body))).toBeNull();
});

test.each([
  ["a stray byte", Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
  ["half a character", Buffer.from([0x7b, 0x22, 0xc3, 0x22, 0x3a, 0x31, 0x7d])],
  ["an encoded surrogate", Buffer.from([0x7b, 0x22, 0xed, 0xa0, 0x80, 0x22, 0x3a, 0x31, 0x7d])],
  ["UTF-16", Buffer.from('{"a":1}', "utf16le")],
  ["gzip", Buffer.from([0x1f, 0x8b, 0x08, 0x00])],
])("parsePayload() refuses %s", (_claim, body) => {
  expect(parsePayload(body)).toBeNull();
});

test("parsePayload() takes nesting of 100,000", () => {
  const deep = `{"a":${"[".repeat(100_000)}${"]".repeat(100_000)}}`;
  expect(parsePayload(text(deep))).not.toBeNull();
  expect(parsePayload(text("[".repeat(100_000)))).toBeNull();
  expect(parsePayload(text('{"a":'.repeat(100_000)))).toBeNull();
});

const body = text('{"object_kind":"push","project":{"id":7,"path_with_namespace":"a/b"}}');

function made(headers: Record<string, string>, hookKey: string | null = null, bytes = body) {
  return newEvent({
    headers,
    body: bytes,
    parsed: parsePayload(bytes) ?? {},
    hookKey,
    instance: null,
    pairSystemHooks: false,
    receivedAt: 1,
    verifiedBy: ["token"],
    verifiedMs: 0.5,
  });
}

test("newEvent() keeps GitLab's headers, and neither the secret token nor anything foreign", () => {
  const { meta } = made({
    host: "relay",
    connection: "close",
    "content-length": "9",
    "transfer-encoding": "chunked",
    "content-type": "application/json",
    "user-agent": "GitLab/19.0.0",
    "x-gitlab-token": "secret",
    "x-gitlab-event": "Push Hook",
    "x-gitlab-instance": "https://gitlab.acme.dev",
    "x-gitlab-webhook-uuid": "u1",
    "x-gitlab-event-uuid": "u2",
    "x-gitlab-future": "kept",
    "idempotency-key": "k",
    "webhook-id": "k",
    "webhook-timestamp": "1",
    "webhook-signature": "v1,x",
    "x-relay-recovered": "1",
    "x-relay-event-id": "forged",
    authorization: "Basic x",
    cookie: "a=b",
    "x-forwarded-for": "1.1.1.1",
    "x-custom": "y",
  });
  expect(meta.headers.map(([name]) => name)).toEqual([
    "content-type",
    "user-agent",
    "x-gitlab-event",
    "x-gitlab-instance",
    "x-gitlab-webhook-uuid",
    "x-gitlab-event-uuid",
    "x-gitlab-future",
    "idempotency-key",
    "webhook-id",
    "webhook-timestamp",
    "webhook-signature",
    "x-relay-recovered",
  ]);
  expect(meta).toMatchObject({
    header: "Push Hook",
    kind: "push",
    projectId: 7,
    projectPath: "a/b",
    instance: "https://gitlab.acme.dev",
    deliveryId: "k",
    recovered: true,
    bodyBytes: body.byteLength,
    verifiedBy: ["token"],
    verifiedMs: 0.5,
  });
  expect(JSON.stringify(meta)).not.toContain("secret");
});

const keyOf = (headers: Record<string, string>, hookKey: string | null = null, bytes = body): string =>
  made({ "x-gitlab-event": "Push Hook", ...headers }, hookKey, bytes).dedupeKey;
const other = text(`${body} `);

test("newEvent() recognises a delivery by webhook-id, else by Idempotency-Key, whatever its content", () => {
  expect(keyOf({ "webhook-id": "a", "idempotency-key": "b" })).toBe(
    keyOf({ "webhook-id": "a" }, null, other),
  );
  expect(keyOf({ "webhook-id": "", "idempotency-key": "a" })).toBe(keyOf({ "webhook-id": "a" }));
  expect(keyOf({ "webhook-id": "a", "idempotency-key": "b" })).not.toBe(keyOf({ "idempotency-key": "b" }));
});

test("newEvent() remembers how version 0.1.0 recognised an id", () => {
  expect(made({ "webhook-id": "a" }, "p7").formerDedupeKey).toBe("id:a");
  expect(made({}).formerDedupeKey).toBeNull();
});

test.each<[string, Record<string, string>]>([
  ["a webhook-id", { "webhook-id": "a" }],
  ["an Idempotency-Key", { "idempotency-key": "a" }],
  ["UUIDs", { "x-gitlab-event-uuid": "e", "x-gitlab-webhook-uuid": "w" }],
  ["content", {}],
])("newEvent(): %s of another hook or instance is another delivery", (_claim, headers) => {
  const at = (instance: string, hookKey: string | null): string =>
    keyOf({ ...headers, "x-gitlab-instance": instance }, hookKey);
  const keys = [
    keyOf(headers),
    at("https://gitlab.acme.dev", null),
    at("https://gitlab.acme.dev", "p7"),
    at("https://gitlab.acme.dev", "g7"),
    at("https://gitlab.acme.dev:8443", "p7"),
    at("https://gitlab.com", "p7"),
  ];
  expect(new Set(keys).size).toBe(keys.length);
  expect(at("https://gitlab.acme.dev/", "p7")).toBe(at("https://GITLAB.acme.dev/prefix", "p7"));
});

test("newEvent() without an id recognises the two UUIDs together, whatever the content", () => {
  const both = { "x-gitlab-event-uuid": "e1", "x-gitlab-webhook-uuid": "w1" };
  expect(keyOf(both)).toBe(keyOf(both, null, other));
  expect(keyOf({ ...both, "x-gitlab-webhook-uuid": "w2" })).not.toBe(keyOf(both));
  expect(keyOf({ ...both, "x-gitlab-event-uuid": "e2" })).not.toBe(keyOf(both));
});

test.each(["x-gitlab-event-uuid", "x-gitlab-webhook-uuid"])(
  "newEvent() with %s alone recognises it together with the content",
  (name) => {
    expect(keyOf({ [name]: "1" })).toBe(keyOf({ [name]: "1" }));
    expect(keyOf({ [name]: "1" })).not.toBe(keyOf({ [name]: "2" }));
    expect(keyOf({ [name]: "1" })).not.toBe(keyOf({ [name]: "1" }, null, other));
  },
);

test("newEvent() without any of these recognises event and body", () => {
  expect(keyOf({})).toBe(keyOf({}));
  expect(keyOf({ "x-gitlab-event": "Tag Push Hook" })).not.toBe(keyOf({}));
  expect(keyOf({}, null, other)).not.toBe(keyOf({}));
});

test("newEvent() of empty header rows says null", () => {
  expect(
    made({ "x-gitlab-event": "", "x-gitlab-instance": "", "webhook-id": "", "x-relay-recovered": "" }).meta,
  ).toMatchObject({
    header: null,
    instance: null,
    deliveryId: null,
    recovered: false,
  });
});
