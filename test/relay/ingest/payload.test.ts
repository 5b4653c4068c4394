import { expect, test } from "vitest";
import { parseFacts, parsePayload } from "../../../relay/ingest/payload.ts";
import { fc } from "../../helpers/properties.ts";

const SHA = "95790bf891e76fee5e1747ab589903a6a1f80f22";

const push = (more: Record<string, unknown> = {}): Record<string, unknown> => ({
  object_kind: "push",
  before: SHA,
  project: { id: 7, path_with_namespace: "acme/shop" },
  commits: [
    { id: "da1560886d4f094c3e6c9ef40349f7d38b5d27d7", message: "one\n", added: [], modified: ["a"] },
    { id: "b6568db1bc1dcd7f8b4d5a946b0b91f9dacd7327", message: "größer €", added: [], modified: [] },
  ],
  total_commits_count: 2,
  ...more,
});

const bytes = (value: unknown): Buffer => Buffer.from(JSON.stringify(value), "utf8");

test("parseFacts() leaves the commits of a push out", () => {
  expect(parseFacts(bytes(push()))).toEqual({ ...push(), commits: [] });
});

test("parseFacts() leaves the jobs of a pipeline out", () => {
  const pipeline = {
    object_kind: "pipeline",
    object_attributes: { id: 1 },
    builds: [{ id: 2, name: "test" }],
  };
  expect(parseFacts(bytes(pipeline))).toEqual({ ...pipeline, builds: [] });
});

test("parseFacts() gives the commits of a push that lists the one that it began at", () => {
  const sample = push({ commits: [{ id: SHA }] });
  expect(parseFacts(bytes(sample))).toEqual(sample);
});

test.each([
  ["a list of that name further inside", { object_kind: "note", inner: { a: 1, commits: [1, 2] } }],
  ["characters in a text that look like a list", { text: 'a,"commits":[1],"b"', next: ',"commits":[2]' }],
  ["another kind of event", { object_kind: "issue", labels: [{ id: 1 }], object_attributes: { iid: 1 } }],
  ["no list", { object_kind: "push", commits: "none" }],
])("parseFacts() changes nothing of a payload with %s", (_claim, payload) => {
  expect(parseFacts(bytes(payload))).toEqual(payload);
});

test("parseFacts() gives the last of two lists of one name, as JSON.parse does", () => {
  const twice = Buffer.from('{"a":1,"commits":[1],"commits":[2]}');
  expect(parseFacts(twice)).toEqual({ a: 1, commits: [2] });
});

test.each([
  ["in the list", '{"a":1,"commits":[{"id":1,}]}'],
  ["before it", '{"a":,"commits":[1]}'],
  ["behind it", '{"a":1,"commits":[1]]'],
  ["a text that ends where the list's name begins", '{"a":",","commits":[1]'],
])("parseFacts() refuses a payload that is not JSON %s", (_claim, text) => {
  expect(parseFacts(Buffer.from(text))).toBeNull();
});

test("parseFacts() refuses a list that is not UTF-8", () => {
  const [before, after] = ['{"a":1,"commits":["', '"]}'].map((part) => Buffer.from(part)) as [Buffer, Buffer];
  expect(parseFacts(Buffer.concat([before, Buffer.from([0xc3]), after]))).toBeNull();
});

test("parseFacts() takes what parsePayload() takes and gives the same but for the list, whatever byte is changed", () => {
  const whole = bytes(push());
  fc.assert(
    fc.property(fc.nat({ max: whole.length - 1 }), fc.nat({ max: 255 }), (at, byte) => {
      const changed = Buffer.from(whole);
      changed[at] = byte;
      const expected = parsePayload(changed);
      const facts = parseFacts(changed);
      if (expected === null) expect(facts).toBeNull();
      else expect({ ...facts, commits: null }).toEqual({ ...expected, commits: null });
    }),
    { numRuns: 2000 },
  );
});
