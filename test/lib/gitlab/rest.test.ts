import { describe, expect, test } from "vitest";
import { collect, createRest, instanceUrl, nextPage, Pages, type Rest } from "../../../lib/gitlab/rest.ts";
import type { Incoming, Outgoing } from "../../../lib/gitlab/sender.ts";

const GITLAB = "https://gitlab.example.com/root";

/** A list of `size` numbers that announces its pages in the ways that are named. */
function listOf(size: number, ways: readonly ("x-next-page" | "link")[]): { rest: Rest; asked: string[] } {
  const asked: string[] = [];
  const send = (request: Outgoing): Promise<Incoming> => {
    asked.push(request.url.search);
    const page = Number(request.url.searchParams.get("page"));
    const perPage = Number(request.url.searchParams.get("per_page"));
    const body = Array.from({ length: size }, (_, index) => index).slice(
      (page - 1) * perPage,
      page * perPage,
    );
    const isLast = page * perPage >= size;
    const first = `<${GITLAB}/api/v4/things?page=1&per_page=${perPage}>; rel="first"`;
    const next = `<${GITLAB}/api/v4/things?a=b,c&page=${page + 1}&per_page=${perPage}>; rel="next", `;
    const headers: Record<string, string> = {
      ...(ways.includes("x-next-page") ? { "x-next-page": isLast ? "" : String(page + 1) } : {}),
      ...(ways.includes("link") ? { link: `${isLast ? "" : next}${first}` } : {}),
    };
    return Promise.resolve({ status: 200, headers, body });
  };
  return { rest: createRest({ url: GITLAB, send }), asked };
}

describe("list() reads to the end, however the pages are announced", () => {
  test.each([
    ["X-Next-Page and Link", ["x-next-page", "link"], 3],
    ["X-Next-Page", ["x-next-page"], 3],
    ["Link", ["link"], 3],
    ["a full page", [], 3],
  ] as const)("by %s", async (_, ways, pages) => {
    const { rest, asked } = listOf(250, ways);
    expect(await collect(rest.list("/things"), Number)).toHaveLength(250);
    expect(asked).toHaveLength(pages);
  });

  test("if only full pages tell, a list that fills its last page costs one request more", async () => {
    const { rest, asked } = listOf(200, []);
    expect(await collect(rest.list("/things"), Number)).toHaveLength(200);
    expect(asked).toHaveLength(3);
  });

  test("a shorter page of one's own counts as full, too", async () => {
    const { rest } = listOf(45, []);
    expect(await collect(rest.list("/things", { per_page: 20 }), Number)).toHaveLength(45);
  });

  test.each([
    ["X-Total-Pages", { "x-total-pages": "3" }, 2, 3],
    ["X-Total-Pages of the last page", { "x-total-pages": "3" }, 3, null],
    ["X-Total", { "x-total": "130" }, 2, 3],
    ["X-Total of the last page", { "x-total": "90" }, 3, null],
    ["X-Per-Page that is lower than what was asked for", { "x-per-page": "50" }, 1, 2],
    ["an empty Link, although the page is full", { link: "" }, 1, null],
    ["a Link without a number", { link: '<https://x/things?cursor=abc>; rel="next"' }, 1, 2],
    [
      "a Link among others, unquoted",
      { link: "<https://x/?page=1>; rel=first,<https://x/?page=2>; rel=next" },
      1,
      2,
    ],
  ] as const)("nextPage() reads %s", (_, headers, page, next) => {
    const body = Array.from({ length: page === 3 ? 30 : 50 }, (_one, index) => index);
    expect(nextPage({ status: 200, headers, body }, { page, perPage: 100 })).toBe(next);
  });

  test("a full page that calls itself the last is followed as far as the count goes", () => {
    const headers = { "x-next-page": "", "x-total": "101" };
    const body = Array.from({ length: 100 }, () => ({}));
    expect(nextPage({ status: 200, headers, body }, { page: 1, perPage: 100 })).toBe(2);
    expect(nextPage({ status: 200, headers, body: [{}] }, { page: 2, perPage: 100 })).toBeNull();
    const exact = { ...headers, "x-total": "100" };
    expect(nextPage({ status: 200, headers: exact, body }, { page: 1, perPage: 100 })).toBeNull();
  });

  test("a page that is read again is no list without an end", () => {
    const pages = new Pages();
    pages.read(2, [{ id: 5 }]);
    pages.read(2, [{ id: 5 }]);
    expect(() => pages.read(3, [{ id: 5 }])).toThrow("does not end");
  });

  test("a server that names the same page for ever is not followed", async () => {
    const send = (): Promise<Incoming> =>
      Promise.resolve({ status: 200, headers: { "x-next-page": "1", link: "" }, body: [1] });
    expect(await collect(createRest({ url: GITLAB, send }).list("/things"), Number)).toEqual([1]);
  });

  test("what is no list is a bad answer", async () => {
    const send = (): Promise<Incoming> => Promise.resolve({ status: 200, headers: {}, body: {} });
    await expect(collect(createRest({ url: GITLAB, send }).list("/things"), Number)).rejects.toMatchObject({
      code: "bad-answer",
    });
  });
});

test("requests go below /api/v4 of the instance, named without it", async () => {
  const seen: Outgoing[] = [];
  const send = (request: Outgoing): Promise<Incoming> => {
    seen.push(request);
    return Promise.resolve({ status: 201, headers: {}, body: {} });
  };
  const rest = createRest({ url: `${GITLAB}/api/v4/`, send, headers: { "x-own": "1" } });
  await rest.post("/projects/acme%2Fapp/hooks/7/test/push_events");
  expect(seen).toMatchObject([
    {
      method: "POST",
      path: "/projects/acme%2Fapp/hooks/7/test/push_events",
      ownLimit: true,
      headers: { "x-own": "1" },
    },
  ]);
  expect(seen[0]?.url.href).toBe(`${GITLAB}/api/v4/projects/acme%2Fapp/hooks/7/test/push_events`);
});

test.each(["https://a.test", "https://a.test/", "https://a.test/api/v4", "https://a.test/API/v4//"])(
  "instanceUrl(%j)",
  (url) => {
    expect(instanceUrl(url)).toBe("https://a.test");
  },
);
