import { afterEach, describe, expect, test } from "vitest";
import { ACCESS } from "./model.ts";
import { apiOf, startBench } from "./harness.ts";
import type { Bench } from "./harness.ts";

let bench: Bench;
afterEach(() => bench.sim.close());

async function withMember(level: number, scopes = ["api"]): Promise<ReturnType<typeof apiOf>> {
  bench = await startBench();
  const { sim } = bench;
  const group = sim.seed.group("acme");
  sim.seed.project(group, "app");
  const user = sim.model.addUser({ username: "dev" });
  sim.model.addToken({ value: "glpat-dev", user, scopes });
  sim.model.setGroupRole(user, group, level);
  return apiOf(sim, "glpat-dev");
}

describe("authentication and roles", () => {
  test("no token: 401", async () => {
    await withMember(ACCESS.maintainer);
    const reply = await apiOf(bench.sim, null)("GET", "/projects/1/hooks");
    expect([reply.status, reply.body]).toEqual([401, { message: "401 Unauthorized" }]);
  });

  test("an unknown token: 401", async () => {
    await withMember(ACCESS.maintainer);
    expect((await apiOf(bench.sim, "glpat-nobody")("GET", "/projects/1/hooks")).status).toBe(401);
  });

  test("the job token reaches no hook: 401", async () => {
    await withMember(ACCESS.maintainer);
    const reply = await apiOf(bench.sim, null, { "JOB-TOKEN": "x" })("GET", "/projects/1/hooks");
    expect(reply.status).toBe(401);
  });

  test("an expired and a revoked token: 401 that says so", async () => {
    const api = await withMember(ACCESS.maintainer);
    const token = bench.sim.model.tokens.get("glpat-dev");
    if (!token) throw new TypeError("no token");
    token.expiresAt = bench.clock.now();
    const expired = await api("GET", "/projects/1/hooks");
    expect(expired.status).toBe(401);
    expect(expired.text).toContain("Token is expired");
    token.expiresAt = null;
    token.revoked = true;
    const revoked = await api("GET", "/projects/1/hooks");
    expect(revoked.status).toBe(401);
    expect(revoked.text).toContain("invalid_token");
  });

  test("a Developer: 403 for reading and writing", async () => {
    const api = await withMember(ACCESS.developer);
    expect((await api("GET", "/projects/1/hooks")).status).toBe(403);
    const post = await api("POST", "/projects/1/hooks", { url: "https://x.example" });
    expect([post.status, post.body]).toEqual([403, { message: "403 Forbidden" }]);
  });

  test("a Maintainer may; a bearer token is as good", async () => {
    await withMember(ACCESS.maintainer);
    const api = apiOf(bench.sim, null, { Authorization: "Bearer glpat-dev" });
    expect((await api("POST", "/projects/1/hooks", { url: "https://x.example" })).status).toBe(201);
  });

  test("scope read_api reads but does not write", async () => {
    const api = await withMember(ACCESS.maintainer, ["read_api"]);
    expect((await api("GET", "/projects/1/hooks")).status).toBe(200);
    const post = await api("POST", "/projects/1/hooks", { url: "https://x.example" });
    expect(post.status).toBe(403);
    expect(post.body).toMatchObject({ error: "insufficient_scope", scope: "api" });
  });

  test("a private project that one is no member of: 404; a public one: 403", async () => {
    await withMember(ACCESS.maintainer);
    const stranger = bench.sim.model.addUser({ username: "stranger" });
    bench.sim.model.addToken({ value: "glpat-stranger", user: stranger });
    const api = apiOf(bench.sim, "glpat-stranger");
    expect((await api("GET", "/projects/1/hooks")).body).toEqual({ message: "404 Project Not Found" });
    const project = bench.sim.model.project(1)?.project;
    if (project) bench.sim.model.updateProject(project, { visibility: "public" });
    expect((await api("GET", "/projects/1/hooks")).status).toBe(403);
  });

  test("a project set to refuse: 403 even for its owner", async () => {
    await withMember(ACCESS.maintainer);
    const project = bench.sim.model.project(1)?.project;
    if (project) bench.sim.model.updateProject(project, { forbidden: true });
    expect((await bench.api("GET", "/projects/1/hooks")).status).toBe(403);
  });

  test("{id} may be a number or the URL-encoded path", async () => {
    await withMember(ACCESS.maintainer);
    expect((await bench.api("GET", "/projects/acme%2Fapp/hooks")).status).toBe(200);
    expect((await bench.api("GET", "/groups/acme")).body).toMatchObject({ full_path: "acme" });
  });

  test("group hooks: owner and a licence; 403 without, 404 in the Community Edition", async () => {
    const api = await withMember(ACCESS.maintainer);
    expect((await api("GET", "/groups/acme/hooks")).status).toBe(403);
    expect((await bench.api("GET", "/groups/acme/hooks")).status).toBe(200);
    bench.sim.settings.tier = "free";
    expect((await bench.api("GET", "/groups/acme/hooks")).status).toBe(403);
    bench.sim.settings.tier = "ce";
    expect((await bench.api("GET", "/groups/acme/hooks")).status).toBe(404);
  });

  test("an administrator may do everything and is a member of nothing: lists by role are empty", async () => {
    await withMember(ACCESS.maintainer);
    const admin = bench.sim.model.addUser({ username: "root", admin: true });
    bench.sim.model.addToken({ value: "glpat-root", user: admin });
    const api = apiOf(bench.sim, "glpat-root");
    const list = "/groups/acme/projects?with_shared=false";
    expect((await api("GET", list)).body).toHaveLength(1);
    expect((await api("GET", `${list}&min_access_level=40`)).body).toEqual([]);
    expect((await api("GET", `${list}&owned=true`)).body).toEqual([]);
    expect((await api("GET", "/projects?membership=true")).body).toEqual([]);
    expect((await api("POST", "/projects/1/hooks", { url: "https://x.example" })).status).toBe(201);
    expect((await api("GET", "/groups/acme/hooks")).status).toBe(200);
    expect((await api("GET", `/groups/acme/members/all/${admin.id}`)).status).toBe(404);
  });

  test("a custom role with admin_web_hook: all hooks, an empty list by role, and nothing without Ultimate", async () => {
    const api = await withMember(ACCESS.none);
    const dev = bench.sim.model.userByName("dev");
    const group = bench.sim.model.group("acme");
    if (!dev || !group) throw new TypeError("no user or group");
    bench.sim.model.setGroupRole(dev, group, ACCESS.developer, ["admin_web_hook"]);
    bench.sim.settings.tier = "ultimate";
    expect((await api("POST", "/projects/1/hooks", { url: "https://x.example" })).status).toBe(201);
    expect((await api("GET", "/groups/acme/hooks")).status).toBe(200);
    expect((await api("GET", "/groups/acme/projects?min_access_level=40")).body).toEqual([]);
    expect((await api("GET", `/groups/acme/members/all/${dev.id}`)).body).toMatchObject({ access_level: 30 });
    bench.sim.settings.tier = "premium";
    expect((await api("GET", "/projects/1/hooks")).status).toBe(403);
    expect((await api("GET", "/groups/acme/hooks")).status).toBe(403);
  });

  test("a licence that lapses closes the group's hooks and keeps them; back again, they are there", async () => {
    await withMember(ACCESS.maintainer);
    await bench.api("POST", "/groups/acme/hooks", { url: "https://x.example" });
    bench.sim.settings.tier = "free";
    expect((await bench.api("GET", "/groups/acme/hooks")).status).toBe(403);
    bench.sim.settings.unlicensedStatus = 404;
    expect((await bench.api("GET", "/groups/acme/hooks")).status).toBe(404);
    bench.sim.settings.tier = "premium";
    expect((await bench.api("GET", "/groups/acme/hooks")).body).toHaveLength(1);
  });

  test("GET /license: for administrators of the Enterprise Edition", async () => {
    await withMember(ACCESS.maintainer);
    const admin = bench.sim.model.addUser({ username: "root", admin: true });
    bench.sim.model.addToken({ value: "glpat-root", user: admin });
    const api = apiOf(bench.sim, "glpat-root");
    expect((await bench.api("GET", "/license")).status).toBe(403);
    expect((await api("GET", "/license")).body).toMatchObject({ plan: "premium", expired: false });
    bench.sim.settings.tier = "free";
    expect((await api("GET", "/license")).body).toBeNull();
    bench.sim.settings.tier = "ce";
    expect((await api("GET", "/license")).status).toBe(404);
  });

  test("GET /user, /version, /metadata and /personal_access_tokens/self say who and what", async () => {
    await withMember(ACCESS.maintainer);
    expect((await bench.api("GET", "/user")).body).toMatchObject({ username: "owner" });
    expect((await bench.api("GET", "/version")).body).toMatchObject({ version: "19.0.0-ee" });
    expect((await bench.api("GET", "/metadata")).body).toMatchObject({ enterprise: true });
    expect((await bench.api("GET", "/personal_access_tokens/self")).body).toMatchObject({
      scopes: ["api"],
      active: true,
    });
    expect((await apiOf(bench.sim, null)("GET", "/version")).status).toBe(401);
  });
});
