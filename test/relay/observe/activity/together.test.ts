import { expect, test } from "vitest";
import { addFacts, emptyPage } from "../../../../relay/storage/fact-sheet.ts";
import { factsOf } from "../../../../relay/observe/activity/facts.ts";
import { everythingOf, report, type Report } from "../../../../relay/observe/activity/report.ts";
import type { ActivityEntry } from "../../../../relay/storage/activity-store.ts";
import { metaOf, mergeRequest, type SampleWebhook } from "../../../helpers/payloads.ts";

const DAY = "2026-01-15";
const NOON = Date.UTC(2026, 0, 15, 12);
const project = { id: 42, path_with_namespace: "acme/shop" };
const sha = (name: string | number): string => `c${name}`.padStart(8, "f").padEnd(40, "e");
const ZERO = "0".repeat(40);

/** The report of these webhooks, each received a second after the one before it. */
function reportOf(webhooks: readonly SampleWebhook[], members: Record<string, string[]> = {}): Report {
  const page = emptyPage();
  webhooks.forEach((webhook, index) => {
    const meta = metaOf(webhook, { receivedAt: NOON + index * 1000 });
    addFacts(page, factsOf(meta, webhook.body)?.facts ?? [], `event-${index}`);
  });
  const entries: ActivityEntry[] = [{ day: DAY, project: "acme/shop", page }];
  return report(entries, { ...everythingOf(DAY, DAY), members });
}

interface Pushed {
  readonly branch: string;
  readonly before?: string;
  /** Oldest first. */
  readonly commits: readonly string[];
  readonly email?: string;
}

/** Lists the newest 20, as GitLab does. */
function pushOf({ branch, before = ZERO, commits, email = "bob@acme.dev" }: Pushed): SampleWebhook {
  const listed = commits.slice(-20).map((id) => ({ id, author: { name: "Bob Ray", email }, added: ["a"] }));
  return {
    header: "Push Hook",
    body: {
      object_kind: "push",
      ref: `refs/heads/${branch}`,
      before,
      after: commits.at(-1) ?? sha("tip"),
      user_username: "alice",
      project,
      commits: listed,
      total_commits_count: commits.length,
    },
  };
}

const fifty = Array.from({ length: 50 }, (_, index) => sha(index));

test.each<[string, SampleWebhook[], number]>([
  [
    "heard by two hooks",
    [pushOf({ branch: "f", commits: fifty }), pushOf({ branch: "f", commits: fifty })],
    50,
  ],
  [
    "pushed to main later",
    [pushOf({ branch: "f", commits: fifty }), pushOf({ branch: "main", before: sha("m"), commits: fifty })],
    50,
  ],
  [
    "merged into main later",
    [
      pushOf({ branch: "f", commits: fifty }),
      pushOf({ branch: "main", before: sha("m"), commits: [...fifty, sha("merge")] }),
    ],
    51,
  ],
  [
    "pushed in small pieces, then merged as one",
    [
      pushOf({ branch: "f", commits: fifty.slice(0, 15) }),
      pushOf({ branch: "f", before: fifty[14]!, commits: fifty.slice(15, 35) }),
      pushOf({ branch: "f", before: fifty[34]!, commits: fifty.slice(35) }),
      pushOf({ branch: "main", before: sha("m"), commits: [...fifty, sha("merge")] }),
    ],
    51,
  ],
  [
    "told in any order",
    [
      pushOf({ branch: "main", before: sha("m"), commits: [...fifty, sha("merge")] }),
      pushOf({ branch: "f", commits: fifty }),
    ],
    51,
  ],
  [
    "of which a later push brings more",
    [
      pushOf({ branch: "f", commits: fifty }),
      pushOf({
        branch: "f",
        before: sha(49),
        commits: Array.from({ length: 30 }, (_, index) => sha(100 + index)),
      }),
    ],
    80,
  ],
])("report() counts fifty commits %s", (_claim, webhooks, commits) => {
  expect(reportOf(webhooks).total.commits).toBe(commits);
});

test("report() counts commits that say nothing of their push, too", () => {
  const bare = (ref: string): SampleWebhook => ({
    header: "Push Hook",
    body: {
      object_kind: "push",
      ref,
      user_username: "alice",
      project,
      commits: fifty.slice(30).map((id) => ({ id })),
      total_commits_count: 50,
    },
  });
  const { total } = reportOf([bare("refs/heads/f"), bare("refs/heads/f"), bare("refs/heads/main")]);
  expect(total.commits).toBe(50);
  expect(total.branches).toEqual([
    { name: "f", pushes: 1 },
    { name: "main", pushes: 1 },
  ]);
});

