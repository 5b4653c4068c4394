import { describe, expect, test } from "vitest";
import type { EventMeta } from "../../../relay/event/event.ts";
import { compileRules, eventMatcher, labelsOf } from "../../../relay/routing/rules.ts";
import { eventMeta } from "../../helpers/events.ts";

describe("eventMatcher()", () => {
  const push = { header: "Push Hook", kind: "push", eventName: "push" };
  const member = { header: "Member Hook", kind: "user_add_to_group", eventName: "user_add_to_group" };
  const secret = { header: "Confidential Issue Hook", kind: "issue", eventName: "confidential_issue" };
  const job = { header: "Job Hook", kind: "build", eventName: null };
  const workItem = { header: "Issue Hook", kind: "work_item", eventName: null };
  const secretTask = { ...secret, kind: "work_item", eventName: "confidential_work_item" };
  const unknown = { header: null, kind: null, eventName: null };
  test.each([
    [["push"], push, true],
    [["tag_push", "merge_request"], push, false],
    [["job"], job, true],
    [["build"], job, true],
    [["member"], member, true],
    [["user_add_to_group"], member, true],
    [["user_remove_from_group"], member, false],
    [["issue"], secret, true],
    [["confidential_issue"], secret, true],
    [["confidential_issue"], { ...secret, header: "Issue Hook", eventName: "issue" }, false],
    [["issue"], workItem, true],
    [["work_item"], workItem, true],
    [["issue"], secretTask, true],
    [["work_item"], secretTask, true],
    [["confidential_issue"], secretTask, true],
    [["confidential_work_item"], secretTask, true],
    [["confidential_work_item"], workItem, false],
    [["note"], { header: "Confidential Note Hook", kind: "note", eventName: "confidential_note" }, true],
    [["push"], unknown, false],
    [[], push, false],
  ])("%j on %j is %s", (names, meta, expected) => {
    expect(eventMatcher(names)(meta)).toBe(expected);
  });
});

describe("branches", () => {
  const own = { projectId: 42, sourceProjectId: 42 };
  const fork = { projectId: 42, sourceProjectId: 43 };
  const request = "refs/merge-requests/7/head";
  test.each<[string, string[], Partial<EventMeta>, boolean]>([
    ["a branch", ["main"], { ref: "refs/heads/main" }, true],
    ["another branch", ["main"], { ref: "refs/heads/dev" }, false],
    ["a tag", ["main"], { ref: "refs/tags/main" }, true],
    ["a deployment's short name", ["main"], { ref: "v1.4.0" }, true],
    ["no ref", ["main"], { ref: null }, true],
    ["a merge request's branch", ["main"], { ref: request, ...own, sourceBranch: "main" }, true],
    ["a merge request's other branch", ["main"], { ref: request, ...own, sourceBranch: "tax" }, false],
    ["the main of a fork", ["main"], { ref: request, ...fork, sourceBranch: "main" }, false],
    ["the main of a fork, all but main", ["!main"], { ref: request, ...fork, sourceBranch: "main" }, true],
    ["a merge request's job, whose source is not told", ["main"], { ref: request }, true],
    ["a fork that is gone", ["main"], { ref: request, projectId: 42, sourceBranch: "main" }, true],
    [
      "a merge request from a fork, by its target",
      ["main"],
      { ref: "refs/heads/main", ...fork, sourceBranch: "x" },
      true,
    ],
  ])("of %s: %j", (_claim, branches, meta, passes) => {
    const rules = compileRules({ branches }, () => {});
    expect(rules.passesMeta(eventMeta(meta))).toBe(passes);
  });
});

describe("labelsOf()", () => {
  const list = [{ title: "bug" }, { title: "backend" }, { name: "odd" }];
  test.each([
    [{ labels: list }, ["bug", "backend"]],
    [{ object_attributes: { labels: list } }, ["bug", "backend"]],
    [{ merge_request: { labels: list } }, ["bug", "backend"]],
    [{ issue: { labels: [] } }, []],
    [{ labels: "bug" }, null],
    [{}, null],
    [null, null],
  ])("of %j", (body, expected) => {
    expect(labelsOf(body)).toEqual(expected);
  });
});
