import { expect, test } from "vitest";
import { DEAD_REASONS, deadReasonCode, deadReasonOf } from "../../../relay/queue/dead-reason.ts";
import type { Attempt } from "../../../relay/queue/delivery-state.ts";
import { orphanReason } from "../../../relay/queue/orphans.ts";
import { attempt } from "../../helpers/queue-contract.ts";

const dead = (last: Partial<Attempt>, reason = "gave up") => ({
  reason,
  history: [attempt(0, { status: 503, error: "answered 503" }), attempt(0, last)],
});

test.each([
  [{ status: 410 }, "410"],
  [{ status: 418 }, "4xx"],
  [{ status: 599 }, "5xx"],
  [{ status: 302 }, "redirect"],
  [{ status: 200 }, "other"],
  [{ status: null, error: "no answer within 0.7 s" }, "timeout"],
  [{ status: null, error: "connect ECONNREFUSED 127.0.0.1:1" }, "connection refused"],
  [{ status: null, error: "getaddrinfo ENOTFOUND nowhere.invalid" }, "name not found"],
  [{ status: null, error: "read ECONNRESET" }, "connection lost"],
  [{ status: null, error: "unable to verify the first certificate" }, "TLS"],
  [{ status: null, error: "The stored event cannot be read" }, "event unreadable"],
  [{ status: null, error: "the handler threw: nope" }, "no answer"],
  [{ status: null, error: null }, "no answer"],
] as const)("deadReasonOf() of a last attempt %j is %s", (last, reason) => {
  expect(deadReasonOf(dead(last))).toBe(reason);
  expect(DEAD_REASONS[deadReasonCode(dead(last))]).toBe(reason);
});

test.each(["body.title: No such key", "body.tls: No such key"])(
  "deadReasonOf() of what was given up at once with %j is not sent",
  (error) => {
    expect(deadReasonOf(dead({ status: null, error }, error))).toBe("not sent");
    expect(deadReasonOf(dead({ status: null, error }, `gave up after 2 attempts: ${error}`))).not.toBe(
      "not sent",
    );
  },
);

test("deadReasonOf() of an event that cannot be read is that", () => {
  const error = "the stored event cannot be read: it is gone";
  expect(deadReasonOf(dead({ status: null, error }, error))).toBe("event unreadable");
});

test("DEAD_REASONS keep the places that storages know", () => {
  expect(DEAD_REASONS.slice(0, 12).join()).toBe(
    "other,no answer,timeout,connection refused,connection lost,name not found,TLS,target gone,event unreadable,redirect,4xx,5xx",
  );
  expect(DEAD_REASONS.indexOf("400")).toBe(12);
  expect(DEAD_REASONS.indexOf("504")).toBe(27);
  expect(DEAD_REASONS.indexOf("not sent")).toBe(28);
});

test("deadReasonOf() knows an orphan whatever its attempts were, and what was never tried", () => {
  expect(deadReasonOf(dead({ status: 410 }, orphanReason("ci-bot")))).toBe("target gone");
  expect(deadReasonOf({ reason: "given up", history: [] })).toBe("other");
});

test("DEAD_REASONS fit into six bits with none to spare for 0, and are distinct", () => {
  expect(DEAD_REASONS.length).toBeLessThanOrEqual(60);
  expect(new Set(DEAD_REASONS).size).toBe(DEAD_REASONS.length);
});
