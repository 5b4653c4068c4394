import { describe, expect, test } from "vitest";
import { collect, createRest, instanceUrl, type Rest } from "../../../lib/gitlab/rest.ts";
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
