import { describe, expect, test } from "vitest";
import { compileExpression, scopeOf } from "../../../relay/expressions/expression.ts";
import { compileTemplate } from "../../../relay/expressions/template.ts";
import { eventMeta } from "../../helpers/events.ts";
import { growth, LINEAR } from "../../helpers/growth.ts";

const body = {
  object_attributes: { iid: 4, title: "feat: x", draft: false, score: 1.5 },
  labels: [{ title: "bug" }, { title: "backend" }],
  commits: [{ modified: ["docs/a.md", "src/b.ts"] }, { modified: [] }],
  nothing: null,
};
const scope = scopeOf(eventMeta({ action: "open" }), body);

function evaluate(text: string): unknown {
  const compiled = compileExpression(text, "any");
  if ("problem" in compiled) throw new SyntaxError(compiled.problem);
  return compiled.expression.evaluate(scope);
}

function problemOf(text: string): string | null {
  const compiled = compileExpression(text, "bool");
  return "problem" in compiled ? compiled.problem : null;
}

describe("compileExpression()", () => {
  test.each([
    ["event.kind == 'push' && event.branch == 'main'", true],
    ["event.project.path.startsWith('acme/') && event.project.id == 42", true],
    ["event.group.id == null && event.action in ['open', 'reopen']", true],
    ["body.object_attributes.iid > 3 && body.object_attributes.score < 2", true],
    ["body.labels.exists(l, l.title == 'bug')", true],
    ["body.labels.all(l, l.title == 'bug')", false],
    ["body.commits.exists(c, c.modified.exists(f, f.startsWith('docs/')))", true],
    ["body.commits.exists(c, (c.modified + c.modified).exists(f, f in ['src/b.ts']))", true],
    ["body.commits.filter(c, size(c.modified) > 0).size() == 1", true],
    ["has(body.object_attributes.assignee)", false],
    ["body.?object_attributes.?assignee.orValue('nobody') == 'nobody'", true],
    ["body.nothing == null", true],
    ["body.object_attributes.title.matches('^(feat|fix)(\\\\(.*\\\\))?:')", true],
    ["body.labels.exists(l, l.title.matches('^back'))", true],
    ["body.?missing.orValue('v1.2').matches('^v[0-9]+')", true],
  ])("%s is %s", (text, expected) => {
    expect(evaluate(text)).toBe(expected);
    expect(problemOf(text)).toBeNull();
  });

  test.each([
    ["body.x ==", "Unexpected token"],
    ["payload.x == 1", "Unknown variable: payload"],
    ["process.exit()", "Unknown variable: process"],
    ["'text'", "results in string, not in true or false"],
    ["size(body.labels)", "results in int, not in true or false"],
    ["body.title.matches('^(?=a)b')", "matches(): "],
    ["!body.title.matches('(a)\\\\1')", "syntax of RE2"],
    ["body.title.matches('[a-z]{1,900}')", "too large to be matched quickly"],
    ["body.title.matches(body.pattern)", "the pattern of matches() has to be written out"],
    ["true ? true : {'a': [body.t.matches('(')]}.a[0]", "matches(): "],
    ["body.l.exists(x, x.?y.orValue(body.t.matches(x)))", "the pattern of matches() has to be written out"],
    ["-size(body.labels.filter(a, body.labels.all(b, a == b))) == 0", "all() within a loop"],
    ["cel.bind(x, body.labels, x == [])", "cel.bind() is not available"],
    ["body.labels.all(a, body.labels.all(b, a == b))", "all() within a loop may only run over"],
    ["body.labels.exists(a, body.labels.map(b, b).exists(c, c == a))", "within a loop may only run over"],
    ["body.labels.all(a, (body.labels + a.x).all(b, a == b))", "all() within a loop may only run over"],
    ["body.labels.exists(a, a in body.labels)", '"in" may only look into'],
    ["body.a.map(i, body.labels).exists(l, l.exists(e, body.b.exists(x, x == e)))", "within a loop"],
    ["x".repeat(5000), "is 5000 characters long, limit is 4096"],
    [`body${".a".repeat(200)} == 1`, "Exceeded max"],
  ])("%#: %s is refused", (text, problem) => {
    expect(problemOf(text)).toContain(problem);
  });

  test.each(["constructor", "__proto__", "toString", "hasOwnProperty"])("%s is no way out", (name) => {
    expect(() => evaluate(`body.${name}`)).toThrow("No such key");
    expect(() => evaluate(`event["${name}"]`)).toThrow("No such key");
    expect(() => evaluate(`body.labels[0].title.${name}`)).toThrow("No such key");
  });

  test("a payload that is no object is an empty one", () => {
    expect(scopeOf(eventMeta(), [1]).body).toEqual({});
    expect(scopeOf(eventMeta(), null).body).toEqual({});
  });

  test("a rule over 10,000 commits takes its time in proportion", () => {
    const commits = Array.from({ length: 10_000 }, () => ({ modified: ["a", "b", "c"] }));
    const compiled = compileExpression("body.commits.exists(c, c.modified.exists(f, f == 'z'))", "bool");
    if ("problem" in compiled) throw new SyntaxError(compiled.problem);
    const started = performance.now();
    expect(compiled.expression.evaluate(scopeOf(eventMeta(), { commits }))).toBe(false);
    expect(performance.now() - started).toBeLessThan(2000);
  });
});

