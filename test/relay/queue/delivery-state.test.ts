import { describe, expect, test } from "vitest";
import {
  givenUp,
  HISTORY_LENGTH,
  moved,
  newDelivery,
  settled,
  type Attempt,
  type Delivery,
} from "../../../relay/queue/delivery-state.ts";
import { EXCHANGES_KEPT } from "../../../relay/queue/exchange.ts";

const attempt = (at: number): Attempt => ({
  at,
  durationMs: 5,
  status: 503,
  error: "answered 503",
  excerpt: null,
});

const waiting: Delivery = {
  eventId: "01e",
  target: "bot",
  replay: 2,
  state: "waiting",
  attempts: 0,
  firstAttemptAt: null,
  dueAt: 1000,
  endedAt: null,
  reason: null,
  history: [],
};

test("newDelivery() waits until it is due and has no attempts", () => {
  expect(newDelivery("01e", "bot", 2, 1000)).toEqual(waiting);
});

describe("settled()", () => {
  const sending: Delivery = { ...waiting, state: "sending" };

  test("ends a delivery that the target took, with the attempt that did it", () => {
    expect(settled(sending, { outcome: "done", at: 2005, attempt: attempt(2000) })).toEqual({
      ...waiting,
      state: "done",
      attempts: 1,
      firstAttemptAt: 2000,
      dueAt: null,
      endedAt: 2005,
      history: [attempt(2000)],
    });
  });

  test("lets a failed delivery wait until it is due again, and counts the attempt", () => {
    expect(settled(sending, { outcome: "retry", at: 2005, attempt: attempt(2000), dueAt: 9000 })).toEqual({
      ...waiting,
      attempts: 1,
      firstAttemptAt: 2000,
      dueAt: 9000,
      history: [attempt(2000)],
    });
  });

  test("keeps what went over the wire with the newest attempts only", () => {
    const exchange = {
      request: { method: "POST", url: "http://bot", headers: "", omitted: 0 },
      answer: null,
    };
    let delivery = sending;
    for (let at = 1; at <= HISTORY_LENGTH + 5; at += 1)
      delivery = settled(delivery, {
        outcome: "retry",
        at,
        attempt: { ...attempt(at), exchange },
        dueAt: at,
      });
    const kept = delivery.history.map((one) => one.exchange !== undefined);
    expect(kept).toEqual(
      Array.from({ length: HISTORY_LENGTH }, (_, i) => i >= HISTORY_LENGTH - EXCHANGES_KEPT),
    );
    expect(delivery.history.at(-4)).toEqual(attempt(HISTORY_LENGTH + 2));
  });

  test("makes a dead letter with its reason", () => {
    expect(settled(sending, { outcome: "dead", at: 2005, attempt: attempt(2000), reason: "gone" })).toEqual({
      ...waiting,
      state: "dead",
      attempts: 1,
      firstAttemptAt: 2000,
      dueAt: null,
      endedAt: 2005,
      reason: "gone",
      history: [attempt(2000)],
    });
  });

  test("counts no attempt for a delivery that was released", () => {
    expect(settled(sending, { outcome: "released", dueAt: 3000 })).toEqual({ ...waiting, dueAt: 3000 });
  });

  test("keeps the time of the first attempt, and the newest attempts up to the limit, oldest first", () => {
    let delivery = sending;
    for (let at = 1; at <= HISTORY_LENGTH + 3; at += 1)
      delivery = settled(delivery, { outcome: "retry", at, attempt: attempt(at), dueAt: at + 1 });
    expect(delivery.attempts).toBe(HISTORY_LENGTH + 3);
    expect(delivery.firstAttemptAt).toBe(1);
    expect(delivery.history.map(({ at }) => at)).toEqual(
      Array.from({ length: HISTORY_LENGTH }, (_, index) => index + 4),
    );
  });

  test("changes nothing in the delivery that it is given", () => {
    settled(sending, { outcome: "done", at: 2005, attempt: attempt(2000) });
    expect(sending).toEqual({ ...waiting, state: "sending" });
  });
});

test("givenUp() ends a delivery without an attempt, and keeps what was tried before", () => {
  const tried = settled(waiting, { outcome: "retry", at: 2005, attempt: attempt(2000), dueAt: 9000 });
  expect(givenUp(tried, 3000, "no such target")).toEqual({
    ...tried,
    state: "dead",
    dueAt: null,
    endedAt: 3000,
    reason: "no such target",
  });
});

test("moved() ends a delivery and names the target that has it now", () => {
  expect(moved(waiting, 3000, "new")).toEqual({
    ...waiting,
    state: "dead",
    dueAt: null,
    endedAt: 3000,
    reason: 'Moved to the target "new"',
    movedTo: "new",
  });
});
