import { expect, test } from "vitest";
import { growth, LINEAR } from "./growth.ts";

/** A processor's clock that only runs while something is run; disturbances are added to single measurements. */
function machine(cost: (length: number) => number, disturbance: (call: number) => number = () => 0) {
  let ms = 0;
  let calls = 0;
  return growth(
    (length) => () => {
      ms += cost(length) + disturbance(calls++);
    },
    { cpuMs: () => ms },
  );
}

const linear = (length: number): number => length / 16_384;
const quadratic = (length: number): number => (length / 16_384) ** 2;

test("growth: linear is 4, quadratic 16", () => {
  expect(machine(linear)).toBeCloseTo(4);
  expect(machine(quadratic)).toBeCloseTo(16);
  expect(machine(quadratic)).toBeGreaterThan(LINEAR);
});

test("growth: one undisturbed round of many is enough", () => {
  // Six collections of 100 ms in seven runs.
  expect(machine(linear, (call) => (call % 7 === 6 ? 0 : 100))).toBeLessThanOrEqual(LINEAR);
});

test("growth: disturbed first rounds hide nothing", () => {
  expect(machine(quadratic, (call) => (call < 8 ? 20 : 0))).toBeGreaterThan(LINEAR);
});

test("growth: what is far too slow is not measured for ever", () => {
  let runs = 0;
  machine(
    (length) => length ** 2 / 1e6,
    () => {
      runs++;
      return 0;
    },
  );
  expect(runs).toBeLessThan(30);
});
