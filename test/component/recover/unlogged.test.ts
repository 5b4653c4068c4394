import { describe, expect, test } from "vitest";
import type { Attempted } from "../../../component/recover/finding.ts";
import { unloggedWindows, type HookState } from "../../../component/recover/unlogged.ts";

const AT = Date.UTC(2026, 0, 31, 8);
const MINUTE = 60_000;
const awake: HookState = { alertStatus: "executable", disabledUntil: null, failures: 0 };

/** Attempts at these minutes; `!` marks failures. */
function attempts(text: string): Attempted[] {
  return text.split(" ").map((word, index) => ({
    id: index + 1,
    at: AT + Number(word.replace("!", "")) * MINUTE,
    ok: !word.includes("!"),
  }));
}

function windows(text: string, hook: HookState, nowMinute: number): [number, number][] {
  const found = unloggedWindows(attempts(text), hook, AT + nowMinute * MINUTE);
  return found.windows.map(({ from, to }) => [(from - AT) / MINUTE, (to - AT) / MINUTE]);
}

describe("unloggedWindows()", () => {
  test.each([
    ["three failures in a row are free", "0! 1! 2! 3", []],
    [
      "from the fourth on the hook is paused, twice as long each time",
      "0! 0.1! 0.2! 1! 2! 4! 20",
      [
        [1, 2],
        [2, 4],
        [4, 8],
      ],
    ],
    ["a pause ends with the next success at the latest", "0! 0! 0! 1! 1.5", [[1, 1.5]]],
    ["a success forgives", "0! 0! 0! 1 2! 2! 2! 3", []],
    ["failures within the pause: this instance pauses nothing", "0! 0.1! 0.2! 0.3! 0.4! 0.5! 9", []],
  ])("%s", (_, text, expected) => {
    expect(windows(text, awake, 60)).toEqual(expected);
  });

  test("a hook that is paused now misses events until the pause is over or it is woken", () => {
    const paused: HookState = {
      ...awake,
      alertStatus: "temporarily_disabled",
      disabledUntil: AT + 30 * MINUTE,
    };
    expect(windows("0! 0.1! 0.2! 1!", paused, 10)).toEqual([[1, 2]]);
    expect(windows("5!", paused, 10)).toEqual([[5, 10]]);
    expect(windows("5!", paused, 90)).toEqual([[5, 30]]);
    expect(windows("5!", { ...paused, alertStatus: "disabled", disabledUntil: null }, 90)).toEqual([[5, 90]]);
  });

  test("a pause that would still last is none where GitLab calls the hook executable", () => {
    expect(windows("0! 0.1! 0.2! 1!", awake, 1.5)).toEqual([]);
    expect(windows("0! 0.1! 0.2! 1!", awake, 5)).toEqual([[1, 2]]);
  });

  test("counts on from what an earlier run has seen, and tells the next one", () => {
    const found = unloggedWindows(attempts("0! 10"), { ...awake, failures: 4 }, AT + 60 * MINUTE);
    expect(found.windows).toEqual([
      { from: AT, to: AT + 2 * MINUTE, reason: "paused after 5 failures in a row" },
    ]);
    expect(found.failures).toBe(0);
    expect(unloggedWindows(attempts("0! 1!"), awake, AT).failures).toBe(2);
  });

  test("the fortieth failure ends the hook", () => {
    const [window] = unloggedWindows(
      attempts("0!"),
      { ...awake, alertStatus: "disabled", failures: 39 },
      AT + 600 * MINUTE,
    ).windows;
    expect(window).toEqual({ from: AT, to: AT + 600 * MINUTE, reason: "switched off for good" });
  });

  test("without times there is nothing to estimate", () => {
    expect(unloggedWindows([{ id: 1, at: null, ok: false }], awake, AT).windows).toEqual([]);
  });
});
