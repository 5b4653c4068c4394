import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { isTestDelivery } from "../../../relay/event/test-delivery.ts";

const sha = (name: string): string => name.padEnd(40, "0");
const push = (before: string, commits: unknown): Record<string, unknown> => ({
  object_kind: "push",
  before,
  commits,
});
const issue = (at: unknown): Record<string, unknown> => ({
  object_kind: "issue",
  object_attributes: { action: "open", created_at: at, updated_at: at },
});
const SAMPLE = {
  object_kind: "push",
  before: "95790bf891e76fee5e1747ab589903a6a1f80f22",
  after: "da1560886d4f094c3e6c9ef40349f7d38b5d27d7",
  project_id: 15,
  project: { id: 15, path_with_namespace: "gitlab/gitlab" },
  commits: [{ id: "c5feabde2d8cd023215af4d2ceeb7a64839fc428" }],
};

test.each<[string, string | null, Record<string, unknown>, boolean]>([
  [
    "newest first, from one of them",
    "GitLab/19.0.0",
    push(sha("a"), [{ id: sha("c") }, { id: sha("b") }, { id: sha("a") }]),
    true,
  ],
  ["the only commit of a project", null, push(sha("a"), [{ id: sha("a") }]), true],
  ["as a tag", null, { ...push(sha("a"), [{ id: sha("a") }]), object_kind: "tag_push" }, true],
  ["a real push", null, push(sha("a"), [{ id: sha("b") }, { id: sha("c") }]), false],
  ["a push without commits", null, push(sha("a"), []), false],
  ["a push of an odd shape", null, push(sha("a"), [null, 1, { id: 2 }]), false],
  ["a push without before", null, { object_kind: "push", commits: [{ id: null }, {}] }, false],
  ["GitLab's sample project", "GitLab/19.0.0", SAMPLE, true],
  ["its commits in another project", null, { ...SAMPLE, project_id: 7 }, false],
  ["its id with other commits", null, { ...SAMPLE, after: sha("x") }, false],
  ["an issue with the times of a test", "GitLab/17.11.2-ee", issue("2026-01-15T09:40:00.123Z"), true],
  ["an issue with real times", "GitLab/17.11.2-ee", issue("2026-01-15 09:40:00 UTC"), false],
  ["an issue without milliseconds", "GitLab/17.11.2", issue("2026-01-15T09:40:00Z"), false],
  [
    "an issue of a GitLab that writes all times so",
    "GitLab/19.0.0",
    issue("2026-01-15T09:40:00.123Z"),
    false,
  ],
  ["an issue of an unknown sender", "curl/8", issue("2026-01-15T09:40:00.123Z"), false],
  ["an issue without times", "GitLab/17.0.0", issue(undefined), false],
  ["nothing", null, {}, false],
])("isTestDelivery() of %s", (_claim, userAgent, body, isTest) => {
  expect(isTestDelivery(userAgent, body)).toBe(isTest);
});

test.each([
  ["push-test", true],
  ["push", false],
  ["tag-push", false],
  ["branch-deleted", false],
  ["system-push", false],
])("isTestDelivery() of the recorded %s", (name, isTest) => {
  const text = readFileSync(new URL(`../../fixtures/${name}.json`, import.meta.url), "utf8");
  expect(isTestDelivery("GitLab/19.0.0", JSON.parse(text) as Record<string, unknown>)).toBe(isTest);
});
