import { expect, test } from "vitest";
import type { Receipt, Sending } from "./oracle.ts";
import { overtaking } from "./order.ts";

const sending = (project: string, sentAt: number, acknowledgedAt: number): Sending => ({
  project,
  sentAt,
  acknowledgedAt,
});
const receipts = (...ids: string[]): Receipt[] => ids.map((id) => ({ id, digest: "", project: "" }));

/** `b` was sent after `a` was acknowledged, `c` at the same time as `b`; `x` is of another project; `u` was not acknowledged. */
const SENT = new Map([
  ["a", sending("1", 0, 1)],
  ["b", sending("1", 2, 4)],
  ["c", sending("1", 3, 5)],
  ["x", sending("2", 6, 7)],
  ["u", sending("2", 8, Infinity)],
]);

test.each([
  ["in order", ["a", "b", "c", "x", "u"], []],
  ["what was sent at the same time in either order", ["a", "c", "b", "x"], []],
  ["projects in any order", ["x", "a", "b", "c"], []],
  ["repetitions afterwards", ["a", "b", "c", "x", "a", "b"], []],
  ["one that came before an earlier one", ["b", "a", "c", "x"], ["b"]],
  ["one that came while an earlier one never did", ["b", "c", "x"], ["b", "c"]],
  ["one without acknowledgement before an earlier one", ["a", "b", "c", "u", "x"], ["u"]],
])("overtaking() finds %s", (_what, order, wanted) => {
  expect(overtaking(SENT, receipts(...order), new Set())).toEqual(wanted);
});

test("overtaking() waits for nothing that the target refused for good", () => {
  expect(overtaking(SENT, receipts("b", "c", "x", "a"), new Set(["a"]))).toEqual([]);
});
