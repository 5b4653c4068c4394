import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ACCESS } from "./model.ts";
import { apiOf, startBench } from "./harness.ts";
import type { Bench, Reply } from "./harness.ts";

let bench: Bench;
beforeEach(async () => {
  bench = await startBench();
});
afterEach(() => bench.sim.close());

const ALL = "/groups/acme/projects?include_subgroups=true&with_shared=false&order_by=id&sort=asc&simple=true";

function ids(reply: Reply): number[] {
  return (reply.body as { id: number }[]).map((item) => item.id);
}

describe("paging", () => {
  test("20 a page by default, at most 100, with the headers of GitLab", async () => {
    bench.sim.seed.tree({ projects: 250 });
    const usual = await bench.api("GET", ALL);
    expect(ids(usual)).toHaveLength(20);
    const many = await bench.api("GET", `${ALL}&per_page=500&page=2`);
    expect(ids(many)[0]).toBe(101);
    expect(ids(many)).toHaveLength(100);
    expect(Object.fromEntries(many.headers)).toMatchObject({
      "x-page": "2",
      "x-per-page": "100",
      "x-next-page": "3",
      "x-prev-page": "1",
      "x-total": "250",
      "x-total-pages": "3",
    });
    const link = many.headers.get("link") ?? "";
    for (const rel of ["prev", "next", "first", "last"]) expect(link).toContain(`rel="${rel}"`);
    const next = /<([^>]+)>; rel="next"/.exec(link)?.[1] ?? "";
    const last = await bench.api("GET", next.replace(`${bench.sim.url}/api/v4`, ""));
    expect(ids(last)).toHaveLength(50);
    expect(last.headers.get("x-next-page")).toBe("");
    expect(last.headers.get("link")).not.toContain('rel="next"');
  });

  test("a proxy takes headers out of every answer: `x-*` leaves the Link alone", async () => {
    bench.sim.seed.tree({ projects: 120 });
    bench.sim.settings.droppedHeaders = ["x-*"];
    const reply = await bench.api("GET", `${ALL}&per_page=100`);
    expect([...reply.headers.keys()].filter((name) => name.startsWith("x-"))).toEqual([]);
    expect(reply.headers.get("link")).toContain('rel="next"');
    bench.sim.settings.droppedHeaders = ["x-*", "link"];
    expect((await bench.api("GET", `${ALL}&per_page=100`)).headers.get("link")).toBeNull();
  });

  test("above 10,000 records the totals and the last page are left out", async () => {
    bench.sim.seed.tree({ projects: 10_001 });
    const reply = await bench.api("GET", `${ALL}&per_page=100`);
    expect(reply.headers.get("x-total")).toBeNull();
    expect(reply.headers.get("x-total-pages")).toBeNull();
    expect(reply.headers.get("x-next-page")).toBe("2");
    expect(reply.headers.get("link")).not.toContain('rel="last"');
  });

  test("a page that is no positive number: 400", async () => {
    bench.sim.seed.tree({ projects: 1 });
    expect((await bench.api("GET", `${ALL}&page=0`)).body).toEqual({
      error: "page does not have a valid value",
    });
    expect((await bench.api("GET", `${ALL}&page=x`)).status).toBe(400);
  });

  test("10,000 projects with 25 hooks each: a page in a few milliseconds, in modest memory", async () => {
    bench.sim.seed.tree({ projects: 10_000, subgroups: 30, foreignHooks: 25 });
    await bench.api("GET", `${ALL}&per_page=100`);
    const started = performance.now();
    for (let page = 2; page <= 21; page++) {
      expect(ids(await bench.api("GET", `${ALL}&per_page=100&page=${page}`))).toHaveLength(100);
    }
    expect((performance.now() - started) / 20).toBeLessThan(50);
    expect(process.memoryUsage().heapUsed).toBeLessThan(400e6);
  });
});

