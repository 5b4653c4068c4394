import { expect, test } from "vitest";
import { spanMs, timeMs } from "../../lib/time-text.ts";

test.each([
  ["45s", 45_000],
  ["15m", 900_000],
  ["2h", 7_200_000],
  ["7d", 604_800_000],
  ["99999d", 8_639_913_600_000],
])("spanMs() reads %s", (text, ms) => {
  expect(spanMs(text)).toBe(ms);
});

test.each(["", "15", "m", "1.5h", "-1h", "2w", "100000d", "1h30m", " 1h"])("spanMs() refuses %j", (text) => {
  expect(spanMs(text)).toBeNull();
});

test.each([
  ["1767225600000", "2026-01-01T00:00:00.000Z", "2026-01-01T00:00:00.000Z"],
  ["2026-01-31", "2026-01-31T00:00:00.000Z", "2026-01-31T23:59:59.999Z"],
  ["2026-01-31T09:30", "2026-01-31T09:30:00.000Z", "2026-01-31T09:30:59.999Z"],
  ["2026-01-31 09:30Z", "2026-01-31T09:30:00.000Z", "2026-01-31T09:30:59.999Z"],
  ["2026-01-31T09:30:05+02:00", "2026-01-31T07:30:05.000Z", "2026-01-31T07:30:05.000Z"],
  ["2024-02-29", "2024-02-29T00:00:00.000Z", "2024-02-29T23:59:59.999Z"],
])("timeMs() reads %s", (text, begin, end) => {
  expect(timeMs(text, "begin")).toBe(Date.parse(begin));
  expect(timeMs(text, "end")).toBe(Date.parse(end));
});

test.each([
  "",
  "tomorrow",
  "2026-02-30",
  "2026-02-29",
  "2026-13-01",
  "2026-01-31T25:00",
  "31.01.2026",
  "10m",
])("timeMs() refuses %j", (text) => {
  expect(timeMs(text, "begin")).toBeNull();
});
