import { expect, test } from "vitest";
import { branchOf, isOnForeignBranch, refType, shortRef } from "../../../relay/event/ref.ts";

test.each([
  ["refs/heads/feature/x", "branch", "feature/x"],
  ["refs/tags/v1", "tag", "v1"],
  ["refs/merge-requests/7/head", "merge-request", "!7"],
  ["refs/merge-requests/7/train", "merge-request", "!7"],
  ["v1.4.0", "unknown", "v1.4.0"],
  ["refs/environments/1", "unknown", "refs/environments/1"],
  ["", "unknown", ""],
])("%s is a %s, called %s", (ref, type, short) => {
  expect([refType(ref), shortRef(ref)]).toEqual([type, short]);
});

const request = { ref: "refs/merge-requests/7/head", projectId: 1, sourceBranch: "tax" };

test.each<[string, Parameters<typeof branchOf>[0], string | null, boolean]>([
  ["a branch", { ref: "refs/heads/main", projectId: 1 }, "main", false],
  ["a tag", { ref: "refs/tags/v1", projectId: 1 }, null, false],
  ["a short name", { ref: "v1", projectId: 1 }, null, false],
  ["nothing", { ref: null, projectId: 1 }, null, false],
  ["a merge request of the project", { ...request, sourceProjectId: 1 }, "tax", false],
  ["a merge request of a fork", { ...request, sourceProjectId: 2 }, null, true],
  ["a merge request of a project unknown", request, null, false],
  ["a merge request, into main", { ...request, ref: "refs/heads/main", sourceProjectId: 2 }, "main", false],
])("branchOf() %s", (_claim, meta, branch, isForeign) => {
  expect([branchOf(meta), isOnForeignBranch(meta)]).toEqual([branch, isForeign]);
});
