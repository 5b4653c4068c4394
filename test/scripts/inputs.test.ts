import { expect, test } from "vitest";
import { inputsTable, parseTemplate } from "../../scripts/docs/inputs.ts";

const configuration = "---\njob:\n  script: [run]\n";

function template(inputs: string): string {
  return `spec:\n  inputs:\n${inputs.replace(/^/gm, "    ")}\n${configuration}`;
}

test("inputsTable() has a row per input, in the order of the file", () => {
  const text = template(
    [
      "zone: { type: string, description: 'Where | how', regex: ^x }",
      "level: { type: string, description: What., default: auto, options: [auto, none] }",
      "list: { type: array, description: Which., default: [a, b] }",
      "rules: { type: array, description: When., default: [{ if: $X }] }",
      "filter: { type: string, description: Only., default: '', options: ['', x] }",
      "much: { type: number, description: Count., default: 0 }",
    ].join("\n"),
  );
  expect(inputsTable(text)).toBe(
    [
      "| Input | Type | Default | Meaning |",
      "| --- | --- | --- | --- |",
      "| `zone` | string | required | Where \\| how |",
      "| `level` | string | `auto` | What. One of `auto`, `none`. |",
      '| `list` | array | `["a","b"]` | Which. |',
      "| `rules` | array | see the template | When. |",
      "| `filter` | string |  | Only. One of `x`, or empty. |",
      "| `much` | number | `0` | Count. |",
    ].join("\n"),
  );
});

test.each([
  ["no description", "a: { type: string }", '"description"'],
  ["no type", "a: { description: x }", '"type"'],
  ["input rules, which need GitLab 18.7", "a: { type: string, description: x, rules: [] }", '"rules"'],
  ["an unknown key", "a: { type: string, description: x, regexp: y }", '"regexp"'],
])("parseTemplate() refuses %s", (_, input, named) => {
  expect(() => parseTemplate(template(input))).toThrow(named);
});

test("parseTemplate() refuses spec:component, which needs GitLab 18.6", () => {
  const text = `spec:\n  component: [version]\n  inputs:\n    a: { type: string, description: x }\n${configuration}`;
  expect(() => parseTemplate(text)).toThrow(/component/);
});

test("parseTemplate() refuses a file without header", () => {
  expect(() => parseTemplate("job:\n  script: [run]\n")).toThrow("not 1 YAML documents");
});
