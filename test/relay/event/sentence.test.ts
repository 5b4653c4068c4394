import { describe, expect, test } from "vitest";
import { EVENTS } from "../../../lib/events.ts";
import type { EventMeta } from "../../../relay/event/event.ts";
import { sentence } from "../../../relay/event/sentence.ts";
import { eventMeta } from "../../helpers/events.ts";
import {
  deployment,
  issue,
  mergeRequest,
  metaOf,
  note,
  pipeline,
  push,
  type SampleWebhook,
} from "../../helpers/payloads.ts";

const NONE = "0".repeat(40);
const at = (project = "acme/shop") => ({ path_with_namespace: project, id: 1 });

const cases: readonly [SampleWebhook, string, string][] = [
  [
    push("alice", "shop", "main", ["a", "b", "c"]),
    "alice pushed 3 commits to main of acme/shop",
    "alice pushed to main of acme/shop",
  ],
  [
    push("alice", "shop", "main", ["a"]),
    "alice pushed 1 commit to main of acme/shop",
    "alice pushed to main of acme/shop",
  ],
  [
    { header: "Push Hook", body: { ...push("bob", "shop", "fix", []).body, before: NONE } },
    "bob created the branch fix of acme/shop",
    "bob created the branch fix of acme/shop",
  ],
  [
    { header: "Push Hook", body: { ...push("bob", "shop", "fix", []).body, after: NONE } },
    "bob deleted the branch fix of acme/shop",
    "bob deleted the branch fix of acme/shop",
  ],
  [
    {
      header: "Tag Push Hook",
      body: { object_kind: "tag_push", ref: "refs/tags/v1", user_username: "bob", project: at() },
    },
    "bob pushed the tag v1 in acme/shop",
    "bob pushed the tag v1 in acme/shop",
  ],
  [
    mergeRequest("alice", "shop", 17, "Cart", "open"),
    "alice opened merge request !17 “Cart” into main in acme/shop",
    "alice opened merge request !17 “Cart” into main in acme/shop",
  ],
  [
    mergeRequest("bob", "shop", 17, "Cart", "approved"),
    "bob approved merge request !17 “Cart” into main in acme/shop",
    "bob approved merge request !17 “Cart” into main in acme/shop",
  ],
  [
    mergeRequest("bob", "shop", 17, "Cart", "unheard-of"),
    "bob changed merge request !17 “Cart” into main in acme/shop",
    "bob changed merge request !17 “Cart” into main in acme/shop",
  ],
  [
    issue("chen", "shop", 8, "Empty cart", "close"),
    "chen closed issue #8 “Empty cart” in acme/shop",
    "chen closed issue #8 “Empty cart” in acme/shop",
  ],
  [
    note("bob", "shop", 17, "hm"),
    "bob commented on merge request !17 in acme/shop",
    "bob commented on merge request !17 in acme/shop",
  ],
  [
    pipeline("bob", "api", 5103, "success", 95),
    "pipeline #103 succeeded on main in acme/platform/api",
    "pipeline #103 succeeded on main in acme/platform/api",
  ],
  [
    deployment("bob", "api", "failed"),
    "deployment to production failed in acme/platform/api",
    "deployment to production failed in acme/platform/api",
  ],
  [
    {
      header: "Job Hook",
      body: { object_kind: "build", build_name: "e2e", build_status: "failed", ref: "main", project: at() },
    },
    "job “e2e” failed on main in acme/shop",
    "job “e2e” failed on main in acme/shop",
  ],
  [
    {
      header: "Release Hook",
      body: { object_kind: "release", name: "1.0", action: "create", project: at() },
    },
    "the release “1.0” was created in acme/shop",
    "the release “1.0” was created in acme/shop",
  ],
  [
    {
      header: "Emoji Hook",
      body: {
        object_kind: "emoji",
        event_type: "award",
        user: { username: "bob" },
        project: at(),
        object_attributes: { name: "tada", awardable_type: "MergeRequest" },
      },
    },
    "bob reacted with :tada: on a merge request in acme/shop",
    "bob reacted with :tada: on a merge request in acme/shop",
  ],
  [
    {
      header: "Feature Flag Hook",
      body: {
        object_kind: "feature_flag",
        user: { username: "bob" },
        project: at(),
        object_attributes: { name: "beta", active: false },
      },
    },
    "bob switched off the feature flag “beta” in acme/shop",
    "bob changed the feature flag “beta” in acme/shop",
  ],
  [
    {
      header: "Member Hook",
      body: { event_name: "user_add_to_group", user_username: "bob", group_path: "acme", group_id: 3 },
    },
    "bob was added to the group acme",
    "bob was added to the group acme",
  ],
  [
    {
      header: "System Hook",
      body: {
        event_name: "project_transfer",
        path_with_namespace: "acme/new",
        old_path_with_namespace: "old/new",
        project_id: 4,
      },
    },
    "the project old/new was moved to acme/new",
    "the project was moved to acme/new",
  ],
  [
    {
      header: "Odd Hook",
      body: { object_kind: "odd", user: { username: "bob" }, action: "spin", project_id: 12 },
    },
    'event "odd" (spin) by bob in project 12',
    'event "odd" (spin) by bob in project 12',
  ],
  [
    {
      header: "Tag Push Hook",
      body: {
        object_kind: "tag_push",
        ref: "refs/tags/v1",
        user_username: "bob",
        after: NONE,
        project: at(),
      },
    },
    "bob deleted the tag v1 in acme/shop",
    "bob deleted the tag v1 in acme/shop",
  ],
  [
    {
      header: "Tag Push Hook",
      body: { object_kind: "push", ref: "refs/heads/main", user_username: "bob", project: at() },
    },
    "bob pushed to main of acme/shop",
    "bob pushed to main of acme/shop",
  ],
  [
    {
      header: "Note Hook",
      body: {
        object_kind: "note",
        user: { username: "alice" },
        project: null,
        object_attributes: {
          noteable_type: "Epic",
          url: "https://gitlab.example.com/groups/acme/-/epics/4#note_1",
        },
        epic: { iid: 4, title: "Taxes" },
      },
    },
    "alice commented on epic &4 in acme",
    "alice commented on epic &4 in acme",
  ],
  [
    {
      header: "Note Hook",
      body: { object_kind: "note", project: at(), object_attributes: { noteable_type: "AlertManagement" } },
    },
    "someone commented on an alert management in acme/shop",
    "someone commented on an alert management in acme/shop",
  ],
  [
    {
      header: "Pipeline Hook",
      body: {
        object_kind: "pipeline",
        project: at(),
        object_attributes: { iid: 3, ref: "tax", tag: false, status: "failed" },
        merge_request: { iid: 16, source_branch: "tax", source_project_id: 1 },
      },
    },
    "pipeline #3 failed for merge request !16 in acme/shop",
    "pipeline #3 failed for merge request !16 in acme/shop",
  ],
  [
    {
      header: "Confidential Issue Hook",
      body: {
        object_kind: "work_item",
        event_type: "confidential_work_item",
        user: { username: "bob" },
        project: at(),
        object_attributes: { iid: 9, type: "Task", action: "open", title: "Keys" },
      },
    },
    "bob opened task #9 “Keys” in acme/shop",
    "bob opened task #9 “Keys” in acme/shop",
  ],
  [{ header: "", body: {} }, 'event "unknown"', 'event "unknown"'],
];

