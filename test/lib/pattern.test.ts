import { expect, test } from "vitest";
import { MAX_PROGRAM, compilePattern, patternProblem } from "../../lib/pattern.ts";

test.each([
  "(a+)+$",
  "(a|a)*b",
  "(x+x+)+y",
  "\\bcorp-[\\w-]{20,}",
  "(?i)password=\\S+",
  "\\u00e9+",
  "(?<name>a)b",
])("compilePattern(%j) matches 64 KB of anything in no time", (source) => {
  expect(patternProblem(source)).toBeNull();
  const pattern = compilePattern(source);
  const began = performance.now();
  for (const unit of ["a", "x", "corp-", "password=", "é"])
    pattern.replaceAll(unit.repeat(65_536 / unit.length), "");
  expect(performance.now() - began).toBeLessThan(2000);
});

test.each([
  ["(?=a)b", /RE2/],
  ["(a)\\1", /RE2/],
  ["a(", /missing closing \)/],
  [`[a-z]{1,${MAX_PROGRAM}}`, /limit is 500/],
  ["a".repeat(2000), /limit is 1000/],
])("patternProblem(%j) says why", (source, message) => {
  expect(patternProblem(source)).toMatch(message);
  expect(() => compilePattern(source)).toThrow(message);
});

test("test() and replaceAll() know nothing of an earlier text", () => {
  const pattern = compilePattern("b+");
  expect([pattern.test("abc"), pattern.test("abc"), pattern.test("ac")]).toEqual([true, true, false]);
  expect(pattern.replaceAll("abbcb", "***")).toBe("a***c***");
});
