import { expect, test } from "vitest";
import { createRate } from "../../../relay/delivery/rate.ts";

test("createRate() lets no more start in any period, wherever it is laid", () => {
  const rate = createRate({ requests: 5, perSeconds: 1 });
  const starts: number[] = [];
  for (let now = 0; now < 10_000; now += 7) {
    const some = Math.min(rate.available(now), (now % 3) + 1);
    rate.take(some, now);
    for (let i = 0; i < some; i++) starts.push(now);
  }
  for (const at of starts) {
    expect(starts.filter((s) => s >= at && s < at + 1000).length).toBeLessThanOrEqual(5);
  }
  expect(starts.length).toBeGreaterThanOrEqual(45);
});

test("createRate() says how long to wait", () => {
  const rate = createRate({ requests: 2, perSeconds: 10 });
  expect(rate.waitMs(0)).toBe(0);
  rate.take(1, 0);
  rate.take(0, 1000);
  rate.take(1, 4000);
  expect(rate.available(4000)).toBe(0);
  expect(rate.waitMs(4000)).toBe(6000);
  expect(rate.available(9999)).toBe(0);
  expect(rate.available(10_000)).toBe(1);
  expect(rate.waitMs(10_000)).toBe(0);
  expect(rate.available(14_000)).toBe(2);
});

test("createRate() joins starts of one moment", () => {
  const rate = createRate({ requests: 100, perSeconds: 1 });
  rate.take(60, 5);
  rate.take(40, 5);
  expect(rate.available(5)).toBe(0);
  expect(rate.available(1005)).toBe(100);
});
