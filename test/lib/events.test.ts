import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import {
  branchOf,
  eventByName,
  eventFacts,
  EVENTS,
  KNOWN_EVENT_NAMES,
  subscribable,
  SYSTEM_HEADER,
} from "../../lib/events.ts";

const fixtures = new URL("../fixtures/", import.meta.url);
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
    { ...project, kind: "pipeline", action: "failed", ref: "refs/heads/main" },
  ],
  ["job", "Job Hook", "build", { ...project, kind: "build", action: "running", ref: "refs/heads/main" }],
  [
    "deployment",
    "Deployment Hook",
    "deployment",
    { ...project, kind: "deployment", action: "success", ref: "refs/heads/main" },
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
    { ...none, kind: "vulnerability", projectId: 278964, projectPath: null, action: null },
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
  const facts = eventFacts(header, payload(name));
  expect(facts.row?.kind).toBe(row);
  expect(facts).toMatchObject(wanted);
});

test("every fixture is read by a case", () => {
  const files = readdirSync(fixtures).filter((f) => f.endsWith(".json"));
  expect(files.map((f) => f.replace(".json", "")).sort()).toEqual(cases.map(([name]) => name).sort());
});

test("every row with a flag has a fixture, but for the confidential comment, which is a comment", () => {
  const covered = new Set(cases.map(([, , row]) => row));
  const missing = EVENTS.filter((r) => r.flag !== null && !covered.has(r.kind)).map((r) => r.kind);
  expect(missing).toEqual(["confidential_note"]);
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
  expect(eventFacts(null, body)).toEqual({
    kind: null,
    eventName: null,
    row: null,
    action: null,
    ...nothing,
    ref: null,
    actor: null,
  });
});

test("eventFacts() takes the kind from the header where the payload names none", () => {
  expect(eventFacts("Push Hook", {})).toMatchObject({ kind: "push", eventName: null });
  expect(eventFacts("Unheard Of Hook", {})).toMatchObject({ kind: null, row: null });
});

test("eventFacts() of a system hook never guesses by the header", () => {
  expect(eventFacts(SYSTEM_HEADER, {})).toMatchObject({ kind: null, row: null });
  expect(eventFacts(SYSTEM_HEADER, { event_name: "user_moved_to_mars" })).toMatchObject({
    kind: "user_moved_to_mars",
    row: null,
  });
});

test("eventFacts() keeps kinds that nobody knows", () => {
  expect(eventFacts("Quantum Hook", { object_kind: "quantum" })).toMatchObject({
    kind: "quantum",
    row: null,
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
    eventFacts("Push Hook", { object_kind: "push", project: { id }, project_id: id }).projectId,
  ).toBeNull();
});

test("eventFacts() knows a tag pipeline from a branch pipeline", () => {
  const tagged = { object_kind: "pipeline", object_attributes: { ref: "v1", tag: true } };
  expect(eventFacts("Pipeline Hook", tagged).ref).toBe("refs/tags/v1");
});

test("branchOf() is null for tags and for no ref", () => {
  expect(branchOf("refs/heads/feature/x")).toBe("feature/x");
  expect(branchOf("refs/tags/v1")).toBeNull();
  expect(branchOf(null)).toBeNull();
});

test("eventByName() takes kind, flag and stem of the flag", () => {
  for (const name of ["merge_request", "merge_requests_events", "merge_requests"])
    expect(eventByName(name)?.kind).toBe("merge_request");
  expect(eventByName("job")?.kind).toBe("build");
  expect(eventByName("nonsense")).toBeUndefined();
});

test("subscribable() gives each level its flags, and every flag once", () => {
  expect(subscribable("project").map((r) => r.flag)).not.toContain("member_events");
  expect(subscribable("group").map((r) => r.flag)).toContain("member_events");
  expect(subscribable("system").map((r) => r.flag)).toEqual([
    "push_events",
    "tag_push_events",
    "merge_requests_events",
    "repository_update_events",
  ]);
  const flags = EVENTS.flatMap((r) => (r.flag === null ? [] : [r.flag]));
  expect(new Set(flags).size).toBe(flags.length);
});

test("KNOWN_EVENT_NAMES has both names of a job and the system events", () => {
  for (const name of ["build", "job", "user_failed_login", "work_item"])
    expect(KNOWN_EVENT_NAMES).toContain(name);
});
