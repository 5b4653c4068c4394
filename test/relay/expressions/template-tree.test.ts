import { expect, test } from "vitest";
import { compileTemplateTree } from "../../../relay/expressions/template-tree.ts";
import { templateScope } from "../../../relay/expressions/template.ts";
import { eventMeta } from "../../helpers/events.ts";

const payload = { n: 2, name: 'quoted " and \\', items: [{ id: 1 }, { id: 2 }] };
const scope = templateScope(eventMeta({ actor: "alice" }), payload);

function rendered(source: unknown): unknown {
  const compiled = compileTemplateTree(source, "body");
  if ("problems" in compiled) throw new Error(JSON.stringify(compiled.problems));
  return compiled.tree.render(scope);
}

test("compileTemplateTree() fills texts wherever they stand, and keeps the types of single expressions", () => {
  const source = {
    text: "{{ event.actor }} says {{ body.name }}",
    deep: [{ n: "{{ body.n }}", isOne: "{{ body.n == 1 }}", all: "{{ body.items }}" }],
    same: [1, true, null, "plain"],
    counted: "{{ size(body.items) }}",
    made: '{{ {"a": [1], "b": {"c": 2}} }}',
  };
  expect(rendered(source)).toEqual({
    text: 'alice says quoted " and \\',
    deep: [{ n: 2, isOne: false, all: [{ id: 1 }, { id: 2 }] }],
    same: [1, true, null, "plain"],
    counted: 2,
    made: { a: [1], b: { c: 2 } },
  });
  expect(JSON.parse(JSON.stringify(rendered(source)))).toEqual(rendered(source));
});

test("compileTemplateTree() takes names that every object inherits", () => {
  const source = JSON.parse('{ "__proto__": "{{ body.n }}", "constructor": "x" }') as unknown;
  expect(JSON.stringify(rendered(source))).toBe('{"__proto__":2,"constructor":"x"}');
});

test("compileTemplateTree() names every place with a mistake", () => {
  const compiled = compileTemplateTree({ a: ["{{ nope }}"], b: { c: "{{ 1 +" } }, "body");
  expect(compiled).toEqual({
    problems: [
      { path: "body.a.0", message: "{{ nope }}: Unknown variable: nope" },
      { path: "body.b.c", message: "{{ without }}" },
    ],
  });
});

test("compileTemplateTree() names the place that asks for what the payload lacks", () => {
  expect(() => rendered({ a: ["{{ body.nope }}"] })).toThrow("body.a.0: No such key: nope");
});

test("templateScope() tells the event in one sentence, with its page", () => {
  const meta = eventMeta({ kind: "push", ref: "refs/heads/main", actor: "alice", projectPath: "acme/web" });
  const project = { web_url: "https://gitlab.example.com/acme/web" };
  const { event } = templateScope(meta, { object_kind: "push", ref: "refs/heads/main", project });
  expect(event["sentence"]).toBe("alice pushed to main of acme/web");
  expect(event["url"]).toBe("https://gitlab.example.com/acme/web/-/commits/main");
});
