import { describe, expect, test } from "vitest";
import { EVENTS } from "../../../lib/events.ts";
import { kindNamed, KINDS } from "../../../relay/event/kinds/kinds.ts";
import type { Kind } from "../../../relay/event/kinds/kind.ts";
import { eventMeta } from "../../helpers/events.ts";

const PARTS: readonly (keyof Kind)[] = [
  "kind",
  "payload",
  "has",
  "ref",
  "subject",
  "sentence",
  "activity",
  "cloudEvent",
];

test("every row of the table of events has its kind, and every kind its row", () => {
  expect(KINDS.map(({ kind }) => kind).sort()).toEqual(EVENTS.map(({ kind }) => kind).sort());
});

describe.each(EVENTS.map(({ kind }) => kind))("the kind %s", (name) => {
  const kind = kindNamed(name);

  test("decides everything that the relay asks of a kind", () => {
    expect(Object.keys(kind ?? {}).sort()).toEqual([...PARTS].sort());
    expect(Object.values(kind?.has ?? {}).every((one) => typeof one === "boolean")).toBe(true);
    expect(Object.keys(kind?.has ?? {}).sort()).toEqual(["action", "branch", "labels", "path", "project"]);
  });

  test("has a sentence, and a name as a CloudEvent, of no more than its metadata", () => {
    const meta = eventMeta({ kind: name, eventName: null, action: null, ref: null });
    const telling = { meta, body: {}, attributes: {}, who: "ada", place: "acme/web" };
    expect(kind?.sentence(telling)).toMatch(/^[a-z].*[a-z)”]$/);
    expect(kind?.cloudEvent(meta, {}).type[0]).toMatch(/^[a-z_]+$/);
  });

  test("reads nothing out of an empty payload, and does not throw", () => {
    expect(kind?.ref?.({}).ref ?? null).toBeNull();
    expect(Object.values(kind?.subject?.({}) ?? {}).filter((value) => value !== null)).toEqual([]);
    expect(() => kind?.activity?.(eventMeta({ kind: name }), {})).not.toThrow();
  });
});
