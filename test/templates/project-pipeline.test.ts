/** The pipeline of this project, resolved by gitlab-ci-local: it includes the component as others do. */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ciLocalMissing, createProject, type Project } from "./ci-local.ts";

const pipeline = readFileSync(new URL("../../.gitlab-ci.yml", import.meta.url), "utf8");

interface ListedJob {
  readonly name: string;
  readonly stage: string;
  readonly when: string;
  readonly allow_failure: boolean;
  readonly needs: readonly { readonly job: string }[] | null;
}

const title = `.gitlab-ci.yml${ciLocalMissing === null ? "" : ` (${ciLocalMissing})`}`;
describe.runIf(ciLocalMissing === null)(title, () => {
  let project: Project;
  beforeAll(() => {
    project = createProject(pipeline);
  });
  afterAll(() => project.remove());

  async function jobs(variables: Readonly<Record<string, string>>): Promise<readonly ListedJob[]> {
    const { status, output } = await project.run(variables, "--list-json");
    expect(status, output).toBe(0);
    const all = JSON.parse(output.slice(output.indexOf("\n[") + 1)) as ListedJob[];
    return all.filter((job) => job.when !== "never");
  }
  const checked = ["check: [20.20.0]", "check: [24.21.0]", "check-deno"];
  const built = [...checked, "build-image", "component-applies", "component-finds-nothing-to-change"];

  test("merge request: checks on Node 20, 24 and Deno, the image, and the component at this commit", async () => {
    const listed = await jobs({ CI_PIPELINE_SOURCE: "merge_request_event" });
    expect(listed.map((job) => job.name).sort()).toEqual([...built].sort());
    expect(listed.filter((job) => job.when !== "on_success" || job.allow_failure)).toEqual([]);
  });

  test("tag: also the notes, the image's version and the release, in this order", async () => {
    const listed = await jobs({ CI_PIPELINE_SOURCE: "push", CI_COMMIT_TAG: "1.2.3" });
    const released = listed.filter((job) => job.stage === "release").map((job) => job.name);
    expect(listed.map((job) => job.name).sort()).toEqual([...built, ...released].sort());
    expect(released).toEqual(["release-notes", "image-version", "sign-image", "release"]);
    const needs = new Map(listed.map((job) => [job.name, (job.needs ?? []).map((need) => need.job)]));
    expect(needs.get("image-version")).toEqual(
      expect.arrayContaining(["component-applies", "release-notes"]),
    );
    expect(needs.get("sign-image")).toContain("image-version");
    expect(needs.get("release")).toContain("sign-image");
  });

  test("tag: the package is published where there is a token for it", async () => {
    const listed = await jobs({ CI_PIPELINE_SOURCE: "push", CI_COMMIT_TAG: "1.2.3", NPM_TOKEN: "npm_token" });
    expect(listed.map((job) => job.name)).toContain("publish-package");
  });

  test("tag: one that is no semantic version releases nothing", async () => {
    for (const tag of ["v1.2.3", "1.2"]) {
      const listed = await jobs({ CI_PIPELINE_SOURCE: "push", CI_COMMIT_TAG: tag });
      expect(listed.filter((job) => job.stage === "release")).toEqual([]);
    }
  });
});
