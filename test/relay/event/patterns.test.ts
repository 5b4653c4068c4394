import { describe, expect, test } from "vitest";
import { globMatcher, labelMatcher, projectMatcher, wordMatcher } from "../../../relay/event/patterns.ts";

describe("projectMatcher()", () => {
  test.each([
    [["acme/**"], 1, "acme/web", true],
    [["acme/**"], 1, "acme/deep/er/web", true],
    [["acme/*"], 1, "acme/deep/web", false],
    [["acme/**"], 1, "acmeother/web", false],
    [["Acme/Web"], 1, "acme/web", true],
    [["acme/.hidden"], 1, "acme/.hidden", true],
    [["acme/**"], 1, "acme/.hidden/x", true],
    [[42], 42, "any/thing", true],
    [["42"], 42, null, true],
    [[42], 43, "any/42", false],
    [["acme/**", "!acme/sandbox/**"], 1, "acme/sandbox/x", false],
    [["acme/**", "!acme/sandbox/**"], 1, "acme/web", true],
    [["!acme/sandbox/**", "acme/**"], 1, "acme/sandbox/x", false],
    [["acme/**", "!42"], 42, "acme/web", false],
    [["!acme/sandbox/**"], 1, "other/web", true],
    [["!acme/sandbox/**"], 1, "acme/sandbox/x", false],
    [["!acme/**"], null, null, true],
    [["acme/**"], null, null, false],
    [["**"], null, null, false],
    [["acme/!(web|api)"], 1, "acme/web", false],
    [["acme/!(web|api)"], 1, "acme/docs", true],
    [["acme/{web,api}"], 1, "acme/api", true],
    [[42, "acme/*"], 7, "acme/web", true],
    [["!acme/a", "!acme/b"], 1, "acme/b", false],
  ])("%j on project %s %s is %s", (patterns, id, path, expected) => {
    expect(projectMatcher(patterns)(id, path)).toBe(expected);
  });
});

describe("globMatcher()", () => {
  test.each([
    [["main", "release/*"], "main", true],
    [["main", "release/*"], "release/1.2", true],
    [["main", "release/*"], "release/1/2", false],
    [["main", "release/*"], "Main", false],
    [["feature/**"], "feature/a/b", true],
    [["!wip/**"], "wip/a", false],
    [["!wip/**"], "main", true],
    [["**", "!main"], "main", false],
  ])("%j on %s is %s", (patterns, branch, expected) => {
    expect(globMatcher(patterns)(branch)).toBe(expected);
  });
});

describe("wordMatcher()", () => {
  test.each([
    [["open", "merge"], "open", true],
    [["open", "merge"], "update", false],
    [["!update"], "open", true],
    [["!update"], "update", false],
  ])("%j on %s is %s", (patterns, word, expected) => {
    expect(wordMatcher(patterns)(word)).toBe(expected);
  });
});

describe("labelMatcher()", () => {
  test.each([
    [["backend"], ["bug", "backend"], true],
    [["backend"], [], false],
    [["area::*"], ["area::db/sql"], true],
    [["!wip"], [], true],
    [["!wip"], ["bug", "wip"], false],
    [["backend", "!wip"], ["backend", "wip"], false],
  ])("%j on %j is %s", (patterns, labels, expected) => {
    expect(labelMatcher(patterns)(labels)).toBe(expected);
  });
});
