import { describe, expect, test } from "vitest";
import { ProjectFilter } from "../../../component/hooks/project-filter.ts";
import type { Project } from "../../../component/gitlab/types.ts";

function project(id: number, path = `acme/p${id}`, topics: readonly string[] = []): Project {
  return { id, path_with_namespace: path, topics };
}

describe("ProjectFilter", () => {
  const none = { group: "acme", include: [], exclude: [], topics: [] };
  test.each([
    [{}, "acme/x", null],
    [{ include: ["acme/team/**"] }, "acme/team/a/b", null],
    [{ include: ["acme/team/**"] }, "acme/other/a", "not among --include"],
    [{ include: ["team/*"] }, "acme/team/a", null],
    [{ include: ["team/*"] }, "acme/team/a/b", "not among --include"],
    [{ include: ["ACME/Team/*"] }, "acme/team/a", null],
    [{ include: ["**/.config"] }, "acme/x/.config", null],
    [{ exclude: ["sandbox/**"] }, "acme/sandbox/a", "matches --exclude"],
    [{ include: ["**"], exclude: ["**/a"] }, "acme/team/a", "matches --exclude"],
    [{ include: ["*.acme"] }, "beta/x", "not among --include"],
  ])("%j: %s is %j", (filters, path, expected) => {
    expect(new ProjectFilter({ ...none, ...filters }).leftOut(project(1, path))).toBe(expected);
  });

  test("one of the topics is enough", () => {
    const filter = new ProjectFilter({ ...none, topics: ["Service", "batch"] });
    expect(filter.leftOut(project(1, "acme/x", ["other", "service"]))).toBeNull();
    expect(filter.leftOut(project(1, "acme/x", ["other"]))).toBe("has none of --topics");
  });
});
