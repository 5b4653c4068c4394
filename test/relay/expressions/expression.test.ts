import { describe, expect, test } from "vitest";
import { compileExpression, scopeOf } from "../../../relay/expressions/expression.ts";
import { compileTemplate } from "../../../relay/expressions/template.ts";
import { eventMeta } from "../../helpers/events.ts";

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
    ["body.title.matches('^(a+)+$')", "matches() is not available"],
    ["!body.title.matches('^(a+)+$')", "matches() is not available"],
    ["true ? true : {'a': [body.t.matches('a')]}.a[0]", "matches() is not available"],
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