describe("GET /groups/:id/projects", () => {
  test("subgroups only on request; newest first by default", async () => {
    bench.sim.seed.tree({ projects: 8, subgroups: 3 });
    expect(ids(await bench.api("GET", "/groups/acme/projects"))).toEqual([5, 1]);
    expect(ids(await bench.api("GET", ALL))).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  test("projects shared with the group are listed unless with_shared=false", async () => {
    const acme = bench.sim.seed.group("acme");
    const other = bench.sim.seed.group("other");
    bench.sim.seed.project(acme, "own");
    const guest = bench.sim.seed.project(other, "guest");
    bench.sim.model.shareProject(guest, acme, ACCESS.maintainer);
    expect(ids(await bench.api("GET", "/groups/acme/projects?order_by=id&sort=asc"))).toEqual([1, 2]);
    expect(ids(await bench.api("GET", "/groups/acme/projects?with_shared=false"))).toEqual([1]);
  });

  test("filters: archived, active (before 18.9 ignored in silence), visibility, topic, search", async () => {
    const acme = bench.sim.seed.group("acme");
    bench.sim.seed.project(acme, "plain");
    bench.sim.seed.project(acme, "old", { archived: true });
    bench.sim.seed.project(acme, "doomed", { markedForDeletionOn: "2026-02-01" });
    bench.sim.seed.project(acme, "open", { visibility: "public", topics: ["go", "api"] });
    const list = async (query: string): Promise<number[]> =>
      ids(await bench.api("GET", `/groups/acme/projects?order_by=id&sort=asc&${query}`));
    expect(await list("archived=true")).toEqual([2]);
    expect(await list("archived=false")).toEqual([1, 3, 4]);
    expect(await list("active=true")).toEqual([1, 4]);
    expect(await list("active=false")).toEqual([2, 3]);
    expect(await list("visibility=public")).toEqual([4]);
    expect(await list("topic=api,go")).toEqual([4]);
    expect(await list("topic=api,rust")).toEqual([]);
    expect(await list("search=doom")).toEqual([3]);
    expect((await bench.api("GET", "/groups/acme/projects?visibility=secret")).status).toBe(400);
    bench.sim.settings.version = [18, 8];
    expect(await list("active=true")).toEqual([1, 2, 3, 4]);
  });

  test("min_access_level leaves out where the user's role is lower", async () => {
    const { projects, group } = bench.sim.seed.tree({ projects: 3 });
    const user = bench.sim.model.addUser({ username: "dev" });
    bench.sim.model.addToken({ value: "glpat-dev", user });
    bench.sim.model.setGroupRole(user, group, ACCESS.developer);
    const second = projects[1];
    if (second) bench.sim.model.setProjectRole(user, second, ACCESS.maintainer);
    const api = apiOf(bench.sim, "glpat-dev");
    expect(ids(await api("GET", `${ALL}&min_access_level=40`))).toEqual([2]);
    expect(ids(await api("GET", `${ALL}&min_access_level=30`))).toEqual([1, 2, 3]);
    expect((await api("GET", `${ALL}&min_access_level=7`)).status).toBe(400);
  });

  test("simple=true tells neither visibility nor archiving; the full form does", async () => {
    bench.sim.seed.project(bench.sim.seed.group("acme"), "a", { markedForDeletionOn: "2026-02-01" });
    const [simple] = (await bench.api("GET", ALL)).body as Record<string, unknown>[];
    expect(simple).toMatchObject({ id: 1, path_with_namespace: "acme/a", topics: [] });
    for (const key of ["visibility", "archived", "marked_for_deletion_on"])
      expect(simple).not.toHaveProperty(key);
    const [full] = (await bench.api("GET", "/groups/acme/projects")).body as Record<string, unknown>[];
    expect(full).toMatchObject({
      visibility: "private",
      archived: false,
      marked_for_deletion_on: "2026-02-01",
    });
  });

  test("a listing follows what happens in between", async () => {
    const { projects } = bench.sim.seed.tree({ projects: 3 });
    expect(ids(await bench.api("GET", ALL))).toEqual([1, 2, 3]);
    const [first] = projects;
    if (first) bench.sim.model.deleteProject(first);
    expect(ids(await bench.api("GET", ALL))).toEqual([2, 3]);
  });

  test("orders by name, path and activity, both ways", async () => {
    const acme = bench.sim.seed.group("acme");
    bench.sim.seed.project(acme, "b", { name: "X" });
    const late = bench.sim.seed.project(acme, "a", { name: "Y" });
    bench.sim.model.updateProject(late, { lastActivityAt: bench.clock.now() + 5 });
    const at = async (query: string): Promise<number[]> =>
      ids(await bench.api("GET", `/groups/${acme.id}/projects?${query}`));
    expect(await at("order_by=name&sort=asc")).toEqual([1, 2]);
    expect(await at("order_by=path&sort=asc")).toEqual([2, 1]);
    expect(await at("order_by=last_activity_at")).toEqual([2, 1]);
  });
});

describe("groups and projects", () => {
  test("nested groups are found below their parent, and by path", async () => {
    bench.sim.seed.tree({ projects: 0, subgroups: 4 });
    const direct = (await bench.api("GET", "/groups/acme/subgroups")).body as { full_path: string }[];
    expect(direct.map((g) => g.full_path)).toEqual(["acme/team-1", "acme/team-4"]);
    const all = (await bench.api("GET", "/groups/acme/descendant_groups")).body as unknown[];
    expect(all).toHaveLength(4);
    expect((await bench.api("GET", "/groups")).body).toHaveLength(5);
    expect((await bench.api("GET", "/groups/acme%2Fteam-1%2Fteam-2")).status).toBe(200);
    expect((await bench.api("GET", "/groups/nope")).body).toEqual({ message: "404 Group Not Found" });
  });

  test("GET /projects pages by key where it is ordered by id, and refuses other orders with 405", async () => {
    bench.sim.seed.tree({ projects: 5 });
    const first = await bench.api("GET", "/projects?pagination=keyset&order_by=id&sort=asc&per_page=2");
    expect(ids(first)).toEqual([1, 2]);
    const next = /<([^>]+)>; rel="next"/.exec(first.headers.get("link") ?? "")?.[1] ?? "";
    expect(ids(await bench.api("GET", next.replace(`${bench.sim.url}/api/v4`, "")))).toEqual([3, 4]);
    expect((await bench.api("GET", "/projects?pagination=keyset")).status).toBe(405);
  });

  test("a moved project: GET by the old path is sent on with 301, anything else refused with 405", async () => {
    const { projects } = bench.sim.seed.tree({ projects: 1 });
    const [project] = projects;
    const other = bench.sim.seed.group("other");
    if (project) bench.sim.model.moveProject(project, { group: other, path: "new" });
    expect((await bench.api("GET", "/projects/1")).body).toMatchObject({ path_with_namespace: "other/new" });
    const get = await bench.api("GET", "/projects/acme%2Fproject-1/hooks?per_page=5");
    expect(get.status).toBe(301);
    expect(get.headers.get("location")).toBe(`${bench.sim.url}/api/v4/projects/1/hooks?per_page=5`);
    const post = await bench.api("POST", "/projects/acme%2Fproject-1/hooks", { url: "https://x.example" });
    expect([post.status, post.body]).toEqual([
      405,
      { message: "Non GET methods are not allowed for moved projects" },
    ]);
  });

  test("groups and projects are found in any letter case", async () => {
    bench.sim.seed.tree({ projects: 2, subgroups: 1 });
    expect((await bench.api("GET", "/groups/ACME%2FTeam-1")).body).toMatchObject({
      full_path: "acme/team-1",
    });
    expect((await bench.api("GET", "/projects/Acme%2FPROJECT-1")).body).toMatchObject({
      path_with_namespace: "acme/project-1",
    });
    expect((await bench.api("GET", "/groups/acme%2F")).status).toBe(404);
  });

  test("a transferred group takes its projects along and leaves its members above behind", async () => {
    const { group } = bench.sim.seed.tree({ projects: 2, subgroups: 1 });
    const team = bench.sim.model.group("acme/team-1");
    const other = bench.sim.model.addGroup({ path: "other" });
    if (!team) throw new TypeError("no group");
    bench.sim.model.transferGroup(team, other);
    expect((await bench.api("GET", "/projects/2")).status).toBe(404);
    expect(ids(await bench.api("GET", ALL))).toEqual([1]);
    bench.sim.model.setGroupRole(bench.sim.owner, other, ACCESS.owner);
    expect((await bench.api("GET", "/projects/2")).body).toMatchObject({
      path_with_namespace: "other/team-1/project-2",
    });
    expect(group.subgroups).toEqual([]);
  });

  test("a renamed group takes its projects along; a deleted project is 404", async () => {
    const { group, projects } = bench.sim.seed.tree({ projects: 2, subgroups: 1 });
    bench.sim.model.renameGroup(group, "acme2");
    expect((await bench.api("GET", "/projects/acme2%2Fteam-1%2Fproject-2")).status).toBe(200);
    expect((await bench.api("GET", "/groups/acme2%2Fteam-1")).status).toBe(200);
    const [first] = projects;
    if (first) bench.sim.model.deleteProject(first);
    expect((await bench.api("GET", "/projects/1")).body).toEqual({ message: "404 Project Not Found" });
  });
});
