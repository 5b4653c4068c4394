import { describe, expect, test } from "vitest";
import { eventMatcher, labelsOf } from "../../../relay/routing/rules.ts";

describe("eventMatcher()", () => {
  const push = { header: "Push Hook", kind: "push", eventName: "push" };
  const member = { header: "Member Hook", kind: "user_add_to_group", eventName: "user_add_to_group" };
  const secret = { header: "Confidential Issue Hook", kind: "issue", eventName: "confidential_issue" };
  const job = { header: "Job Hook", kind: "build", eventName: null };
  const workItem = { header: "Issue Hook", kind: "work_item", eventName: null };
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
    [["push"], unknown, false],
    [[], push, false],
  ])("%j on %j is %s", (names, meta, expected) => {
    expect(eventMatcher(names)(meta)).toBe(expected);
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
