import picomatch from "picomatch";
import { describe, expect, test } from "vitest";
import { compileGlob, compileGlobs, globProblem, literalOf } from "../../lib/glob.ts";
import { growth, LINEAR, repeated } from "../helpers/growth.ts";
import { seeded } from "../helpers/random.ts";

describe("compileGlob()", () => {
  test.each([
    ["main", ["main"], ["mai", "main/x", "Main"]],
    ["release/*", ["release/1.2", "release/.x"], ["release", "release/", "release/1/2"]],
    ["acme/**", ["acme/a", "acme/a/b", "acme"], ["acmeother/a"]],
    ["**", ["a", "a/b/c"], []],
    ["**/web", ["web", "acme/web", "acme/team/web"], ["acme/web/x", "acme/myweb"]],
    ["acme/**/web", ["acme/web", "acme/a/b/web"], ["acme/a/webb"]],
    ["acme/**/**", ["acme", "acme/a/b"], ["b"]],
    ["v*", ["v", "v1"], ["v/1"]],
    ["**x", ["x", "ax"], ["a/x"]],
    ["a?c", ["abc"], ["ac", "a/c", "abbc"]],
    ["v[0-9].[0-9]", ["v1.2"], ["v1.x"]],
    ["v[!0-9]", ["vx"], ["v1", "v/"]],
    ["v[^0-9]", ["vx"], ["v1"]],
    ["[]x]", ["]", "x"], ["a"]],
    ["acme/{web,api}", ["acme/web", "acme/api"], ["acme/{web,api}", "acme/we"]],
    ["{a,{b,c}}/d", ["a/d", "b/d", "c/d"], ["{a/d"]],
    ["v{1..3}", ["v1", "v3"], ["v4"]],
    ["v{c..a}", ["va", "vc"], ["vd"]],
    ["{single}", ["{single}"], ["single"]],
    ["a(b|c)", ["ab", "ac"], ["a", "a(b|c)"]],
    ["a@(b|c)", ["ab", "ac"], ["a", "abc"]],
    ["a?(b)", ["a", "ab"], ["abb"]],
    ["a+(b)", ["ab", "abb"], ["a"]],
    ["a*(b|c)", ["a", "abcb"], ["ad"]],
    ["acme/!(web|api)", ["acme/docs", "acme/webb"], ["acme/web", "acme/api", "acme/a/b"]],
    ["!(wip)/**", ["feature/a", "feature"], ["wip/a", "wip"]],
    ["wip-!(a|b)", ["wip-c"], ["wip-a", "x"]],
    ["\\*", ["*"], ["a"]],
    ["a+b.c$^", ["a+b.c$^"], ["aab.c"]],
    ["un(closed", ["un(closed"], []],
    ["un[closed", ["un[closed"], []],
    ["un{closed,", ["un{closed,"], []],
    ["é*", ["école"], ["e"]],
  ])("%s", (glob, fitting, others) => {
    const fits = compileGlob(glob);
    expect(fitting.filter((name) => !fits(name))).toEqual([]);
    expect(others.filter((name) => fits(name))).toEqual([]);
  });

  test("caseMatters: false", () => {
    expect(compileGlob("Acme/[A-C]*", { caseMatters: false })("aCME/Bx")).toBe(true);
    expect(compileGlob("Acme/[A-C]*")("aCME/Bx")).toBe(false);
  });

  test("hasSegments: false lets a star run over slashes", () => {
    const fits = compileGlob("area::*", { hasSegments: false });
    expect(["area::a", "area::a/b", "area"].map(fits)).toEqual([true, true, false]);
    expect(compileGlob("**", { hasSegments: false })("a/b")).toBe(true);
  });

  // Without what picomatch reads in ways of its own: [!a], groups before ? and **, !( ) before a slash.
  test("agrees with picomatch on what people write", () => {
    const random = seeded(20);
    const pick = (list: readonly string[]): string => list[random.below(list.length)] ?? "";
    const segments = [
      "**",
      "*",
      "a",
      "a*",
      "*b",
      "{a,b}",
      "@(a|b)",
      "+(a)",
      "a?",
      "[ab]",
      "[^a]",
      "a{a,b}",
      "*-*",
    ];
    const last = ["**", "*", "a", "!(a)", "!(a|b)", "{a,b/a}", "*(a|b)", "b-*"];
    const names = ["a", "b", "ab", "ba", "a/b", "b/a", "a/b/a", "aa/bb", "a-b", "b/b/b/a", "a/b-a"];
    for (let i = 0; i < 1000; i++) {
      const glob = [...Array.from({ length: random.below(3) }, () => pick(segments)), pick(last)].join("/");
      if (/[^*/]\/\*\*|[^/]\*\/\*\*|^\*\/\*\*|\*\*.*!/.test(glob) && !/^a\/\*\*$/.test(glob)) continue;
      const [ours, theirs] = [compileGlob(glob), picomatch(glob, { dot: true, nonegate: true })];
      for (const name of names) expect([glob, name, ours(name)]).toEqual([glob, name, theirs(name)]);
    }
  });
});

test.each([
  ["v{1..1000}", "stands for 1000 values, limit is 100"],
  ["a".repeat(1001), "has 1001 characters, limit is 1000"],
  ["@(a|!(b))", "!( ) may not stand within another group"],
  ["(".repeat(20) + ")".repeat(20), "nested more than 10 deep"],
  ["?".repeat(600), "limit is 500"],
  ["[z-a]", "invalid character class range"],
])("globProblem(%j) says why", (glob, problem) => {
  expect(globProblem(glob)).toContain(problem);
  expect(() => compileGlob(glob)).toThrow(problem);
});

test.each([
  ["main", "main"],
  ["a\\*", "a*"],
  ["", ""],
  ["a*", null],
  ["{a,b}", null],
])("literalOf(%j) is %j", (glob, literal) => {
  expect(literalOf(glob)).toBe(literal);
});

test("compileGlobs() of nothing fits nothing", () => {
  expect(compileGlobs([])("a")).toBe(false);
});

test.each([
  ["*a*a*a*a*a*a*a*ab", "a"],
  ["**/*a/**/*a/**/*b", "a/"],
  ["+(a|aa|+(a))b", "a"],
  ["*(*(a*)*)b", "a"],
  ["!(*a*a*a*a*b)c", "a"],
  ["{*a,*aa,*aaa}{*a,*b}{*a,*b}c", "a"],
  ["*".repeat(900) + "b", "a"],
])("time of %s grows with the name's length", (glob, unit) => {
  // Every kind of name is cut long before, so that the expressions themselves are tried on names in a row.
  const fits = compileGlob(glob, { hasSegments: false });
  const names = (length: number): string[] =>
    Array.from({ length: Math.ceil(length / 2048) }, () => repeated(unit, 2048));
  expect(
    growth((length) =>
      (
        (all) => () =>
          all.some(fits)
      )(names(length)),
    ),
  ).toBeLessThanOrEqual(LINEAR);
});

test("a name of 4 KB costs the worst glob at most a few milliseconds", () => {
  const fits = compileGlob("*a".repeat(120) + "b", { hasSegments: false });
  const name = "a".repeat(1_000_000);
  fits(name);
  const before = process.cpuUsage();
  for (let i = 0; i < 10; i++) fits(name);
  expect(process.cpuUsage(before).user / 10_000).toBeLessThan(100);
});
