import { expect, test } from "vitest";
import { activityTables } from "../../../../relay/admin/pages/activity-tables.ts";
import { everythingOf, report, type Report } from "../../../../relay/observe/activity/report.ts";

const asked = everythingOf("2026-01-12", "2026-01-18");
const nothing = report([], { ...asked, members: {} });

/** Authors with so many commits and merged requests. */
function told(authors: readonly (readonly [name: string, commits: number, merged: number])[]): Report {
  const { total } = nothing;
  return {
    ...nothing,
    authors: authors.map(([author, commits, merged]) => ({
      ...total,
      author,
      commits,
      mergeRequests: { ...total.mergeRequests, merged },
    })),
  };
}

/** The rows of a table, by name. */
async function rowsOf(title: string, view: Parameters<typeof activityTables>[0]): Promise<string[]> {
  const page = String(await activityTables(view));
  const [, section = ""] = page.split(`<h2>${title}</h2>`);
  const [table = ""] = section.split("</section>");
  return [...table.matchAll(/<th scope="row"><a href="[^"]*author=([^"&]*)/g)].map(([, name = ""]) => name);
}

const people = told([
  ["alice", 9, 1],
  ["project_3_bot", 8, 8],
  ["bob", 7, 5],
  ["chen", 6, 0],
]);
const view = { report: people, asked, isLong: false };

test("activityTables() keeps bots apart from people", async () => {
  expect(await rowsOf("People", { ...view, sort: null })).toEqual(["alice", "bob", "chen"]);
  expect(await rowsOf("Bots", { ...view, sort: null })).toEqual(["project_3_bot"]);
});

test("activityTables() sorts by the column that is asked for, and leaves an unknown one", async () => {
  expect(await rowsOf("People", { ...view, sort: "merged" })).toEqual(["bob", "alice", "chen"]);
  expect(await rowsOf("People", { ...view, sort: "time-to-merge" })).toEqual(["alice", "bob", "chen"]);
  expect(await rowsOf("People", { ...view, sort: "nonsense" })).toEqual(["alice", "bob", "chen"]);
  const page = String(await activityTables({ ...view, sort: "merged" }));
  expect(page).toContain('aria-sort="descending"');
});

test("activityTables() shows ten rows and leads to all of them, sorted alike", async () => {
  const many = told(Array.from({ length: 12 }, (_, n) => [`person-${n}`, 12 - n, n] as const));
  const cut = { report: many, asked, isLong: false, sort: "merged" };
  expect(await rowsOf("People", cut)).toHaveLength(10);
  const page = String(await activityTables(cut));
  expect(page).toMatch(/<a href="\/activity\?[^"]*&(?:amp;)?sort=merged&(?:amp;)?rows=all">All 12<\/a>/);
  expect(await rowsOf("People", { ...cut, isLong: true })).toHaveLength(12);
});
