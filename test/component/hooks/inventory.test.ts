import { describe, expect, test } from "vitest";
import {
  createListing,
  findLeftOut,
  ProjectFilter,
  type Listing,
} from "../../../component/hooks/inventory.ts";
import type { ProjectQuery } from "../../../component/gitlab/client.ts";
import type { Page, Project, ProjectDetails } from "../../../component/gitlab/types.ts";

function project(id: number, path = `acme/p${id}`, topics: readonly string[] = []): Project {
  return { id, path_with_namespace: path, topics };
}

/** A group's list of projects that a test may change between two pages. */
function fakeList(ids: number[], counted = true) {
  const asked: number[] = [];
  const gitlab = {
    projects(_group: string, _query: ProjectQuery, page: number, perPage: number): Promise<Page<Project>> {
      asked.push(page);
      const items = ids.slice((page - 1) * perPage, page * perPage).map((id) => project(id));
      const next = page * perPage < ids.length ? page + 1 : null;
      return Promise.resolve({ items, next, total: counted ? ids.length : null });
    },
  };
  return { ids, asked, gitlab };
}

function listingOf(list: ReturnType<typeof fakeList>, from = { offset: 0, afterId: 0 }): Listing {
  return createListing({
    gitlab: list.gitlab,
    group: "acme",
    chunkSize: 3,
    visibility: "all",
    filter: () => null,
    from,
  });
}

async function idsOf(listing: Listing): Promise<number[] | null> {
  return (await listing.next())?.map((l) => l.project.id) ?? null;
}

async function rest(listing: Listing): Promise<number[]> {
  const all: number[] = [];
  for (;;) {
    const ids = await idsOf(listing);
    if (ids === null) return all;
    all.push(...ids);
  }
}

describe("createListing()", () => {
  test("asks one page at a time until there is no next", async () => {
    const list = fakeList([1, 2, 3, 4, 5, 6, 7]);
    const listing = listingOf(list);
    expect(await idsOf(listing)).toEqual([1, 2, 3]);
    expect(list.asked).toEqual([1]);
    expect(listing.exhausted).toBe(false);
    expect(await rest(listing)).toEqual([4, 5, 6, 7]);
    expect(list.asked).toEqual([1, 2, 3]);
    expect([listing.exhausted, listing.total]).toEqual([true, 7]);
  });

  test("a project deleted meanwhile moves none past the walk", async () => {
    const list = fakeList([1, 2, 3, 4, 5, 6, 7]);
    const listing = listingOf(list);
    await listing.next();
    list.ids.splice(0, 2);
    expect(await rest(listing)).toEqual([4, 5, 6, 7]);
  });

  test("a project with a lower id that comes in meanwhile repeats none", async () => {
    const list = fakeList([1, 2, 4, 5, 6]);
    const listing = listingOf(list);
    await listing.next();
    list.ids.splice(2, 0, 3);
    expect(await rest(listing)).toEqual([5, 6]);
  });

  test("resumes behind the last finished project", async () => {
    const list = fakeList([1, 2, 3, 4, 5, 6, 7]);
    expect(await rest(listingOf(list, { offset: 4, afterId: 4 }))).toEqual([5, 6, 7]);
    expect(list.asked).toEqual([2, 3]);
  });

  test.each([
    [[5, 6, 7, 8, 9], { offset: 6, afterId: 6 }, [7, 8, 9]],
    [[9, 10], { offset: 6, afterId: 6 }, [9, 10]],
    [[1, 2], { offset: 6, afterId: 6 }, []],
    [[], { offset: 6, afterId: 6 }, []],
  ])("finds its place in a list %j that has become shorter than %j", async (ids, from, expected) => {
    expect(await rest(listingOf(fakeList(ids), from))).toEqual(expected);
  });

  test("above 10,000 projects GitLab does not count, and the walk goes on all the same", async () => {
    const listing = listingOf(fakeList([1, 2, 3, 4, 5], false));
    expect(await rest(listing)).toEqual([1, 2, 3, 4, 5]);
    expect(listing.total).toBeNull();
  });

  test("projects about to be deleted are known by their path where the filter is ignored", async () => {
    const gitlab = {
      projects: () =>
        Promise.resolve({
          items: [
            project(7, "acme/x-deleted-7"),
            project(8, "acme/x-deleted-7"),
            project(9, "acme/y-deletion_scheduled-9"),
          ],
          next: null,
          total: 3,
        }),
    };
    const from = { offset: 0, afterId: 0 };
    const listing = createListing({
      gitlab,
      group: "acme",
      chunkSize: 3,
      visibility: "all",
      filter: () => null,
      from,
    });
    const listed = await listing.next();
    expect(listed?.map((l) => l.leftOut)).toEqual(["scheduled for deletion", null, "scheduled for deletion"]);
  });
});

describe("ProjectFilter", () => {
  const none = { group: "acme", include: [], exclude: [], topics: [] };
  test.each([
    [{}, "acme/x", null],
    [{ include: ["acme/team/**"] }, "acme/team/a/b", null],
    [{ include: ["acme/team/**"] }, "acme/other/a", "not among --include"],
    [{ include: ["team/*"] }, "acme/team/a", null],
    [{ include: ["team/*"] }, "acme/team/a/b", "not among --include"],
    [{ include: ["ACME/Team/*"] }, "acme/team/a", null],
    [{ include: ["**/.config"] }, "acme/x/.config", null],
    [{ exclude: ["sandbox/**"] }, "acme/sandbox/a", "matches --exclude"],
    [{ include: ["**"], exclude: ["**/a"] }, "acme/team/a", "matches --exclude"],
    [{ include: ["*.acme"] }, "beta/x", "not among --include"],
  ])("%j: %s is %j", (filters, path, expected) => {
    expect(new ProjectFilter({ ...none, ...filters }).leftOut(project(1, path))).toBe(expected);
  });

  test("one of the topics is enough", () => {
    const filter = new ProjectFilter({ ...none, topics: ["Service", "batch"] });
    expect(filter.leftOut(project(1, "acme/x", ["other", "service"]))).toBeNull();
    expect(filter.leftOut(project(1, "acme/x", ["other"]))).toBe("has none of --topics");
  });
});

describe("findLeftOut()", () => {
  function details(id: number, change: Partial<ProjectDetails> = {}): ProjectDetails {
    return { ...project(id), archived: false, deletionScheduled: false, ...change };
  }
  function fakeDetails(answer: (query: ProjectQuery) => Page<ProjectDetails>) {
    let requests = 0;
    const projectDetails = (_group: string, query: ProjectQuery): Promise<Page<ProjectDetails>> => {
      requests++;
      return Promise.resolve(answer(query));
    };
    return { gitlab: { projectDetails }, requests: () => requests };
  }

  test("is one request where nothing was left out, however many projects there are", async () => {
    const fake = fakeDetails(() => ({ items: [details(1)], next: 2, total: 1234 }));
    const found = await findLeftOut(fake.gitlab, { group: "acme", visibility: "all", eligible: 1234 });
    expect(found).toEqual({ named: [], counted: 0 });
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
    const found = await findLeftOut(fake.gitlab, { group: "acme", visibility: "all", eligible: 500 });
    expect(found.named.map((n) => [n.id, n.reason])).toEqual([
      [5, "archived"],
      [6, "scheduled for deletion"],
    ]);
    expect(found.counted).toBe(8);
    expect(fake.requests()).toBe(3);
  });
});