test("report() ends where commits name each other in a circle", () => {
  const [a, b] = [sha("a"), sha("b")];
  const webhooks = [
    pushOf({ branch: "f", before: b, commits: [a] }),
    pushOf({ branch: "f", before: a, commits: [b] }),
  ];
  const many = { ...webhooks[0]!.body, total_commits_count: Number.MAX_SAFE_INTEGER };
  expect(reportOf([...webhooks, { header: "Push Hook", body: many }]).total.commits).toBeGreaterThan(2);
});

test("report() counts the push of a branch once for two hooks, and a deletion not at all", () => {
  const push = pushOf({ branch: "f", commits: fifty });
  const gone = { header: "Push Hook", body: { ...push.body, before: sha(49), after: ZERO, commits: [] } };
  expect(reportOf([push, push, gone]).total.branches).toEqual([{ name: "f", pushes: 1 }]);
});

test("report() gives a commit one author, though a recovery told it without addresses", () => {
  const first = pushOf({ branch: "f", commits: [sha("x")] });
  const recovered = pushOf({ branch: "f", commits: [sha("x")], email: "[REDACTED]" });
  for (const webhooks of [
    [first, recovered],
    [recovered, first],
  ]) {
    const { authors, total } = reportOf(webhooks);
    expect(authors.map(({ author, commits }) => [author, commits])).toEqual([
      ["alice", 0],
      ["bob@acme.dev", 1],
    ]);
    expect([total.commits, total.files.added]).toEqual([1, 1]);
  }
});

type Word = readonly [who: string, id: number, action: string, more?: object];

function words(iid: number, said: readonly Word[]): SampleWebhook[] {
  return said.map(([username, id, action, more = {}], index) => {
    const { header, body } = mergeRequest("alice", "shop", iid, "T", action);
    const at = `2026-01-15T09:${String(index).padStart(2, "0")}:00Z`;
    const attributes = { ...(body["object_attributes"] as object), updated_at: at, ...more };
    return { header, body: { ...body, project, user: { id, username }, object_attributes: attributes } };
  });
}

test.each<[string, Word[], number, number | null]>([
  [
    "two people",
    [
      ["bob", 12, "approved"],
      ["chen", 13, "approved"],
      ["bob", 12, "merge"],
    ],
    2,
    1,
  ],
  [
    "one person, twice",
    [
      ["bob", 12, "approval"],
      ["bob", 12, "approved"],
    ],
    1,
    null,
  ],
  [
    "two who withdraw",
    [
      ["bob", 12, "approved"],
      ["chen", 13, "approved"],
      ["bob", 12, "unapproved"],
      ["chen", 13, "unapproval"],
    ],
    0,
    null,
  ],
  [
    "one who withdraws and approves again",
    [
      ["bob", 12, "approved"],
      ["bob", 12, "unapproved"],
      ["bob", 12, "approved"],
    ],
    1,
    null,
  ],
  [
    "the author alone",
    [
      ["alice", 11, "approved"],
      ["alice", 11, "merge"],
    ],
    0,
    0,
  ],
  [
    "GitLab that withdraws them all",
    [
      ["bob", 12, "approved"],
      ["chen", 13, "approved"],
      ["alice", 11, "unapproved", { system: true }],
      ["bob", 12, "approved"],
    ],
    1,
    null,
  ],
])("report() counts approvals of %s", (_claim, said, approvals, participation) => {
  const { reviews } = reportOf(words(17, said)).total;
  expect([reviews.approvals, reviews.participation]).toEqual([approvals, participation]);
});

test("report() takes the last word by the merge request's time, whatever order the events came in", () => {
  const said = words(17, [
    ["bob", 12, "approved"],
    ["bob", 12, "unapproved"],
  ]);
  expect(reportOf(said.toReversed()).total.reviews.approvals).toBe(0);
  const sameTime = words(17, [
    ["bob", 12, "approved", { updated_at: "2026-01-15T09:00:00Z" }],
    ["bob", 12, "unapproved", { updated_at: "2026-01-15T09:00:00Z" }],
  ]);
  expect(reportOf(sameTime).total.reviews.approvals).toBe(0);
});

test("report() counts approvals of two merge requests apart, and of one person under two names once", () => {
  const webhooks = [...words(17, [["bob", 12, "approved"]]), ...words(18, [["bob", 12, "approved"]])];
  expect(reportOf(webhooks).total.reviews.approvals).toBe(2);
});
