import { expect, test } from "vitest";
import { MAX_TIMER_MS, sleep, systemClock } from "../../lib/clock.ts";
import { FakeClock } from "../helpers/clock.ts";

test("systemClock measures, and its timers fire or are cancelled", async () => {
  expect(Math.abs(systemClock.now() - Date.now())).toBeLessThan(1000);
  const start = systemClock.monotonic();
  let cancelled = true;
  systemClock.after(1, () => (cancelled = false)).cancel();
  await new Promise<void>((resolve) => {
    const alive = setInterval(() => {}, 1000);
    systemClock.after(5, () => {
      clearInterval(alive);
      resolve();
    });
  });
  expect(systemClock.monotonic()).toBeGreaterThan(start);
  expect(cancelled).toBe(true);
});

test("systemClock.after() takes delays beyond what a timer holds, and negative ones", async () => {
  let fired = false;
  systemClock.after(MAX_TIMER_MS * 4, () => (fired = true)).cancel();
  await new Promise<void>((resolve) => {
    const alive = setInterval(() => {}, 1000);
    systemClock.after(-5, () => {
      clearInterval(alive);
      resolve();
    });
  });
  expect(fired).toBe(false);
});

test("sleep() resolves when its time has come", async () => {
  const clock = new FakeClock();
  let awake = false;
  const sleeping = sleep(clock, 1000).then(() => (awake = true));
  await clock.advance(999);
  expect(awake).toBe(false);
  await clock.advance(1);
  expect(awake).toBe(true);
  await sleeping;
});

test("sleep() rejects with the reason of its signal and leaves no timer", async () => {
  const clock = new FakeClock();
  const controller = new AbortController();
  const sleeping = sleep(clock, 1000, controller.signal);
  controller.abort(new Error("enough"));
  await expect(sleeping).rejects.toThrow("enough");
  expect(clock.pendingTimers).toBe(0);
  await expect(sleep(clock, 1000, controller.signal)).rejects.toThrow("enough");
  expect(clock.pendingTimers).toBe(0);
});

test("sleep() that ended does not listen to its signal any longer", async () => {
  const clock = new FakeClock();
  const controller = new AbortController();
  const sleeping = sleep(clock, 10, controller.signal);
  await clock.advance(10);
  await sleeping;
  controller.abort(new Error("too late"));
});
