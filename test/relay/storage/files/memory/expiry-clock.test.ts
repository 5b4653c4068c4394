import { describe, expect, test } from "vitest";
import { BELIEVED_AFTER_MS, SteadyTime } from "../../../../../relay/storage/files/memory/expiry-clock.ts";
import { FakeClock } from "../../../../helpers/clock.ts";

const DAY = 86_400_000;

describe("SteadyTime", () => {
  test("now() goes with the clock, and with its small corrections", async () => {
    const clock = new FakeClock();
    const steady = new SteadyTime(clock);
    await clock.advance(5000);
    expect(steady.now()).toBe(clock.now());
    clock.setNow(clock.now() + 30_000);
    expect(steady.now()).toBe(clock.now());
  });

  test("now() does not believe a jump ahead until it has lasted", async () => {
    const clock = new FakeClock();
    const steady = new SteadyTime(clock);
    const began = clock.now();
    clock.setNow(began + 30 * DAY);
    expect(steady.now()).toBe(began);
    await clock.advance(BELIEVED_AFTER_MS - 1);
    expect(steady.now()).toBe(began + BELIEVED_AFTER_MS - 1);
    await clock.advance(1);
    expect(steady.now()).toBe(clock.now());
  });

  test("a jump ahead that is taken back leaves no trace, and the next one waits anew", async () => {
    const clock = new FakeClock();
    const steady = new SteadyTime(clock);
    const began = clock.now();
    clock.setNow(began + 30 * DAY);
    steady.now();
    await clock.advance(BELIEVED_AFTER_MS / 2);
    clock.setNow(clock.now() - 30 * DAY);
    expect(steady.now()).toBe(clock.now());
    clock.setNow(clock.now() + 30 * DAY);
    steady.now();
    await clock.advance(BELIEVED_AFTER_MS / 2 + 1000);
    expect(steady.now()).toBeLessThan(began + DAY);
  });

  test("now() believes a jump back at once", () => {
    const clock = new FakeClock();
    const steady = new SteadyTime(clock);
    clock.setNow(clock.now() - 5 * DAY);
    expect(steady.now()).toBe(clock.now());
  });
});
