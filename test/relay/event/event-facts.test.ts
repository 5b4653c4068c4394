import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { eventRow, EVENTS, SYSTEM_HEADER } from "../../../lib/events.ts";
import { eventFacts } from "../../../relay/event/event-facts.ts";

const instance = "https://gitlab.acme.dev";
const fixtures = new URL("../../fixtures/", import.meta.url);
const payload = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`${name}.json`, fixtures), "utf8"));

const project = { projectId: 278964, projectPath: "acme/shop/storefront" };
const nothing = { projectId: null, projectPath: null, groupId: null, groupPath: null };
const none = { groupId: null, groupPath: null };

/** Fixture, header, row of the table, facts. */
const cases: readonly (readonly [string, string, string, Record<string, unknown>])[] = [
  [
    "push",
    "Push Hook",
    "push",
    {
      ...project,
      ...none,
      kind: "push",
      eventName: "push",
      action: null,
      ref: "refs/heads/main",
      actor: "zoe",
    },
  ],
  [
    "tag-push",
    "Tag Push Hook",
    "tag_push",
    { ...project, kind: "tag_push", ref: "refs/tags/v1.4.0", actor: "zoe" },
  ],
  [
    "issue",
    "Issue Hook",
    "issue",
    { ...project, kind: "issue", eventName: "issue", action: "open", ref: null, actor: "zoe" },
  ],
  [
    "confidential-issue",
    "Confidential Issue Hook",
    "confidential_issue",
    { ...project, kind: "issue", action: "update" },
  ],
  [
    "work-item-epic",
    "Issue Hook",
    "issue",
    { ...nothing, kind: "work_item", groupId: 9970, groupPath: "acme", action: "open" },
  ],
  [
    "confidential-work-item",
    "Confidential Issue Hook",
    "confidential_issue",
    { ...project, kind: "work_item", eventName: "confidential_work_item", subjectType: "Task" },
  ],
  [
    "confidential-note",
    "Confidential Note Hook",
    "confidential_note",
    { ...project, kind: "note", eventName: "confidential_note" },
  ],
  [
    "pipeline-fork",
    "Pipeline Hook",
    "pipeline",
    { ...project, ref: "refs/merge-requests/16/head", sourceBranch: "main", sourceProjectId: 278990 },
  ],
  ["job-merge-request", "Job Hook", "build", { ...project, ref: "refs/merge-requests/16/head" }],
  ["deployment-tag", "Deployment Hook", "deployment", { ...project, ref: "v1.4.0" }],
  ["tag-deleted", "Tag Push Hook", "tag_push", { ...project, ref: "refs/tags/v1.4.0", refChange: "deleted" }],
  ["branch-deleted", "Push Hook", "push", { ...project, ref: "refs/heads/tax", refChange: "deleted" }],
  ["push-test", "Push Hook", "push", { ...project, ref: "refs/heads/main" }],
  [
    "merge-request-approved",
    "Merge Request Hook",
    "merge_request",
    { ...project, action: "approved", iid: 16, title: "Show tax", actor: "bert", sourceBranch: "tax" },
  ],
  ["note", "Note Hook", "note", { ...project, kind: "note", action: "create", actor: "zoe" }],
  [
    "merge-request",
    "Merge Request Hook",
    "merge_request",
    { ...project, kind: "merge_request", action: "update", ref: "refs/heads/release/1.4" },
  ],
  [
    "wiki-page",
    "Wiki Page Hook",
    "wiki_page",
    { ...project, kind: "wiki_page", eventName: null, action: "create" },
  ],
  [
    "pipeline",
    "Pipeline Hook",
    "pipeline",
    {
      ...project,
      kind: "pipeline",
      action: "failed",
      ref: "refs/merge-requests/16/head",
      sourceBranch: "tax",
      sourceProjectId: 278964,
      iid: 3,
    },
  ],
  ["job", "Job Hook", "build", { ...project, kind: "build", action: "running", ref: "refs/heads/main" }],
  [
    "deployment",
    "Deployment Hook",
    "deployment",
    { ...project, kind: "deployment", action: "success", ref: "main", title: "staging" },
  ],
  ["feature-flag", "Feature Flag Hook", "feature_flag", { ...project, kind: "feature_flag", action: null }],
  ["release", "Release Hook", "release", { ...project, kind: "release", action: "create" }],
  ["milestone", "Milestone Hook", "milestone", { ...project, kind: "milestone", action: "create" }],
  ["emoji", "Emoji Hook", "emoji", { ...project, kind: "emoji", eventName: "award", action: "award" }],
  [
    "access-token-project",
    "Resource Access Token Hook",
    "access_token",
    { ...project, kind: "access_token", eventName: "expiring_access_token" },
  ],
  [
    "access-token-group",
    "Resource Access Token Hook",
    "access_token",
    { ...nothing, kind: "access_token", groupId: 9970, groupPath: "acme" },
  ],
  [
    "deploy-token",
    "Resource Deploy Token Hook",
    "deploy_token",
    { ...project, kind: "deploy_token", eventName: "expiring_deploy_token" },
  ],
  [
    "vulnerability",
    "Vulnerability Hook",
    "vulnerability",
    { ...none, ...project, kind: "vulnerability", action: null, title: "REXML DoS vulnerability" },
  ],
  [
    "member-added",
    "Member Hook",
    "member",
    {
      ...nothing,
      kind: "user_add_to_group",
      eventName: "user_add_to_group",
      groupId: 9970,
      groupPath: "acme",
      actor: "bert",
    },
  ],
  [
    "project-created",
    "Project Hook",
    "project",
    { ...none, kind: "project_create", projectId: 278999, projectPath: "acme/shop/warehouse" },
  ],
  [
    "subgroup-created",
    "Subgroup Hook",
    "subgroup",
    { ...nothing, kind: "subgroup_create", groupId: 9980, groupPath: "acme/subgroup1" },
  ],
  ["system-push", SYSTEM_HEADER, "push", { ...project, kind: "push", ref: "refs/heads/main" }],
  [
    "system-project-rename",
    SYSTEM_HEADER,
    "system_project",
    { ...none, kind: "project_rename", projectId: 278964, projectPath: "acme/shop/window" },
  ],
  ["system-user-create", SYSTEM_HEADER, "system_user", { ...nothing, kind: "user_create", actor: "bert" }],
  ["system-repository-update", SYSTEM_HEADER, "repository_update", { ...project, kind: "repository_update" }],
];

