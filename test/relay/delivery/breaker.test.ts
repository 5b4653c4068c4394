import { describe, expect, test } from "vitest";
import {
  admitted,
  afterEnd,
  afterStart,
  atTime,
  CLOSED,
  type Breaker,
  type Sign,
} from "../../../relay/delivery/breaker.ts";

const config = { failures: 3, cooldownSeconds: 30 };
const open: Breaker = { state: "open", until: 31_000 };
const ready: Breaker = { state: "half-open", probing: false };
const probing: Breaker = { state: "half-open", probing: true };

describe("afterEnd()", () => {
  test.each<[string, Breaker, Sign, boolean, Breaker]>([
    ["a failure is counted", CLOSED, "failed", false, { state: "closed", failures: 1 }],
    ["a success forgets failures", { state: "closed", failures: 2 }, "answered", false, CLOSED],
    ["the last failure opens it", { state: "closed", failures: 2 }, "failed", false, open],
    [
      "what is called off counts for nothing",
      { state: "closed", failures: 2 },
      "called-off",
      false,
      { state: "closed", failures: 2 },
    ],
    [
      "a straggler's failure does not prolong the rest",
      { state: "open", until: 5 },
      "failed",
      false,
      { state: "open", until: 5 },
    ],
    ["a straggler's success closes it", open, "answered", false, CLOSED],
    ["the probe's success closes it", probing, "answered", true, CLOSED],
    ["the probe's failure opens it again", probing, "failed", true, open],
    ["a straggler's failure leaves the probe alone", probing, "failed", false, probing],
    ["a probe that is called off makes way for the next", probing, "called-off", true, ready],
  ])("%s", (_claim, before, sign, probe, after) => {
    expect(afterEnd(before, { sign, probe }, config, 1000)).toEqual(after);
  });
});

describe("admitted()", () => {
  test.each<[string, Breaker, number, number]>([
    ["closed", CLOSED, 16, 16],
    ["open", open, 16, 0],
    ["half-open", ready, 16, 1],
    ["half-open without a free slot", ready, 0, 0],
    ["half-open with its probe under way", probing, 16, 0],
  ])("%s", (_claim, breaker, wanted, expected) => {
    expect(admitted(breaker, wanted)).toBe(expected);
  });
});

test("atTime() ends the rest when it is over, not before", () => {
  expect(atTime(open, 30_999)).toEqual(open);
  expect(atTime(open, 31_000)).toEqual(ready);
  expect(atTime(CLOSED, 31_000)).toEqual(CLOSED);
});

test("afterStart() marks the probe", () => {
  expect(afterStart(ready)).toEqual(probing);
  expect(afterStart(CLOSED)).toEqual(CLOSED);
});
