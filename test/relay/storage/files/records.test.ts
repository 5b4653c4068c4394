import { describe, expect, test } from "vitest";
import type { Attempt } from "../../../../relay/queue/delivery-state.ts";
import { DEAD_REASONS, deadReasonOf } from "../../../../relay/queue/dead-reason.ts";
import { newDelivery } from "../../../../relay/queue/delivery-state.ts";
import { encodeIds, visitIds } from "../../../../relay/storage/files/records.ts";
import {
  decodeRoutes,
  encodeRoutes,
  routedEvent,
  type RoutedEvent,
} from "../../../../relay/storage/files/route-records.ts";
import {
  decodeState,
  decodeStateHead,
  encodeState,
  stateNeededBytes,
} from "../../../../relay/storage/files/state-records.ts";

const AT = Date.UTC(2026, 0, 15);

const attempt: Attempt = {
  at: AT,
  durationMs: 12,
  status: 503,
  error: "überlastet",
  excerpt: "no",
  steps: [],
};

/** The same bytes where no typed array may begin. */
function shifted(bytes: Uint8Array): Uint8Array {
  const larger = new Uint8Array(bytes.length + 3);
  larger.set(bytes, 3);
  return larger.subarray(3);
}

describe("encodeState() and decodeState()", () => {
  test.each([
    ["waiting", { dueAt: AT + 5 }, null],
    ["done", { dueAt: null, endedAt: AT + 9 }, "p42"],
    ["dead", { dueAt: null, endedAt: AT + 9, reason: "gone" }, "größe"],
  ] as const)("keep a delivery that is %s", (state, changes, lane) => {
    const { eventId: _, target: __, replay: ___, ...fresh } = newDelivery("x", "a", 0, 0);
    const delivery = { ...fresh, state, attempts: 3, firstAttemptAt: AT, history: [attempt], ...changes };
    const bytes = shifted(encodeState({ delivery, lane, order: 12_345 }));
    expect(decodeState(bytes)).toEqual({ delivery, lane, order: 12_345 });
    expect(decodeStateHead(bytes)).toEqual({
      state,
      attempts: 3,
      at: delivery.endedAt ?? delivery.dueAt,
      order: 12_345,
      lane,
      isMoved: false,
      deadReason: state === "dead" ? DEAD_REASONS.indexOf(deadReasonOf(delivery)) : null,
    });
  });

  test("stateNeededBytes() is the head, and all of it for a dead letter whose head does not say why", () => {
    const { eventId: _, target: __, replay: ___, ...fresh } = newDelivery("x", "a", 0, 0);
    const dead = { ...fresh, state: "dead", dueAt: null, endedAt: AT, reason: "gone" } as const;
    const bytes = Buffer.from(encodeState({ delivery: dead, lane: "p7", order: null }));
    expect(stateNeededBytes(bytes)).toBe(24);
    // As versions before 0.2 wrote it.
    bytes[1]! &= 3;
    expect(decodeStateHead(bytes)).toMatchObject({ state: "dead", lane: "p7", deadReason: null });
    expect(stateNeededBytes(bytes)).toBe(bytes.length);
  });

  test("an order of null is the event's own", () => {
    const { eventId: _, target: __, replay: ___, ...delivery } = newDelivery("x", "a", 0, AT);
    expect(decodeState(encodeState({ delivery, lane: null, order: null })).order).toBeNull();
  });
});

describe("encodeRoutes() and decodeRoutes()", () => {
  test("keep each event with its columns and its routes", () => {
    const events = Array.from({ length: 512 }, (_, index): RoutedEvent => ({
      id: Uint32Array.of(index, 0xffff_ffff - index, index * 7, index + 1),
      receivedAt: AT + index,
      kind: index % 3 === 0 ? null : `kind${index % 5}`,
      eventName: index % 2 === 0 ? null : "push",
      projectId: index % 7 === 0 ? null : index,
      projectPath: `acme/größe-${index}`,
      gitlabIds: [1, 0xffff_ffff, index + 1].slice(0, index % 4),
      routes:
        index % 4 === 0
          ? []
          : [
              { target: "a", lane: null },
              { target: "b", lane: `p${index % 9}` },
            ],
    }));
    const record = decodeRoutes(shifted(encodeRoutes(events)));
    expect(record.count).toBe(512);
    expect(events.map((_, index) => routedEvent(record, index))).toEqual(events);
  });

  test("say what events share once: some 48 bytes for each, as GitLab's ids are text", () => {
    const events = Array.from({ length: 512 }, (_, index): RoutedEvent => ({
      id: Uint32Array.of(1, 2, 3, index),
      receivedAt: AT,
      kind: "push",
      eventName: "push",
      projectId: 1,
      projectPath: "acme/web",
      gitlabIds: [1, 2, 3],
      routes: [{ target: "a", lane: null }],
    }));
    expect(encodeRoutes(events).length).toBeLessThan(512 * 49);
  });
});

describe("encodeIds() and visitIds()", () => {
  test("keep ids in 16 bytes each", () => {
    const ids = [Uint32Array.of(1, 2, 3, 4), Uint32Array.of(0xffff_ffff, 0, 5, 6)];
    const bytes = encodeIds(ids);
    expect(bytes.length).toBe(32);
    const seen: number[][] = [];
    visitIds(shifted(bytes), (...words) => seen.push(words));
    expect(seen).toEqual(ids.map((words) => Array.from(words)));
  });
});
