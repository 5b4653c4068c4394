import { describe, expect, test } from "vitest";
import type { Fact } from "../../../../relay/event/activity-facts.ts";
import { factsOf, tellsOfWork } from "../../../../relay/observe/activity/facts.ts";
import {
  deployment,
  issue,
  metaOf,
  mergeRequest,
  note,
  pipeline,
  push,
  type SampleWebhook,
} from "../../../helpers/payloads.ts";
import { eventMeta } from "../../../helpers/events.ts";

function facts(webhook: SampleWebhook): readonly Fact[] {
  return factsOf(metaOf(webhook), webhook.body)?.facts ?? [];
}

function changed(webhook: SampleWebhook, changes: Record<string, unknown>): SampleWebhook {
  const attributes = { ...(webhook.body["object_attributes"] as object), ...changes };
  return { header: webhook.header, body: { ...webhook.body, object_attributes: attributes } };
}

describe("factsOf()", () => {
  test("keeps the projects of several GitLabs apart", () => {
    const webhook = push("alice", "shop", "main", ["One"]);
    const [own, theirs] = [undefined, "partner"].map((instanceName) =>
      factsOf({ ...metaOf(webhook), instanceName }, webhook.body),
    );
    expect(theirs?.project).toBe(`${own?.project}@partner`);
  });

  test("reads commits, their order and the push from a push", () => {
    const webhook = push("alice", "shop", "feature/cart", ["One", "Two"]);
    const [one, two] = (webhook.body["commits"] as { id: string }[]).map(({ id }) => id.slice(0, 12));
    const of = { author: "alice" };
    expect(factsOf(metaOf(webhook), webhook.body)).toEqual({
      day: "2026-01-15",
      project: "acme/shop",
      facts: [
        { type: "commit", key: one, ...of, value: [1, 2, 0, 9, 2] },
        { type: "commit", key: two, ...of, value: [1, 2, 0, 9, 2] },
        { type: "older", key: two, ...of, value: one },
        { type: "older", key: one, ...of, value: "95790bf891e7" },
        { type: "push", key: "feature/cart 95790bf891e7..da1560886d4f", ...of, value: ["feature/cart", 0] },
      ],
    });
  });

  test("names commits that the payload leaves out after the oldest that it lists", () => {
    const { header, body } = push("alice", "shop", "main", ["One"]);
    const [{ id }] = body["commits"] as [{ id: string }];
    expect(facts({ header, body: { ...body, total_commits_count: 31 } })).toContainEqual({
      type: "unlisted",
      key: `${id.slice(0, 12)}+30`,
      author: "alice",
      value: 30,
    });
  });

  test("tells commits of others apart, by address, else by name", () => {
    const { header, body } = push("alice", "shop", "main", ["One", "Two"]);
    const [first, second] = body["commits"] as Record<string, unknown>[];
    const commits = [
      { ...first, author: { name: "Bob Ray", email: "Bob@Acme.dev" } },
      { ...second, author: { name: "Bob Ray", email: "[REDACTED]" } },
    ];
    const found = facts({ header, body: { ...body, commits } }).filter(({ type }) => type === "commit");
    expect(found.map(({ author, value }) => [author, (value as readonly number[])[4]])).toEqual([
      ["bob@acme.dev", 1],
      ["Bob Ray", 0],
    ]);
  });

  test("has no facts of a deleted branch, and none of a test", () => {
    const { header, body } = push("alice", "shop", "main", ["One"]);
    expect(facts({ header, body: { ...body, after: "0".repeat(40), commits: [] } })).toEqual([]);
    const meta = metaOf({ header, body }, { test: true });
    expect(factsOf(meta, body)).toBeNull();
    expect(tellsOfWork(meta)).toBe(false);
  });

  test.each<[string, SampleWebhook, Partial<Fact>[]]>([
    [
      "an opened merge request",
      mergeRequest("alice", "shop", 17, "T", "open"),
      [{ type: "opened", key: "17", author: "alice" }],
    ],
    [
      "a merged one, for its author, with its time",
      mergeRequest("bob", "shop", 17, "T", "merge"),
      [{ type: "merged", key: "17", author: "bob", value: 3600 }],
    ],
    ["a closed one", mergeRequest("bob", "shop", 17, "T", "close"), [{ type: "closed", key: "17" }]],
    [
      "an approval",
      mergeRequest("bob", "shop", 17, "T", "approved"),
      [{ type: "approved", key: expect.stringMatching(/^17@1768467600000\./) as string, author: "bob" }],
    ],
    [
      "an approval that is withdrawn",
      mergeRequest("bob", "shop", 17, "T", "unapproval"),
      [{ type: "unapproved", author: "bob" }],
    ],
    [
      "all approvals that GitLab withdraws",
      changed(mergeRequest("bob", "shop", 17, "T", "unapproved"), { system: true }),
      [{ type: "approvalsReset" }],
    ],
    ["no approval of the author's own", mergeRequest("alice", "shop", 17, "T", "approved"), []],
    ["no change of a title", mergeRequest("bob", "shop", 17, "T", "update"), []],
    [
      "a comment on another's merge request",
      note("bob", "shop", 17, "hm"),
      [{ type: "reviewed", key: "1257", author: "bob", value: 17 }],
    ],
    ["no comment on one's own", note("alice", "shop", 17, "hm"), []],
    [
      "an opened issue",
      issue("chen", "shop", 8, "T", "open"),
      [{ type: "issueOpened", key: "8", author: "chen" }],
    ],
    [
      "a closed issue with its time",
      issue("alice", "shop", 8, "T", "close"),
      [{ type: "issueClosed", key: "8", value: 97_200 }],
    ],
    [
      "a pipeline with its duration",
      pipeline("bob", "shop", 5101, "success", 187),
      [{ type: "pipeline", key: "5101", value: ["success", 187] }],
    ],
    [
      "a failed pipeline with its failed jobs",
      pipeline("bob", "shop", 5101, "failed", 20),
      [
        { type: "pipeline", value: ["failed", 20] },
        { type: "failedJob", key: "51011", value: "e2e" },
      ],
    ],
    ["no pipeline that is running", pipeline("bob", "shop", 5101, "running", 20), []],
    [
      "a deployment",
      deployment("bob", "api", "success"),
      [{ type: "deployed", key: "15", value: "success" }],
    ],
    ["no deployment that is running", deployment("bob", "api", "running"), []],
    [
      "a failed job",
      {
        header: "Job Hook",
        body: {
          object_kind: "build",
          build_id: 9,
          build_name: "e2e",
          build_status: "failed",
          project_id: 42,
        },
      },
      [{ type: "failedJob", key: "9", value: "e2e" }],
    ],
    [
      "no failed job that may fail",
      {
        header: "Job Hook",
        body: {
          object_kind: "build",
          build_id: 9,
          build_name: "e2e",
          build_status: "failed",
          build_allow_failure: true,
          project_id: 42,
        },
      },
      [],
    ],
    [
      "no wiki page",
      { header: "Wiki Page Hook", body: { object_kind: "wiki_page", project: { id: 1 } } },
      [],
    ],
  ])("reads %s", (_name, webhook, wanted) => {
    expect(facts(webhook)).toHaveLength(wanted.length);
    expect(facts(webhook)).toMatchObject(wanted);
  });

  test("credits a merge to the author where the payload names them", () => {
    const merged = mergeRequest("bob", "shop", 17, "T", "merge");
    const body = { ...merged.body, assignees: [{ id: 11, username: "alice" }] };
    expect(facts({ header: merged.header, body })).toMatchObject([{ type: "merged", author: "alice" }]);
  });

  test.each(["2026-01-15 09:00:00 UTC", "2026-01-15 09:00:00 +0000", "2026-01-15T10:00:00+01:00"])(
    "understands the time %s",
    (updated_at) => {
      const merged = changed(mergeRequest("bob", "shop", 17, "T", "merge"), { updated_at });
      expect(facts(merged)).toMatchObject([{ value: 3600 }]);
    },
  );

  test("knows no duration where the payload has none, or one that runs backwards", () => {
    const merged = mergeRequest("bob", "shop", 17, "T", "merge");
    expect(facts(changed(merged, { created_at: undefined }))).toMatchObject([{ value: null }]);
    expect(facts(changed(merged, { created_at: "2027-01-01T00:00:00Z" }))).toMatchObject([{ value: null }]);
  });

  test.each([
    null,
    7,
    "text",
    [],
    {},
    { commits: "x", object_attributes: 3 },
    { commits: [null, 1, { id: 2 }] },
  ])("does not throw on the body %j", (body) => {
    for (const kind of [
      "push",
      "merge_request",
      "note",
      "issue",
      "pipeline",
      "build",
      "deployment",
      "x",
      null,
    ])
      expect(() => factsOf(eventMeta({ header: null, kind, eventName: null }), body)).not.toThrow();
  });

  test("says nothing of events without a project", () => {
    const { body } = push("alice", "shop", "main", ["One"]);
    expect(factsOf(eventMeta({ projectPath: null, projectId: null }), body)).toBeNull();
    expect(tellsOfWork(eventMeta({ projectPath: null, projectId: null }))).toBe(false);
    expect(tellsOfWork(eventMeta({ header: null, kind: "wiki_page", eventName: null }))).toBe(false);
    expect(tellsOfWork(eventMeta({ projectPath: null }))).toBe(true);
  });
});
