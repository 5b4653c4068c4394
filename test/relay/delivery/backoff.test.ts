import { describe, expect, test } from "vitest";
import { waitMs } from "../../../relay/delivery/backoff.ts";

const config = { baseSeconds: 1, capSeconds: 3600 };

describe("waitMs()", () => {
  test.each([
    ["the draw decides", 3, null, 0.5, 2000],
    ["a draw of 0 means at once", 3, null, 0, 0],
    ["Retry-After is waited for", 1, 30, 0.5, 30_000],
    ["Retry-After is never sooner than the draw", 6, 3, 0.5, 16_000],
    ["Retry-After is at most the cap", 1, 86_400, 0.5, 3_600_000],
    ["Retry-After 0 changes nothing", 3, 0, 0.5, 2000],
    ["the ceiling is at most the cap", 2000, null, 0.5, 1_800_000],
  ])("%s", (_claim, attempts, retryAfter, random, expected) => {
    expect(waitMs(config, attempts, retryAfter, () => random)).toBe(expected);
  });

  test("draws are spread over the whole range", () => {
    const waits = Array.from({ length: 1000 }, (_, i) => waitMs(config, 4, null, () => i / 1000));
    expect(Math.min(...waits)).toBe(0);
    expect(Math.max(...waits)).toBe(7992);
  });
});
