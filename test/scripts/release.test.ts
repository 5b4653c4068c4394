import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import {
  changesOf,
  newestVersion,
  pinned,
  releaseNotes,
  type ReleaseFiles,
} from "../../scripts/docs/release.ts";

const changelog = `# Changelog

## Unreleased

## [1.2.0] - 2026-01-31

### Added
- Something.

## 1.1.0

## 1.1.0-rc1
- First.
`;
const release = {
  version: "1.2.0",
  project: "gitlab.example.com/tools/gitlab-hook-relay",
  image: "registry.example.com/tools/gitlab-hook-relay@sha256:abc",
};
const template = (tag: string): string =>
  `spec:\n  inputs:\n    image: { type: string, description: x, default: "$CI_REGISTRY/a/b:${tag}" }\n---\njob: {}\n`;
const files = (version: string, tag: string): ReleaseFiles => ({
  changelog,
  packageJson: JSON.stringify({ version }),
  templates: new Map([
    ["install-hooks", template(tag)],
    ["recover-deliveries", template(tag)],
  ]),
});

test("changesOf() is the text of the version's own heading", () => {
  expect(changesOf(changelog, "1.2.0")).toBe("### Added\n- Something.");
  expect(changesOf(changelog, "1.1.0-rc1")).toBe("- First.");
});

test("changesOf() refuses a version without heading, or with nothing below it", () => {
  expect(() => changesOf(changelog, "1.3.0")).toThrow('CHANGELOG.md has no heading "## 1.3.0"');
  expect(() => changesOf(changelog, "1.2")).toThrow("no heading");
  expect(() => changesOf(changelog, "1.1.0")).toThrow('says nothing below "## 1.1.0"');
});

test("releaseNotes() has the changes, an include for each component, and the image's digest", () => {
  const notes = releaseNotes(release, files("1.2.0", "1.2.0"));
  expect(notes).toContain("### Added\n- Something.");
  expect(notes).toContain("  - component: gitlab.example.com/tools/gitlab-hook-relay/install-hooks@1.2.0\n");
  expect(notes).toContain(
    "  - component: gitlab.example.com/tools/gitlab-hook-relay/recover-deliveries@1.2.0\n",
  );
  expect(notes).toContain("`registry.example.com/tools/gitlab-hook-relay@sha256:abc`");
});

test("releaseNotes() refuses a version that package.json or a template does not have", () => {
  expect(() => releaseNotes(release, files("1.1.0", "1.2.0"))).toThrow('package.json has version "1.1.0"');
  expect(() => releaseNotes(release, files("1.2.0", "1.1.0"))).toThrow(
    'templates/install-hooks.yml runs the image "$CI_REGISTRY/a/b:1.1.0"',
  );
});

test("release-notes.ts fails, and prints no notes, for a tag that is not ready", () => {
  const run = spawnSync(
    process.execPath,
    ["--import", "tsx", "scripts/release-notes.ts", "99.0.0", release.project, release.image],
    { encoding: "utf8", cwd: new URL("../../", import.meta.url) },
  );
  expect({ status: run.status, stdout: run.stdout }).toEqual({ status: 1, stdout: "" });
  expect(run.stderr).toContain("CHANGELOG.md");
});

test("newestVersion() is the first heading of a version", () => {
  expect(newestVersion(changelog)).toBe("1.2.0");
  expect(() => newestVersion("# Changelog\n\n## Unreleased\n")).toThrow("no heading");
});

test("pinned() puts every example and the image at the version, and leaves variables and prose alone", () => {
  const text =
    "x/install-hooks@1 y/recover-deliveries@0.9.0-rc.1, install-hooks@$CI_COMMIT_SHA, gitlab-hook-relay/gitlab-hook-relay:0.9.0, `install-hooks@` a version";
  expect(pinned(text, "1.2.0")).toBe(
    "x/install-hooks@1.2.0 y/recover-deliveries@1.2.0, install-hooks@$CI_COMMIT_SHA, gitlab-hook-relay/gitlab-hook-relay:1.2.0, `install-hooks@` a version",
  );
});
