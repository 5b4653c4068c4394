import { expect, test } from "vitest";
import { Hour } from "../../../../relay/observe/hour/hour.ts";

const START = Date.UTC(2026, 0, 31, 7, 0, 0);

function filled(): Hour<"good" | "bad"> {
  const hour = new Hour(["good", "bad"] as const);
  for (let second = 0; second < 300; second += 1) {
    hour.add(START + second * 1000, second % 10 === 0 ? "bad" : "good");
    hour.time(START + second * 1000, second);
  }
  return hour;
}

test("Hour counts per minute, and forgets what is older than an hour", () => {
  const hour = filled();
  const minutes = hour.minutes(START + 299_000);
  expect(minutes).toHaveLength(60);
  expect(minutes.slice(-5).map(({ counts }) => counts)).toEqual(
    Array.from({ length: 5 }, () => ({ good: 54, bad: 6 })),
  );
  expect(minutes.at(-1)?.at).toBe(START + 240_000);
  expect(hour.total(START + 299_000)).toEqual({ good: 270, bad: 30 });
  expect(hour.total(START + 3_599_000 + 60_000)).toEqual({ good: 216, bad: 24 });
  expect(hour.total(START + 7_200_000)).toEqual({ good: 0, bad: 0 });
});

test("Hour tells quantiles at most a quarter too high", () => {
  const hour = filled();
  const p95 = hour.quantile(START + 299_000, 0.95) ?? 0;
  expect(p95).toBeGreaterThanOrEqual(284);
  expect(p95).toBeLessThanOrEqual(284 * 1.25);
  expect(hour.quantile(START + 7_200_000, 0.95)).toBeNull();
});

test("Hour is the same after save() and restore(), and takes nothing of another form", () => {
  const before = filled();
  const after = new Hour(["good", "bad"] as const);
  after.restore(JSON.parse(JSON.stringify(before.save())));
  const now = START + 299_000;
  expect(after.total(now)).toEqual(before.total(now));
  expect(after.quantile(now, 0.5)).toBe(before.quantile(now, 0.5));
  for (const odd of [null, "text", { a: 1 }, [[1, [1], []]], [[-1, [1, 2], []]], [["x", [1, 2], []]]])
    after.restore(odd);
  expect(after.total(now)).toEqual(before.total(now));
});
