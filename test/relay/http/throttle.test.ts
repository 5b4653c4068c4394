import { expect, test } from "vitest";
import { createThrottle, type Throttle } from "../../../relay/http/throttle.ts";
import { FakeClock } from "../../helpers/clock.ts";

const FAILURE_BURST = 30;
const FAILURE_REFILL_MS = 2000;
const limits = { burst: FAILURE_BURST, refillMs: FAILURE_REFILL_MS };

function exhaust(throttle: Throttle, sender: string): void {
  for (let i = 0; i < FAILURE_BURST; i++) expect(throttle.fail(sender)).toBe(0);
}

test("fail() lets a burst pass, then says how long to wait", () => {
  const throttle = createThrottle(new FakeClock(), limits);
  exhaust(throttle, "a");
  expect(throttle.fail("a")).toBe(FAILURE_REFILL_MS / 1000);
  expect(throttle.fail("a")).toBe(FAILURE_REFILL_MS / 1000);
});

test("fail() counts each sender alone", () => {
  const throttle = createThrottle(new FakeClock(), limits);
  exhaust(throttle, "a");
  expect(throttle.fail("b")).toBe(0);
});

test("what was used up comes back with time, up to the burst and no more", async () => {
  const clock = new FakeClock();
  const throttle = createThrottle(clock, limits);
  exhaust(throttle, "a");
  await clock.advance(FAILURE_REFILL_MS - 1);
  expect(throttle.fail("a")).toBe(1);
  await clock.advance(1);
  expect(throttle.fail("a")).toBe(0);
  expect(throttle.fail("a")).toBeGreaterThan(0);
  await clock.advance(FAILURE_REFILL_MS * FAILURE_BURST * 10);
  exhaust(throttle, "a");
  expect(throttle.fail("a")).toBeGreaterThan(0);
});

test("the wall clock does not matter", async () => {
  const clock = new FakeClock();
  const throttle = createThrottle(clock, limits);
  exhaust(throttle, "a");
  clock.setNow(0);
  expect(throttle.fail("a")).toBe(FAILURE_REFILL_MS / 1000);
});

test("senders whose failures are long past are forgotten", async () => {
  const clock = new FakeClock();
  const throttle = createThrottle(clock, limits);
  for (let i = 0; i < 100; i++) throttle.fail(`sender ${i}`);
  expect(throttle.size()).toBe(100);
  await clock.advance(FAILURE_REFILL_MS);
  throttle.fail("another");
  expect(throttle.size()).toBe(1);
});

test("memory is bounded: beyond the limit the sender that failed longest ago is forgotten", () => {
  const throttle = createThrottle(new FakeClock(), { ...limits, maxSenders: 10 });
  exhaust(throttle, "first");
  for (let i = 0; i < 9; i++) throttle.fail(`sender ${i}`);
  expect(throttle.fail("first")).toBeGreaterThan(0);
  for (let i = 0; i < 1000; i++) {
    throttle.fail(`flood ${i}`);
    expect(throttle.size()).toBeLessThanOrEqual(10);
  }
  expect(throttle.fail("first")).toBe(0);
});
