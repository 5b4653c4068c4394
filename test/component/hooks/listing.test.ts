import { describe, expect, test } from "vitest";
import { Listing } from "../../../component/hooks/listing.ts";
import type { ProjectQuery } from "../../../component/gitlab/client.ts";
import type { Page, Project } from "../../../component/gitlab/types.ts";

function project(id: number, path = `acme/p${id}`): Project {
  return { id, path_with_namespace: path, topics: [] };
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
  return new Listing({
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

describe("Listing", () => {
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

  test("nor where GitLab does not count; then the place before each page is looked at", async () => {
    const list = fakeList([1, 2, 3, 4, 5, 6, 7], false);
    const listing = listingOf(list);
    await listing.next();
    list.ids.splice(0, 2);
    expect(await rest(listing)).toEqual([4, 5, 6, 7]);
  });

  test("repeat() finds what fell between two pages while another project made up for it", async () => {
    const list = fakeList([1, 2, 3, 4, 5, 6, 7]);
    const listing = listingOf(list);
    await listing.next();
    list.ids.splice(0, 1);
    list.ids.push(8);
    expect(await rest(listing)).toEqual([5, 6, 7, 8]);
    expect(listing.hasSeams).toBe(true);
    expect((await listing.repeat()).map((listed) => listed.project.id)).toEqual([4]);
    expect(await listing.repeat()).toEqual([]);
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
    const listing = new Listing({
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
