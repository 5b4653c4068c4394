import { describe, expect, it } from "vitest";
import { EVENTS } from "../../../lib/events.ts";
import { sentence } from "../../../relay/admin/event-summary.ts";
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
    "bob pushed to fix of acme/shop",
  ],
  [
    { header: "Push Hook", body: { ...push("bob", "shop", "fix", []).body, after: NONE } },
    "bob deleted the branch fix of acme/shop",
    "bob pushed to fix of acme/shop",
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
    "alice opened a merge request into main in acme/shop",
  ],
  [
    mergeRequest("bob", "shop", 17, "Cart", "approved"),
    "bob approved merge request !17 “Cart” into main in acme/shop",
    "bob approved a merge request into main in acme/shop",
  ],
  [
    mergeRequest("bob", "shop", 17, "Cart", "unheard-of"),
    "bob changed merge request !17 “Cart” into main in acme/shop",
    "bob changed a merge request into main in acme/shop",
  ],
  [
    issue("chen", "shop", 8, "Empty cart", "close"),
    "chen closed issue #8 “Empty cart” in acme/shop",
    "chen closed an issue in acme/shop",
  ],
  [
    note("bob", "shop", 17, "hm"),
    "bob commented on merge request !17 in acme/shop",
    "bob commented in acme/shop",
  ],
  [
    pipeline("bob", "api", 5103, "success", 95),
    "pipeline #103 succeeded on main in acme/platform/api",
    "a pipeline succeeded on main in acme/platform/api",
  ],
  [
    deployment("bob", "api", "failed"),
    "deployment to production failed in acme/platform/api",
    "deployment failed in acme/platform/api",
  ],
  [
    {
      header: "Job Hook",
      body: { object_kind: "build", build_name: "e2e", build_status: "failed", ref: "main", project: at() },
    },
    "job “e2e” failed on main in acme/shop",
    "job failed on main in acme/shop",
  ],
  [
    {
      header: "Release Hook",
      body: { object_kind: "release", name: "1.0", action: "create", project: at() },
    },
    "the release “1.0” was created in acme/shop",
    "the release was created in acme/shop",
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
    "bob reacted with :tada: on merge request in acme/shop",
    "bob reacted with an emoji in acme/shop",
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
    "bob changed the feature flag in acme/shop",
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
  [{ header: "", body: {} }, 'event "unknown"', 'event "unknown"'],
];

describe("sentence()", () => {
  it.each(cases)("tells %j as %s", (webhook, full, short) => {
    const meta = metaOf(webhook, webhook.header === "" ? { header: null, projectId: null } : {});
    expect(sentence(meta, webhook.body)).toBe(full);
    expect(sentence(meta, null)).toBe(short);
  });

  it("has words of its own for every event that GitLab sends", () => {
    for (const row of EVENTS) {
      for (const kind of row.objectKinds)
        expect(sentence(eventMeta({ kind, eventName: null }), null)).not.toContain("event ");
      if (row.objectKinds.length > 0) continue;
      for (const eventName of row.eventNames)
        expect(sentence(eventMeta({ kind: eventName, eventName }), null), eventName).not.toContain("event ");
    }
  });

  it("takes any payload, and shortens long titles", () => {
    const meta = eventMeta({ kind: "issue", action: "open" });
    for (const body of [{ object_attributes: null }, { object_attributes: { iid: "x", title: 7, type: [] } }])
      expect(sentence(meta, body)).toBe("ada opened an issue in acme/web");
    const long = sentence(meta, { object_attributes: { iid: 1, title: "word ".repeat(100) } });
    expect(long.length).toBeLessThan(140);
  });
});