describe("compileTemplate()", () => {
  const template = (source: string) => {
    const compiled = compileTemplate(source);
    if ("problem" in compiled) throw new SyntaxError(compiled.problem);
    return compiled.template;
  };
  test.each([
    ["plain", "plain", "plain"],
    ["", "", ""],
    ["MR !{{ body.object_attributes.iid }} on {{event.branch}}", "MR !4 on main", "MR !4 on main"],
    ["{{ body.object_attributes.iid }}", "4", 4],
    ["{{ body.object_attributes.draft }}", "false", false],
    ["{{ body.labels.map(l, l.title) }}", '["bug","backend"]', ["bug", "backend"]],
    ["{{ size(body.labels) }}", "2", 2],
    ["{{ event.action }}", "open", "open"],
    ["{{ body.nothing }}", "", null],
    ["{{ body.nothing }}!", "!", "!"],
  ])("%s", (source, text, value) => {
    expect(template(source).text(scope)).toBe(text);
    expect(template(source).value(scope)).toEqual(value);
  });

  test("problems name the place", () => {
    expect(compileTemplate("a {{ nope }}")).toEqual({ problem: "{{ nope }}: Unknown variable: nope" });
    expect(compileTemplate("a {{ body.x")).toEqual({ problem: "{{ without }}" });
    expect(() => template("{{ body.nope }}").text(scope)).toThrow("No such key: nope");
  });
});

