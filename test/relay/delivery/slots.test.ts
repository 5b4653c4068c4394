import { describe, expect, test } from "vitest";
import { nextAsk, reserved } from "../../../relay/delivery/slots.ts";

interface Waiting {
  first: number;
  retry: number;
}

/** Asks until nothing more is to be had, and takes what there is. */
function fill(
  concurrency: number,
  sending: Waiting,
  waiting: Waiting,
  last: "first" | "retry",
  free = concurrency,
) {
  const dry = { first: false, retry: false };
  let taken = 0;
  let lastSide = last;
  for (;;) {
    const ask = nextAsk({ concurrency, ...sending, last: lastSide }, free - taken, dry);
    if (ask === null) return { taken, last: lastSide };
    expect(ask.first + ask.retry).toBeGreaterThan(0);
    for (const side of ["first", "retry"] as const) {
      const got = Math.min(ask[side], waiting[side]);
      if (got < ask[side]) dry[side] = true;
      waiting[side] -= got;
      sending[side] += got;
      taken += got;
      if (got > 0) lastSide = side;
    }
    expect(sending.first + sending.retry).toBeLessThanOrEqual(concurrency);
  }
}

describe("nextAsk()", () => {
  test.each([1, 2, 3, 4, 16, 64])("first tries alone fill all of %i slots", (concurrency) => {
    const sending = { first: 0, retry: 0 };
    fill(concurrency, sending, { first: 1000, retry: 0 }, "retry");
    expect(sending).toEqual({ first: concurrency, retry: 0 });
  });

  test.each([2, 3, 4, 16, 64])("retries alone leave the first tries' share of %i free", (concurrency) => {
    const sending = { first: 0, retry: 0 };
    fill(concurrency, sending, { first: 0, retry: 1000 }, "retry");
    expect(sending).toEqual({ first: 0, retry: concurrency - reserved(concurrency) });
    fill(concurrency, sending, { first: 1000, retry: 1000 }, "retry");
    expect(sending.first).toBe(reserved(concurrency));
  });

  test.each([2, 3, 4, 16, 64])("with both waiting, each has at least its share of %i", (concurrency) => {
    const sending = { first: 0, retry: 0 };
    fill(concurrency, sending, { first: 1000, retry: 1000 }, "retry");
    expect(sending.first + sending.retry).toBe(concurrency);
    expect(sending.first).toBeGreaterThanOrEqual(reserved(concurrency));
    expect(sending.retry).toBeGreaterThanOrEqual(reserved(concurrency));
  });

  test.each([1, 2, 4, 16])(
    "freed one by one under both loads, %i slots starve neither side",
    (concurrency) => {
      const sending = { first: concurrency, retry: 0 };
      const begun = { first: 0, retry: 0 };
      let last: "first" | "retry" = "first";
      for (let turn = 0; turn < 400; turn++) {
        // Whoever has more slots gives one back.
        const side = sending.first >= sending.retry ? "first" : "retry";
        sending[side] -= 1;
        const before = { ...sending };
        ({ last } = fill(concurrency, sending, { first: 1000, retry: 1000 }, last));
        begun.first += sending.first - before.first;
        begun.retry += sending.retry - before.retry;
      }
      expect(begun.first + begun.retry).toBe(400);
      expect(begun.retry).toBeGreaterThan(0);
      expect(begun.first).toBeGreaterThan(100);
    },
  );

  test("a single slot takes turns", () => {
    const order: string[] = [];
    let last: "first" | "retry" = "retry";
    for (let turn = 0; turn < 6; turn++) {
      const sending = { first: 0, retry: 0 };
      ({ last } = fill(1, sending, { first: 9, retry: 9 }, last));
      order.push(last);
    }
    expect(order).toEqual(["first", "retry", "first", "retry", "first", "retry"]);
  });

  test("a single slot goes to the side that has work", () => {
    for (const last of ["first", "retry"] as const) {
      for (const side of ["first", "retry"] as const) {
        const sending = { first: 0, retry: 0 };
        fill(1, sending, { first: 0, retry: 0, [side]: 5 }, last);
        expect(sending[side]).toBe(1);
      }
    }
  });

  test("one free place of many, as under a breaker's probe, takes turns too", () => {
    const order = (["first", "retry"] as const).map((last) => {
      return fill(16, { first: 0, retry: 0 }, { first: 9, retry: 9 }, last, 1).last;
    });
    expect(order).toEqual(["retry", "first"]);
  });

  test("nothing is asked without a free slot", () => {
    const dry = { first: false, retry: false };
    expect(nextAsk({ concurrency: 4, first: 3, retry: 1, last: "first" }, 4, dry)).toBeNull();
    expect(nextAsk({ concurrency: 4, first: 0, retry: 0, last: "first" }, 0, dry)).toBeNull();
    expect(nextAsk({ concurrency: 2, first: 3, retry: 1, last: "first" }, 2, dry)).toBeNull();
  });
});
