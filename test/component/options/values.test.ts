import { describe, expect, test } from "vitest";
import { readOptionValue } from "../../../component/options/values.ts";

/** An array as GitLab puts it into a variable of the components' templates: Ruby's `inspect`, then `gsub`, then a blank. */
function interpolated(items: readonly (string | null | Readonly<Record<string, string>>)[]): string {
  const escapes: Readonly<Record<string, string>> = { "\n": "\\n", "\t": "\\t", '"': '\\"', "\\": "\\\\" };
  const quoted = (text: string): string =>
    `"${text.replace(/[\n\t"\\]/g, (c) => escapes[c] as string).replace(/#(?=[{$@])/g, "\\#")}"`;
  const inspected = items.map((item) => {
    if (item === null) return "nil";
    if (typeof item === "string") return quoted(item);
    return `{${Object.entries(item).map(([key, value]) => `${quoted(key)}=>${quoted(value)}`)}}`;
  });
  return `[${inspected.join(", ")}] `.replaceAll("\\\\", "\\");
}

function read(text: string): unknown {
  const reading = readOptionValue("list", text);
  return "value" in reading ? reading.value : reading;
}

describe("readOptionValue() of a list", () => {
  test.each([
    [["acme/apps/**", "acme/{a,b}/*"]],
    [["X-Team: a, b", 'X-Json: {"a": "b"}']],
    [["X-Ruby: #{x} #$y #@z # w"]],
    [["C:\\Dir\\Windows", "\\d+"].slice(0, 1)],
    [["a, b", "c] "]],
    [[]],
  ])("reads what GitLab makes of the array input %j", (items) => {
    expect(read(interpolated(items))).toEqual(items);
  });

  test.each([
    ["a line break, which a halved backslash could be, too", ["a\nb"]],
    ["a backslash before a letter of Ruby's escapes", ["a\\nb"]],
    ["two backslashes, which JSON takes for one", ["a\\\\b"]],
    ["a backslash at the end", ["a\\"]],
    ["nil", [null]],
    ["nil among others", ["a", null]],
    ["a map", [{ "X-Team": "a" }]],
    ["an empty item", [""]],
  ])("refuses %s instead of guessing", (_, items) => {
    expect(read(interpolated(items))).toEqual({ problem: expect.any(String) });
  });

  test.each([
    ['["a\\\\b"]', ["a\\b"]],
    ['["a\\u00e9"]', ["aé"]],
    ['[7, "acme/app"]', ["7", "acme/app"]],
    ['{"X-Team": "a, b", "X-Zone": 1}', ["X-Team: a, b", "X-Zone: 1"]],
    ["[ab]*,{x}/**", ["[ab]*", "{x}/**"]],
    ["{team-1,team-2}/**, acme/x", ["{team-1,team-2}/**", "acme/x"]],
    ["X-Open: {a, X-Other: b", ["X-Open: {a", "X-Other: b"]],
    [" a ,, b,", ["a", "b"]],
    ["  ", []],
  ])("reads %s as somebody writes it", (text, items) => {
    expect(read(text)).toEqual(items);
  });

  test.each([
    ['["X-Key: pa"ss"] ', "a quote"],
    ['["acme/app"', "a quote, a bracket or a comma"],
    ['["acme/app",]', "a comma"],
    ['[{"X-Team": "a"}]', "is a map"],
    ['[["a"]]', "is a list"],
    ["[null]", "is empty"],
    ['{"X-Team": "a"', "no JSON object"],
    ['{"X-Team": ["a"]}', "is no text"],
    [",", "without items"],
  ])("refuses %s and names the cause", (text, words) => {
    expect(read(text)).toEqual({ problem: expect.stringContaining(words) });
  });

  test("a problem never quotes a value", () => {
    for (const text of ['["X: hunter"2"] ', '["X: hunter\\n2"] ', '{"X": {"hunter2": 1}}'])
      expect(JSON.stringify(read(text))).not.toContain("hunter");
  });
});
