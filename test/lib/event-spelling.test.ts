import { expect, test } from "vitest";
import { nearestEventName } from "../../lib/event-spelling.ts";

test.each([
  ["merge_requests", "merge_request"],
  ["merge_requests_events", "merge_request"],
  ["Merge-Request", "merge_request"],
  ["Push Hook", "push"],
  ["Job Hook", "build"],
  ["jobs", "job"],
  ["comment", "note"],
  ["tag", "tag_push"],
  ["pull_request", "merge_request"],
  ["isue", "issue"],
  ["pipline", "pipeline"],
])("nearestEventName() takes %s for %s", (name, right) => {
  expect(nearestEventName(name)).toBe(right);
});

test.each(["deploy_done", "nodes", "epic", "System Hook", "", "x".repeat(100_000)])(
  "nearestEventName() leaves %.20s alone",
  (name) => {
    expect(nearestEventName(name)).toBe(null);
  },
);