describe("the budget", () => {
  const attacks: readonly (readonly [string, (length: number) => object])[] = [
    ["body.l.all(x, body.s.size() > 0)", (n) => ({ l: Array(Math.floor(n / 10)).fill(1), s: "a".repeat(n) })],
    ["body.l.all(x, (body.l + body.l).size() > 0)", (n) => ({ l: Array(n).fill(1) })],
    [
      "body.l.all(x, body.s.lowerAscii() != '')",
      (n) => ({ l: Array(Math.floor(n / 10)).fill(1), s: "A".repeat(n) }),
    ],
    [
      "body.l.all(x, body.s < body.t)",
      (n) => ({ l: Array(n).fill(1), s: `${"a".repeat(n)}a`, t: `${"a".repeat(n)}b` }),
    ],
    [
      "body.l.all(x, body.s == body.t)",
      (n) => ({ l: Array(n).fill(1), s: "a".repeat(n), t: `${"a".repeat(n - 1)}b` }),
    ],
    ["body.l.all(x, body.m == body.n)", (n) => ({ l: Array(n).fill(1), m: manyKeys(n), n: manyKeys(n) })],
    ["body.l.all(x, size(body.m) > 0)", (n) => ({ l: Array(n).fill(1), m: manyKeys(n) })],
    ["body.s.contains(body.t)", (n) => ({ s: "a".repeat(n), t: half(n) })],
    ["body.s.lastIndexOf(body.t) > 0", (n) => ({ s: "a".repeat(n), t: `${"a".repeat(n / 2)}b` })],
    ["body.s.split(body.t).size() > 0", (n) => ({ s: "a".repeat(n), t: half(n) })],
    ["body.l.all(x, body.l.join('').size() > 0)", (n) => ({ l: Array(n).fill("a") })],
    ["body.l.all(x, body.s.matches('(a|b|ab)*c'))", (n) => ({ l: Array(n).fill(1), s: "ab".repeat(n / 2) })],
    ["body.l.exists(x, body.s.endsWith(x))", (n) => ({ l: Array(n).fill("a"), s: "b".repeat(n) })],
    ["body.l.all(x, body.deep != 1.0)", (n) => ({ l: Array(n).fill(1), deep: nested(n / 16) })],
    ["duration(body.s) > duration('1s')", (n) => ({ s: "1".repeat(n) })],
    [
      "body.l.all(x, timestamp(body.t).getHours('Asia/Tokyo') >= 0)",
      (n) => ({ l: Array(n).fill(1), t: "2026-01-01T00:00:00Z" }),
    ],
    ["body.l.exists(x, x.y.z == 1) || true", (n) => ({ l: Array(n).fill("a") })],
    ["body.l.map(x, body.s + body.s).size() > 0", (n) => ({ l: Array(n).fill(1), s: "a".repeat(n) })],
    [`${"body.s + ".repeat(90)}'a' != ''`, (n) => ({ s: "a".repeat(n) })],
  ];
  const half = (n: number): string => `${"a".repeat(n / 4)}b${"a".repeat(n / 4)}`;
  const manyKeys = (n: number): object =>
    Object.fromEntries(Array.from({ length: n / 8 }, (_, i) => [`k${i}`, i]));
  const nested = (depth: number): unknown => {
    let value: unknown = [];
    for (let i = 0; i < depth; i++) value = [value];
    return value;
  };

  const evaluation = (text: string, payload: object) => {
    const compiled = compileExpression(text, "bool");
    if ("problem" in compiled) throw new SyntaxError(compiled.problem);
    const scoped = scopeOf(eventMeta(), payload);
    return (): unknown => compiled.expression.evaluate(scoped);
  };
  const failureOf = (run: () => unknown): string | null => {
    try {
      run();
      return null;
    } catch (error) {
      return (error as Error).message;
    }
  };

  test.each([
    ["body.s.size() > 0"],
    ["body.s.lowerAscii() == body.s"],
    ["body.s.contains('docs/')"],
    ["body.s.matches('^(feat|fix): .*b$')"],
    ["body.s.split(',').size() > 0"],
    ["body.l.exists(x, x == 'z')"],
    ["body.l.map(x, x + 'y').join('').size() > 0"],
    ["'z' in body.l"],
  ])("time of %s grows with the payload", (text) => {
    const grown = growth((length) => {
      const run = evaluation(text, { s: "a,".repeat(length / 2), l: Array(length / 4).fill("a") });
      return () => failureOf(run);
    });
    expect(grown).toBeLessThanOrEqual(LINEAR);
  });

  test.each(attacks)("%#: %s is over within a second for a megabyte", (text, payload) => {
    const run = evaluation(text, payload(2 ** 20));
    const before = process.cpuUsage();
    failureOf(run);
    expect(process.cpuUsage(before).user / 1000).toBeLessThan(1000);
  });

  test.each([
    "body.l.all(x, body.m == body.m)",
    "body.l.all(x, body.m != null)",
    "body.l.all(x, {'a': 1, 'b': body.m} == {'a': 1, 'b': body.m})",
  ])("%s pays for the keys of a large object each time", (text) => {
    let looks = 0;
    const m = new Proxy(manyKeys(20_000), {
      ownKeys(keys) {
        looks += 1;
        return Reflect.ownKeys(keys);
      },
    });
    expect(failureOf(evaluation(text, { l: Array(20_000).fill(1), m }))).toContain("takes too much time");
    expect(looks).toBeLessThan(200);
  });

  test("an expression that spends too much fails, whatever stands around it", () => {
    const payload = { l: Array(1_000_000).fill(1), s: "a".repeat(1_000_000) };
    for (const text of ["body.l.all(x, body.s.size() > 0)", "body.l.all(x, body.s.size() > 0) || true"]) {
      expect(failureOf(evaluation(text, payload))).toContain("takes too much time on this payload");
    }
    expect(failureOf(evaluation("body.s.size() > 0", payload))).toBeNull();
  });
});