test.each(cases)("eventFacts() reads %s (%s)", (name, header, row, wanted) => {
  const facts = eventFacts({ header, instance }, payload(name));
  expect(eventRow({ header, ...facts })?.kind).toBe(row);
  expect(facts).toMatchObject(wanted);
});

test("every fixture is read by a case", () => {
  const files = readdirSync(fixtures).filter((f) => f.endsWith(".json"));
  expect(files.map((f) => f.replace(".json", "")).sort()).toEqual(cases.map(([name]) => name).sort());
});

test("every row with a flag has a fixture", () => {
  const covered = new Set(cases.map(([, , row]) => row));
  const missing = EVENTS.filter((r) => r.flag !== null && !covered.has(r.kind)).map((r) => r.kind);
  expect(missing).toEqual([]);
});

test.each([
  [null],
  [undefined],
  [7],
  ["text"],
  [[]],
  [[1]],
  [{ project: 3, object_attributes: [], user: "u", group: null }],
])("eventFacts() of %j has nothing but nulls", (body) => {
  expect(eventFacts({ header: null, instance: null }, body)).toEqual({
    kind: null,
    eventName: null,
    action: null,
    ...nothing,
    ref: null,
    actor: null,
  });
});

test("eventFacts() takes the kind from the header where the payload names none", () => {
  expect(eventFacts({ header: "Push Hook", instance: null }, {})).toMatchObject({
    kind: "push",
    eventName: null,
  });
  expect(eventFacts({ header: "Unheard Of Hook", instance: null }, {})).toMatchObject({ kind: null });
});

test("eventFacts() of a system hook never guesses by the header", () => {
  expect(eventFacts({ header: SYSTEM_HEADER, instance: null }, {})).toMatchObject({ kind: null });
  expect(
    eventFacts({ header: SYSTEM_HEADER, instance: null }, { event_name: "user_moved_to_mars" }),
  ).toMatchObject({
    kind: "user_moved_to_mars",
  });
});

test("eventFacts() keeps kinds that nobody knows", () => {
  expect(eventFacts({ header: "Quantum Hook", instance: null }, { object_kind: "quantum" })).toMatchObject({
    kind: "quantum",
  });
});

test.each([
  ["above 2^53", 2 ** 53],
  ["negative", -1],
  ["fractional", 1.5],
  ["a text", "12"],
  ["a list", [12]],
])("eventFacts() has no id rather than a wrong one: %s", (_claim, id) => {
  expect(
    eventFacts(
      { header: "Push Hook", instance: null },
      { object_kind: "push", project: { id }, project_id: id },
    ).projectId,
  ).toBeNull();
});

test("eventFacts() knows a tag pipeline from a branch pipeline", () => {
  const tagged = { object_kind: "pipeline", object_attributes: { ref: "v1", tag: true } };
  expect(eventFacts({ header: "Pipeline Hook", instance: null }, tagged).ref).toBe("refs/tags/v1");
});

