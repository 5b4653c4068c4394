import { expect, test } from "vitest";
import { Deadlines } from "../../lib/deadlines.ts";
import { FakeClock } from "../helpers/clock.ts";

function setUp() {
  const clock = new FakeClock();
  const deadlines = new Deadlines(clock, 5000);
  const due: string[] = [];
  return { clock, due, set: (name: string) => deadlines.set(() => void due.push(name)) };
}

test("Deadlines: each falls due after the delay, to the millisecond, in the order of being set", async () => {
  const { clock, due, set } = setUp();
  set("a");
  await clock.advance(1000);
  set("b");
  set("c");
  await clock.advance(3999);
  expect(due).toEqual([]);
  await clock.advance(1);
  expect(due).toEqual(["a"]);
  await clock.advance(999);
  expect(due).toEqual(["a"]);
  await clock.advance(1);
  expect(due).toEqual(["a", "b", "c"]);
});

test("Deadlines: one that is cancelled never falls due, wherever it stood; cancelling twice is harmless", async () => {
  const { clock, due, set } = setUp();
  const [first, , third] = [set("first"), set("second"), set("third")];
  first.cancel();
  third.cancel();
  third.cancel();
  set("fourth");
  await clock.advance(5000);
  expect(due).toEqual(["second", "fourth"]);
  first.cancel();
});

test("Deadlines: one timer serves all, and none is left once nothing can fall due", async () => {
  const { clock, due, set } = setUp();
  for (let n = 0; n < 1000; n += 1) set(`${n}`).cancel();
  set("last");
  expect(clock.pendingTimers).toBe(1);
  await clock.advance(5000);
  expect(due).toEqual(["last"]);
  expect(clock.pendingTimers).toBe(0);
});

test("Deadlines: close() takes the timer away that the last one left", () => {
  const clock = new FakeClock();
  const deadlines = new Deadlines(clock, 10);
  deadlines.set(() => {}).cancel();
  deadlines.close();
  expect(clock.pendingTimers).toBe(0);
});

test("Deadlines: one may set the next while it falls due, or cancel another", async () => {
  const clock = new FakeClock();
  const deadlines = new Deadlines(clock, 10);
  const due: number[] = [];
  deadlines.set(() => {
    other.cancel();
    deadlines.set(() => void due.push(clock.monotonic()));
  });
  const other = deadlines.set(() => void due.push(-1));
  await clock.advance(20);
  expect(due).toEqual([20]);
});
