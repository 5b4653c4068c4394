import { describe, expect, test } from "vitest";
import { findLeftOut, lookAtEverything, type LeftOut } from "../../../component/hooks/left-out.ts";
import type { ProjectQuery } from "../../../component/gitlab/client.ts";
import type { Page, ProjectDetails } from "../../../component/gitlab/types.ts";

describe("findLeftOut()", () => {
  function details(id: number, change: Partial<ProjectDetails> = {}): ProjectDetails {
    const project = { id, path_with_namespace: `acme/p${id}`, topics: [] };
    return { ...project, archived: false, deletionScheduled: false, changedAt: null, ...change };
  }
  function fakeDetails(answer: (query: ProjectQuery) => Page<ProjectDetails>) {
    let requests = 0;
    const projectDetails = (_group: string, query: ProjectQuery): Promise<Page<ProjectDetails>> => {
      requests++;
      return Promise.resolve(answer(query));
    };
    return { gitlab: { projectDetails }, requests: () => requests };
  }

  async function found(fake: ReturnType<typeof fakeDetails>, eligible: number): Promise<LeftOut> {
    const asked = { group: "acme", visibility: "all" };
    const { page } = await lookAtEverything(fake.gitlab, asked);
    return findLeftOut(fake.gitlab, { ...asked, everything: page, eligible });
  }

  test("is one request where nothing was left out, however many projects there are", async () => {
    const fake = fakeDetails(() => ({ items: [details(1)], next: 2, total: 1234 }));
    expect(await found(fake, 1234)).toEqual({ named: [], counted: 0 });
    expect(fake.requests()).toBe(1);
  });

  test("names what it can of a large group in three requests, and counts the rest", async () => {
    const fake = fakeDetails((query) => {
      if (query["archived"] === true)
        return { items: [details(5, { archived: true })], next: null, total: 1 };
      if (query["active"] === false)
        return { items: [details(6, { deletionScheduled: true }), details(7)], next: null, total: 2 };
      return { items: [], next: 2, total: 510 };
    });
    const { named, counted } = await found(fake, 500);
    expect(named.map((n) => [n.id, n.reason])).toEqual([
      [5, "archived"],
      [6, "scheduled for deletion"],
    ]);
    expect(counted).toBe(8);
    expect(fake.requests()).toBe(3);
  });
});

test("lookAtEverything() tells when a project changed last, whatever the order", async () => {
  const items = [3, 9, 5].map((changedAt) => ({
    id: changedAt,
    path_with_namespace: `acme/p${changedAt}`,
    topics: [],
    archived: false,
    deletionScheduled: false,
    changedAt,
  }));
  const gitlab = { projectDetails: () => Promise.resolve({ items, next: null, total: 3 }) };
  const asked = { group: "acme", visibility: "all" };
  expect((await lookAtEverything(gitlab, asked)).changedAt).toBe(9);
});