test.each<[string, string, object, object]>([
  ["a branch", "Pipeline Hook", { ref: "main", tag: false }, { ref: "refs/heads/main" }],
  ["unknown without a word on tags", "Pipeline Hook", { ref: "main" }, { ref: "main" }],
  [
    "unknown for a merge request that is gone",
    "Pipeline Hook",
    { ref: "main", tag: false, source: "merge_request_event" },
    { ref: "main" },
  ],
])("eventFacts() of a pipeline: its ref is %s", (_claim, header, attributes, wanted) => {
  const body = { object_kind: "pipeline", object_attributes: attributes, merge_request: null };
  expect(eventFacts({ header, instance }, body)).toMatchObject(wanted);
});

test.each([
  ["main", false, "refs/heads/main"],
  ["v1", true, "refs/tags/v1"],
  ["main", undefined, "main"],
  ["main", "true", "main"],
  ["refs/merge-requests/16/head", false, "refs/merge-requests/16/head"],
])("eventFacts() of a job with ref %s and tag %s has the ref %s", (ref, tag, wanted) => {
  expect(eventFacts({ header: "Job Hook", instance }, { object_kind: "build", ref, tag }).ref).toBe(wanted);
});

const NONE = "0".repeat(40);
const SHA = "1".repeat(40);

test.each([
  ["push", NONE, SHA, "created"],
  ["push", SHA, NONE, "deleted"],
  ["push", SHA, "2".repeat(40), undefined],
  ["tag_push", NONE, SHA, "created"],
  ["tag_push", SHA, NONE, "deleted"],
  ["tag_push", "0".repeat(64), "1".repeat(64), "created"],
])("eventFacts() of a %s from %s to %s: the ref was %s", (kind, before, after, change) => {
  const body = { object_kind: kind, ref: "refs/heads/x", before, after };
  expect(eventFacts({ header: null, instance }, body).refChange).toBe(change);
});

test.each<[string, object, string | null, object]>([
  [
    "an address of its own",
    { object_attributes: { url: "https://gitlab.acme.dev/acme/sub/web/-/security/vulnerabilities/1" } },
    instance,
    { projectPath: "acme/sub/web" },
  ],
  [
    "an address below the instance's prefix",
    { object_attributes: { url: "https://acme.dev/gitlab/acme/web/-/issues/1" } },
    "https://acme.dev/gitlab/",
    { projectPath: "acme/web" },
  ],
  [
    "the project's address",
    { project: { web_url: "https://gitlab.acme.dev/acme/web" } },
    null,
    { projectPath: "acme/web" },
  ],
  [
    "the repository's address",
    { repository: { homepage: "https://gitlab.acme.dev/acme/web" } },
    instance,
    { projectPath: "acme/web" },
  ],
  [
    "an address in a group",
    { object_attributes: { url: "https://gitlab.acme.dev/groups/acme/team/-/epics/4#note_9" } },
    instance,
    { projectPath: null, groupPath: "acme/team" },
  ],
  [
    "a personal snippet",
    { object_attributes: { url: "https://gitlab.acme.dev/-/snippets/1" } },
    instance,
    { projectPath: null },
  ],
  [
    "no address",
    { object_attributes: { url: "/acme/web/-/issues/1" }, project: { web_url: 7 } },
    instance,
    { projectPath: null },
  ],
])("eventFacts() finds the place in %s", (_claim, body, from, wanted) => {
  expect(eventFacts({ header: null, instance: from }, body)).toMatchObject(wanted);
});

test("eventFacts() keeps 80 characters of a title, on one line, without half a character", () => {
  const titleOf = (title: string): string | undefined =>
    eventFacts({ header: null, instance }, { object_kind: "issue", object_attributes: { title } }).title;
  expect(titleOf("a".repeat(80))).toBe("a".repeat(80));
  expect(titleOf("a".repeat(81))).toBe(`${"a".repeat(79)}…`);
  expect(titleOf("two\n lines")).toBe("two lines");
  expect(titleOf("🦊".repeat(81))).toBe(`${"🦊".repeat(79)}…`);
  expect(titleOf("x".repeat(1_000_000))).toHaveLength(80);
  expect(titleOf("")).toBeUndefined();
});

test("eventFacts() keeps no name without end", () => {
  const endless = "x".repeat(100_000);
  const body = { object_kind: endless, ref: endless, action: endless, user_username: endless };
  const facts = eventFacts(
    { header: null, instance },
    { ...body, project: { path_with_namespace: endless } },
  );
  for (const name of [facts.kind, facts.ref, facts.action, facts.actor, facts.projectPath])
    expect(name).toHaveLength(1024);
});
