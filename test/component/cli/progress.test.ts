import { describe, expect, test } from "vitest";
import { spokenDuration, Progress } from "../../../component/cli/progress.ts";

function watch(terminal: boolean) {
  const lines: string[] = [];
  const drawn: string[] = [];
  let now = 0;
  const progress = new Progress({
    now: () => now,
    line: (text) => lines.push(text),
    draw: terminal ? (text) => drawn.push(text) : null,
  });
  return { progress, lines, drawn, at: (ms: number) => (now = ms) };
}

describe("Progress", () => {
  test("says every ten seconds how far it is, how much changed and how long it will take", () => {
    const { progress, lines, at } = watch(false);
    for (let n = 1; n <= 1200; n++) {
      at(n * 10);
      if (n % 100 === 0) progress.change();
      progress.step(n, 5000);
    }
    expect(lines).toEqual(["1,000 of 5,000 projects, 10 changed, about 40 s left"]);
  });

  test("says when a long wait begins and ends", () => {
    const { progress, lines, at } = watch(false);
    progress.step(1200, 5000);
    progress.wait({ ms: 43_000, reason: "rate-limit" });
    at(43_400);
    progress.wait(null);
    expect(lines).toEqual([
      "waiting 43 s for GitLab's rate limit, 1,200 of 5,000 done",
      "going on after 43 s",
    ]);
  });

  test("draws a bar on a terminal, and no lines", () => {
    const { progress, lines, drawn, at } = watch(true);
    for (let n = 1; n <= 4; n++) {
      at(n * 1000);
      progress.step(n, 4);
    }
    expect(lines).toEqual([]);
    expect(drawn.at(-1)).toBe(`[${"#".repeat(24)}] 4 of 4 projects`);
    expect(drawn[1]).toContain("############............] 2 of 4 projects, about 2 s left");
  });

  test("a walk that begins anew is counted anew, and one without total has no estimate", () => {
    const { progress, lines, at } = watch(false);
    at(9000);
    progress.step(1, 2);
    progress.step(2, 2);
    at(20_000);
    progress.step(1, null);
    expect(lines).toEqual(["1 project"]);
  });
});

test.each([
  [400, "1 s"],
  [43_200, "43 s"],
  [60_000, "1 min"],
  [125_000, "2 min 5 s"],
  [3_840_000, "1 h 4 min"],
])("spokenDuration() of %i ms is %s", (ms, text) => {
  expect(spokenDuration(ms)).toBe(text);
});
