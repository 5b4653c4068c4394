import { describe, expect, test } from "vitest";
import { newDelivery, type Attempt, type Delivery } from "../../../relay/queue/delivery-state.ts";
import {
  compileFilter,
  deliveryMatches,
  metaMatches,
  stateMatches,
  wordsOf,
} from "../../../relay/queue/filter.ts";
import type { EventFilter } from "../../../relay/queue/queue.ts";
import { eventMeta } from "../../helpers/events.ts";

const META = eventMeta({
  kind: "merge_request",
  eventName: "merge_request",
  projectId: 7,
  projectPath: "acme/payments/api",
  actor: "alice",
  iid: 42,
  title: 'Say "no" to café queues',
  headers: [["x-gitlab-event-uuid", "5D1F-EVENT"]],
});

function answered(target: string, state: Delivery["state"], status: number | null): Delivery {
  const attempt: Attempt = { at: 1, durationMs: 1, status, error: "failed", excerpt: null };
  return { ...newDelivery("id", target, 0, 0), state, attempts: 1, history: [attempt] };
}

test("metaMatches() does not look into custom headers, which may be credentials", () => {
  const meta = eventMeta({ headers: [["x-gateway-key", "s3cret"]] });
  expect(metaMatches(meta, { text: "s3cret" })).toBe(false);
  expect(metaMatches(meta, { text: "x-gateway" })).toBe(false);
});

describe("metaMatches()", () => {
  test.each<[string, EventFilter, boolean]>([
    ["the instance without a name", { instance: "default" }, true],
    ["another instance", { instance: "partner" }, false],
    ["one of several instances", { instance: ["partner", "default"] }, true],
    ["one of several kinds", { kind: ["push", "merge_request"] }, true],
    ["none of several kinds", { kind: ["push", "note"] }, false],
    ["a glob", { project: "acme/**" }, true],
    ["a glob in another case", { project: "ACME/pay*/*" }, true],
    ["a glob that ends too early", { project: "acme/*" }, false],
    ["an exact path", { project: "acme/payments/api" }, true],
    ["the beginning of a path", { project: "acme/payments" }, false],
    ["an id", { project: "7" }, true],
    ["another id", { project: "70" }, false],
    ["a negated glob", { project: ["acme/**", "!acme/payments/**"] }, false],
    ["a negated glob that does not fit", { project: ["acme/**", "!acme/shop/**"] }, true],
    ["two words in any order", { text: "queues payments" }, true],
    ["two words, one of them missing", { text: "queues billing" }, false],
    ["a phrase", { text: '"café queues"' }, true],
    ["a phrase in the wrong order", { text: '"queues café"' }, false],
    ["a word in another case", { text: "CAFÉ" }, true],
    ["the number of a merge request", { text: "!42" }, true],
    ["the number of an issue", { text: "#42" }, false],
    ["another number", { text: "!4" }, false],
    ["a header", { text: "5d1f-event" }, true],
    ["the name of a field is no content", { text: "projectPath" }, false],
    ["a word and a kind", { text: "alice", kind: ["note"] }, false],
  ])("%s", (_name, filter, fits) => {
    expect(metaMatches(META, filter)).toBe(fits);
  });
});

test("wordsOf() keeps phrases together and leaves empty ones out", () => {
  expect(wordsOf('  Pay "merge  train" "" x ')).toEqual(["pay", "merge  train", "x"]);
});

test("compileFilter() says whether kind, project and time are all that it asks", () => {
  expect(compileFilter({ kind: "push", project: "acme/**", from: 1 }).asksMore).toBe(false);
  expect(compileFilter({ text: "x" }).asksMore).toBe(true);
});

describe("stateMatches()", () => {
  const deliveries = [
    answered("jira", "dead", 422),
    answered("bot", "done", 200),
    answered("chat", "waiting", null),
  ];
  test.each<[string, EventFilter, boolean]>([
    ["a state among several", { state: ["dead", "sending"] }, true],
    ["none of several states", { state: ["sending", "unmatched"] }, false],
    ["a status", { status: "422" }, true],
    ["a class of statuses", { status: "4xx" }, true],
    ["a status that no delivery has", { status: "5xx" }, false],
    ["no answer", { status: "none" }, true],
    ["status and state of the same delivery", { status: "4xx", state: "dead" }, true],
    ["status and state of different deliveries", { status: "2xx", state: "dead" }, false],
    ["status and target of different deliveries", { status: "422", target: "bot" }, false],
    ["one of several statuses", { status: ["503", "none"] }, true],
  ])("%s", (_name, filter, fits) => {
    expect(stateMatches(deliveries, true, filter)).toBe(fits);
  });

  test("an event without deliveries is unmatched, beside other states too", () => {
    expect(stateMatches([], true, { state: ["dead", "unmatched"] })).toBe(true);
    expect(stateMatches([], true, { state: "unmatched", target: "jira" })).toBe(false);
  });
});

test("deliveryMatches() never fits a delivery that was not tried when it asks for an answer", () => {
  expect(deliveryMatches(newDelivery("id", "jira", 0, 0), { status: "none" })).toBe(false);
});
