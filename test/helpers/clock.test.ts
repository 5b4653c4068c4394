import { describe, expect, test } from "vitest";
import { sleep } from "../../lib/clock.ts";
import { FakeClock } from "./clock.ts";

describe("FakeClock", () => {
  test("advance() fires what becomes due, in the order of the due times, and moves both clocks", async () => {
    const clock = new FakeClock(1000);
    const fired: [string, number, number][] = [];
    for (const [name, delay] of [
      ["late", 30],
      ["first", 10],
      ["second", 10],
      ["never", 31],
    ] as const) {
      clock.after(delay, () => fired.push([name, clock.now(), clock.monotonic()]));
    }
    await clock.advance(30);
    expect(fired).toEqual([
      ["first", 1010, 10],
      ["second", 1010, 10],
      ["late", 1030, 30],
    ]);
    expect([clock.pendingTimers, clock.nextTimerMs]).toEqual([1, 1]);
  });

  test("what a timer wakes may set timers that are due within the same advance()", async () => {
    const clock = new FakeClock();
    let rounds = 0;
    const loop = (async () => {
      while (rounds < 5) {
        await sleep(clock, 10);
        rounds++;
      }
    })();
    await clock.advance(50);
    expect(rounds).toBe(5);
    await loop;
    expect(clock.nextTimerMs).toBeNull();
  });

  test("setNow() moves the wall clock alone; a cancelled timer does not fire", async () => {
    const clock = new FakeClock(0);
    const timer = clock.after(10, () => {
      throw new Error("fired");
    });
    timer.cancel();
    clock.setNow(5_000_000);
    await clock.advance(20);
    expect([clock.now(), clock.monotonic()]).toEqual([5_000_020, 20]);
  });
});
