import { describe, expect, test } from "vitest";
import {
  addFacts,
  addPage,
  decodePage,
  emptyPage,
  encodePage,
  factsIn,
} from "../../../../relay/storage/fact-sheet.ts";
import type { Fact } from "../../../../relay/event/activity-facts.ts";
import { everythingOf, report, type ReportQuery } from "../../../../relay/observe/activity/report.ts";
import type { ActivityEntry } from "../../../../relay/storage/activity-store.ts";

function entry(day: string, project: string, facts: readonly Fact[]): ActivityEntry {
  const page = emptyPage();
  addFacts(page, facts, "event");
  return { day, project, page };
}

const query: ReportQuery = { ...everythingOf("2026-01-12", "2026-01-18"), members: {} };

const fact = (type: Fact["type"], key: string, author: string | null, value: Fact["value"]): Fact => ({
  type,
  key,
  author,
  value,
});

const week: readonly ActivityEntry[] = [
  entry("2026-01-12", "acme/shop", [
    fact("commit", "a1", "alice", [1, 2, 0, 9]),
    fact("commit", "a2", "alice@acme.dev", [0, 1, 1, 23]),
    fact("push", "e1", "alice", ["feature/cart", 0]),
    fact("opened", "17", "alice", 1),
    fact("pipeline", "1", "alice", ["failed", 10]),
    fact("failedJob", "11", "alice", "e2e"),
  ]),
  entry("2026-01-13", "acme/shop", [
    fact("commit", "a1", "alice", [1, 2, 0, 9]),
    fact("push", "e2", "bob", ["main", 30]),
    fact("merged", "17", "alice", 3600),
    fact("merged", "18", "alice", 7200),
    fact("approved", "17", "bob", 1),
    fact("pipeline", "2", "alice", ["success", 30]),
    fact("pipeline", "3", "bob", ["canceled", null]),
  ]),
  entry("2026-01-19", "acme/api", [
    fact("merged", "17", "bob", 60),
    fact("reviewed", "900", "alice", 17),
    fact("issueOpened", "3", null, 1),
    fact("issueClosed", "3", "bob", 86_400),
    fact("closed", "19", "bob", 1),
    fact("deployed", "5", "bob", "success"),
    fact("deployed", "6", "bob", "failed"),
  ]),
];

describe("addFacts(), addPage()", () => {
  test("count a fact once however often it is added", () => {
    const page = emptyPage();
    const facts = [...factsIn(week[0]!.page)];
    addFacts(page, facts, "event");
    addFacts(page, facts, "event");
    addPage(page, week[0]!.page);
    expect(page).toEqual(week[0]!.page);
  });

  test("survive storage, with any name as author or key", () => {
    const page = emptyPage();
    const odd = ["__proto__", "constructor", "Ünï \n", ""];
    addFacts(
      page,
      odd.map((name) => fact("failedJob", name, name, name)),
      "event",
    );
    const read = decodePage(encodePage(page));
    expect([...factsIn(read)].map((one) => one.value).sort()).toEqual([...odd].sort());
  });
});

describe("report()", () => {
  test("sums up, and counts what was told twice once", () => {
    const { total } = report(week, query);
    expect(total).toEqual({
      commits: 32,
      files: { added: 1, modified: 3, removed: 1 },
      hours: Array.from({ length: 24 }, (_, hour) => (hour === 9 || hour === 23 ? 1 : 0)),
      branches: [
        { name: "feature/cart", pushes: 1 },
        { name: "main", pushes: 1 },
      ],
      mergeRequests: {
        opened: 1,
        merged: 3,
        closed: 1,
        timeToMergeSeconds: { count: 3, median: 3600, p90: 7200 },
      },
      reviews: { approvals: 1, comments: 1, participation: 2 / 3 },
      issues: { opened: 1, closed: 1, timeOpenSeconds: { count: 1, median: 86_400, p90: 86_400 } },
      pipelines: {
        success: 1,
        failed: 1,
        canceled: 1,
        successRate: 0.5,
        durationSeconds: { count: 2, median: 10, p90: 30 },
        failedJobs: [{ name: "e2e", count: 1 }],
      },
      deployments: { success: 1, failed: 1 },
    });
  });

  test("lists every day of the range, the empty ones too", () => {
    const { periods } = report(week, query);
    expect(periods.map((period) => [period.start, period.commits])).toEqual([
      ["2026-01-12", 2],
      ["2026-01-13", 31],
      ["2026-01-14", 0],
      ["2026-01-15", 0],
      ["2026-01-16", 0],
      ["2026-01-17", 0],
      ["2026-01-18", 0],
    ]);
  });

  test("groups by weeks that begin on Monday", () => {
    const { periods } = report(week, { ...query, from: "2026-01-14", to: "2026-01-20", group: "week" });
    expect(periods.map((period) => [period.start, period.mergeRequests.merged])).toEqual([
      ["2026-01-12", 2],
      ["2026-01-19", 1],
    ]);
  });

  test("maps what people go by to members, whatever was counted before the table was written", () => {
    const members = { "Alice Doe": ["alice", "ALICE@acme.dev"] };
    const mapped = report(week, { ...query, members });
    expect(mapped.authors.map((one) => [one.author, one.commits])).toEqual([
      ["Alice Doe", 2],
      ["bob", 30],
      ["unknown", 0],
    ]);
    expect(report(week, { ...query, members, author: "Alice Doe" }).total.commits).toBe(2);
    expect(report(week, { ...query, author: "alice@acme.dev" }).total.commits).toBe(1);
  });

  test("narrows to a project, and ranks projects by what happened in them", () => {
    expect(report(week, query).projects.map((one) => one.project)).toEqual(["acme/shop", "acme/api"]);
    const api = report(week, { ...query, project: "acme/api" });
    expect([api.total.mergeRequests.merged, api.total.reviews.participation]).toEqual([1, 1]);
  });

  test("says null, not zero, where nothing was measured", () => {
    const { total } = report([], query);
    expect(total.reviews.participation).toBeNull();
    expect(total.pipelines.successRate).toBeNull();
    expect(total.mergeRequests.timeToMergeSeconds).toEqual({ count: 0, median: null, p90: null });
  });
});

test("report() of one GitLab has its projects alone", () => {
  const of = (instance: string | null): string[] => {
    const facts = [fact("commit", "a1", "alice", [1, 2, 0, 9])];
    const entries = ["acme/shop", "acme/shop@partner", "acme/shop@cloud"].map((project) =>
      entry("2026-01-12", project, facts),
    );
    return report(entries, { ...query, instance })
      .projects.map(({ project }) => project)
      .toSorted();
  };
  expect(of("partner")).toEqual(["acme/shop@partner"]);
  expect(of("default")).toEqual(["acme/shop"]);
  expect(of("elsewhere")).toEqual([]);
  expect(of(null)).toHaveLength(3);
});