describe("sentence()", () => {
  test.each(cases)("tells %j as %s", (webhook, full, short) => {
    const meta = metaOf(webhook, webhook.header === "" ? { header: null, projectId: null } : {});
    expect(sentence(meta, webhook.body)).toBe(full);
    expect(sentence(meta, null)).toBe(short);
  });

  test("of metadata that 0.1.0 stored is plain, and whole once the body is there", () => {
    const webhook = mergeRequest("alice", "shop", 17, "Cart", "open");
    const { iid: _iid, title: _title, ...former }: EventMeta = metaOf(webhook);
    expect(sentence(former, null)).toBe("alice opened a merge request into main in acme/shop");
    expect(sentence(former, webhook.body)).toBe(
      "alice opened merge request !17 “Cart” into main in acme/shop",
    );
  });

  test("has words of its own for every event that GitLab sends", () => {
    for (const row of EVENTS) {
      for (const kind of row.objectKinds)
        expect(sentence(eventMeta({ kind, eventName: null }), null)).not.toContain("event ");
      if (row.objectKinds.length > 0) continue;
      for (const eventName of row.eventNames)
        expect(sentence(eventMeta({ kind: eventName, eventName }), null), eventName).not.toContain("event ");
    }
  });

  test.each([
    [{ kind: "push", ref: null }, "ada pushed to acme/web"],
    [{ kind: "push", ref: null, refChange: "created" }, "ada created a branch of acme/web"],
    [{ kind: "tag_push", ref: null }, "ada pushed a tag in acme/web"],
    [{ kind: "build", action: "failed", ref: null }, "a job failed in acme/web"],
    [{ kind: "deployment", action: null }, "a deployment changed in acme/web"],
    [{ kind: "release", action: "approval" }, "a release was changed in acme/web"],
    [{ kind: "wiki_page", action: "create" }, "ada created a wiki page in acme/web"],
    [{ kind: "access_token" }, "an access token is about to expire in acme/web"],
    [{ kind: "repository_update" }, "ada updated the repository of acme/web"],
    [{ kind: "note", subjectType: "WikiPage::Meta" }, "ada commented on a wiki page in acme/web"],
    [{ kind: "note", subjectType: "AlertManagement::Alert" }, "ada commented on an alert in acme/web"],
    [{ kind: "note", subjectType: "__" }, "ada commented on an item in acme/web"],
    [{ kind: "user_add_to_team", projectPath: null }, "ada was added to the project with id 7"],
    [{ kind: "gitlab_subscription_member_approval" }, "ada awaits approval for a seat in acme/web"],
    [{ kind: "project_rename", projectPath: null, projectId: null }, "the project was renamed"],
    [{ kind: "project_destroy", projectPath: null }, "the project with id 7 was deleted"],
  ] as const)("of %j, which lacks something, is %s", (known, told) => {
    const meta = eventMeta({ eventName: null, action: null, ref: null, projectId: 7, ...known });
    expect(sentence(meta, null)).toBe(told);
  });

  test("is whole whatever is not known, for every kind", () => {
    const broken =
      / (?:to|of|in|on|into|for|the|an?)(?= (?:to|of|in|on|into|for) |$)|\s\s|pushed (?:of|in) |(project|group) \1/;
    const names = EVENTS.flatMap(({ objectKinds, eventNames }) => objectKinds.concat(eventNames));
    const lacking: readonly Partial<EventMeta>[] = [
      {},
      { projectPath: null },
      { projectPath: null, projectId: null, groupId: 3 },
      { projectPath: null, projectId: null },
    ];
    for (const kind of names)
      for (const place of lacking)
        for (const more of [
          {},
          { ref: null },
          { ref: null, refChange: "deleted" as const },
          { subjectType: "Epic" },
        ])
          for (const action of [null, "open", "approval", "failed"]) {
            const meta = eventMeta({ kind, eventName: kind, action, actor: null, ...place, ...more });
            expect(sentence(meta, null)).not.toMatch(broken);
            expect(sentence(meta, {})).not.toMatch(broken);
          }
  });

  test("takes any payload, and shortens long titles", () => {
    const meta = eventMeta({ kind: "issue", action: "open" });
    for (const body of [{ object_attributes: null }, { object_attributes: { iid: "x", title: 7, type: [] } }])
      expect(sentence(meta, body)).toBe("ada opened an issue in acme/web");
    const long = sentence(meta, { object_attributes: { iid: 1, title: "word ".repeat(100) } });
    expect(long.length).toBeLessThan(140);
  });
});
