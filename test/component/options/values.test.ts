import { describe, expect, test } from "vitest";
import { readOptionValue, type ListNotation } from "../../../component/options/values.ts";
import { rubyGsub, rubyInspect } from "../../helpers/gitlab-interpolation.ts";

const BLOCK = "$[[ inputs.list ]]";

/** An array as it arrives in a variable of the components' templates, which have a blank behind it. */
function interpolated(items: readonly unknown[]): string {
  return rubyGsub(`${BLOCK} `, BLOCK, rubyInspect(items));
}

function read(text: string, notation?: ListNotation): unknown {
  const reading = readOptionValue("list", text, notation);
  return "value" in reading ? reading.value : reading;
}

describe("readOptionValue() of a list", () => {
  test.each([
    [["acme/apps/**", "acme/{a,b}/*"]],
    [["X-Team: a, b", 'X-Json: {"a": "b"}']],
    [["X-Ruby: #{x} #$y #@z # w"]],
    [["C:\\Dir\\Windows", "\\d+", "a\\"]],
    [["a, b", "c] "]],
    [[]],
  ])("reads what GitLab makes of the array input %j", (items) => {
    expect(read(interpolated(items))).toEqual(items);
  });

  test.each([
    ["a line break, which a halved backslash could be, too", ["a\nb"]],
    ["a backslash before a letter of Ruby's escapes", ["a\\nb"]],
    ["two backslashes, which JSON takes for one", ["a\\\\b"]],
    ["nil", [null]],
    ["nil among others", ["a", null]],
    ["a map", [{ "X-Team": "a" }]],
    ["an empty item", [""]],
  ])("refuses %s instead of guessing", (_, items) => {
    expect(read(interpolated(items))).toEqual({ problem: expect.any(String) });
  });

  test("the notation is certain where GitLab or gitlab-ci-local says which of them it is", () => {
    expect(read('["a\\\\d"] ', "ruby")).toEqual(["a\\\\d"]);
    expect(read('["a\\\\d"] ', "json")).toEqual(["a\\d"]);
    expect(read('["a\\\\d"]', "ruby")).toEqual(["a\\d"]);
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
