import { describe, expect, test } from "vitest";
import { backoffCeilingMs, jitteredMs, retryAfterMs } from "../../lib/retry.ts";

const NOW = Date.UTC(2026, 0, 15, 12, 0, 0);

describe("retryAfterMs()", () => {
  test.each([
    ["30", 30_000],
    [" 0 ", 0],
    ["0.5", 500],
    [new Date(NOW + 45_000).toUTCString(), 45_000],
    [new Date(NOW - 5_000).toUTCString(), 0],
    ["Thursday, 15-Jan-26 12:00:30 GMT", 30_000],
    ["2026", 2_026_000],
    ["soon", null],
    ["-5", null],
    ["2026-01-16", null],
    ["", null],
    [null, null],
    [undefined, null],
  ])("reads %j as %j", (value, expected) => {
    expect(retryAfterMs(value, NOW)).toBe(expected);
  });
});

test("backoffCeilingMs() doubles up to its cap", () => {
  const backoff = { baseMs: 500, capMs: 10_000 };
  const ceilings = [1, 2, 3, 4, 5, 6, 2000].map((failures) => backoffCeilingMs(backoff, failures));
  expect(ceilings).toEqual([500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
});

test("jitteredMs() draws evenly between 0 and the ceiling", () => {
  const drawn = [0, 0.25, 0.999].map((random) =>
    jitteredMs({ baseMs: 1000, capMs: 60_000 }, 2, () => random),
  );
  expect(drawn).toEqual([0, 500, 1998]);
});
