import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { apiOf, startBench, startReceiver } from "./harness.ts";
import type { Bench } from "./harness.ts";
import { createSimulator } from "./simulator.ts";

let bench: Bench;
beforeEach(async () => {
  bench = await startBench();
});
afterEach(() => bench.sim.close());

async function control(method: string, path: string, body?: unknown): Promise<Record<string, unknown>> {
  const init = body === undefined ? { method } : { method, body: JSON.stringify(body) };
  const response = await fetch(`${bench.sim.url}/__sim${path}`, init);
  return (await response.json()) as Record<string, unknown>;
}

describe("/__sim", () => {
  test("makes groups, projects and users, and tells what there is", async () => {
    expect(await control("POST", "/tree", { projects: 3, subgroups: 1 })).toMatchObject({
      projectIds: [1, 2, 3],
    });
    expect(await control("POST", "/groups", { path: "sub", parent: "acme" })).toMatchObject({
      fullPath: "acme/sub",
    });
    const project = await control("POST", "/projects", { group: "acme/sub", path: "x", topics: ["go"] });
    expect(project).toEqual({ id: 4, fullPath: "acme/sub/x" });
    await control("POST", "/users", {
      username: "dev",
      token: "glpat-dev",
      groups: { acme: 40 },
      projects: { "1": 50 },
    });
    expect((await apiOf(bench.sim, "glpat-dev")("GET", "/projects/4/hooks")).status).toBe(200);
    await control("PATCH", "/tokens/glpat-dev", { revoked: true });
    expect((await apiOf(bench.sim, "glpat-dev")("GET", "/projects/4/hooks")).status).toBe(401);
    expect(await control("GET", "/")).toMatchObject({ projects: 4, groups: 3, version: "19.0.0" });
  });

  test("changes projects: archive, forbid, move, delete", async () => {
    await control("POST", "/tree", { projects: 2, subgroups: 1 });
    await control("PATCH", "/projects/1", { archived: true, content: [] });
    expect((await bench.api("GET", "/projects/1")).body).toMatchObject({ archived: true, empty_repo: true });
    expect(await control("PATCH", "/projects/1", { moveTo: "acme/team-1", path: "y" })).toEqual({
      id: 1,
      fullPath: "acme/team-1/y",
    });
    await control("PATCH", "/projects/1", { forbidden: true });
    expect((await bench.api("GET", "/projects/1")).status).toBe(403);
    await control("PATCH", "/projects/1", { deleted: true });
    expect((await bench.api("GET", "/projects/1")).status).toBe(404);
  });

  test("renames and transfers groups; a user may have a custom role", async () => {
    await control("POST", "/tree", { projects: 2, subgroups: 1 });
    await control("POST", "/groups", { path: "other" });
    expect(await control("PATCH", "/groups/acme%2Fteam-1", { path: "squad", moveTo: "other" })).toMatchObject(
      {
        fullPath: "other/squad",
      },
    );
    expect(await control("PATCH", "/groups/other%2Fsquad", { moveTo: null })).toMatchObject({
      fullPath: "squad",
    });
    const role = { username: "dev", token: "glpat-dev", groups: { acme: 30 }, abilities: ["admin_web_hook"] };
    await control("POST", "/users", role);
    await control("PATCH", "/settings", { tier: "ultimate" });
    expect((await apiOf(bench.sim, "glpat-dev")("GET", "/groups/acme/hooks")).status).toBe(200);
  });

  test.each([
    ["rack-attack", 403, "text/plain", "Forbidden\n"],
    ["waf", 403, "text/html", "Request Rejected"],
    ["cloudflare", 403, "text/html", "Cloudflare"],
    ["sign-in", 200, "text/html", "Sign in"],
  ])("%s answers in GitLab's place: %i, %s", async (blockedBy, status, type, text) => {
    await control("POST", "/tree", { projects: 1 });
    await control("PATCH", "/settings", { blockedBy });
    const reply = await bench.api("GET", "/projects/1/hooks");
    expect(reply.status).toBe(status);
    expect(reply.headers.get("content-type")).toContain(type);
    expect(reply.text).toContain(text);
    await control("PATCH", "/settings", { blockedBy: null });
    expect((await bench.api("GET", "/projects/1/hooks")).status).toBe(200);
  });

  test("a fault may begin in the middle and last until it is cleared", async () => {
    await control("POST", "/tree", { projects: 1 });
    await control("POST", "/faults", { skip: 1, times: "always", action: { kind: "blocked", by: "waf" } });
    const statuses = [];
    for (let n = 0; n < 4; n++) statuses.push((await bench.api("GET", "/projects/1")).status);
    expect(statuses).toEqual([200, 403, 403, 403]);
    await control("DELETE", "/faults");
    expect((await bench.api("GET", "/projects/1")).status).toBe(200);
  });

  test("reads and resets the counters, starts the next minute, sets faults", async () => {
    await control("POST", "/tree", { projects: 1 });
    await control("PATCH", "/settings", { budget: { requests: 1 }, versionText: "17.2.1" });
    await bench.api("GET", "/user");
    expect((await bench.api("GET", "/user")).status).toBe(429);
    expect(await control("GET", "/counters")).toMatchObject({ total: 2, rejected: 1 });
    expect(await control("GET", "/requests?last=1")).toMatchObject([{ status: 429, route: "GET /user" }]);
    await control("POST", "/next-minute");
    expect((await bench.api("GET", "/version")).body).toMatchObject({ version: "17.2.1-ee" });
    await control("PATCH", "/settings", { budget: null });
    expect(await control("POST", "/faults", { action: { kind: "status", status: 503 } })).toEqual({
      pending: 1,
    });
    expect((await bench.api("GET", "/user")).status).toBe(503);
    expect(await control("DELETE", "/faults")).toEqual({ pending: 0 });
    expect(await control("DELETE", "/counters")).toMatchObject({ total: 0 });
  });

  test("shows hooks from inside, secrets included; makes and changes them; fires events", async () => {
    const receiver = await startReceiver();
    await control("POST", "/tree", { projects: 1 });
    const made = await control("POST", "/hooks", {
      project: 1,
      url: receiver.url,
      token: "s",
      flags: ["push_events"],
    });
    expect(await control("GET", "/hooks?group=acme")).toMatchObject([{ token: "s", flags: ["push_events"] }]);
    await control("POST", "/hooks", { project: 1, id: made["id"], recentFailures: 2 });
    await control("POST", "/hooks", { group: "acme", url: receiver.url });
    expect(await control("GET", "/hooks")).toHaveLength(2);
    const report = await control("POST", "/trigger", { project: 1, kind: "push", count: 2 });
    expect(report["delivered"]).toHaveLength(4);
    expect(await control("POST", "/trigger", { project: 1, kind: "push", wait: false })).toEqual({
      triggered: 1,
    });
    await control("GET", "/settled");
    expect(receiver.received).toHaveLength(6);
    await control("POST", `/projects/1/hooks/${String(made["id"])}/log`, { count: 10_000, failEvery: 100 });
    expect(await control("GET", "/hooks")).toMatchObject([{}, { logRows: 10_003 }]);
    await receiver.close();
  });

  test("problems are told", async () => {
    expect(await control("POST", "/projects", { group: "nope", path: "x" })).toEqual({
      error: 'There is no group "nope"',
    });
    expect(await control("PATCH", "/projects/9", {})).toEqual({ error: 'There is no project "9"' });
    expect(await control("POST", "/trigger", { kind: "push" })).toEqual({
      error: "project or group is missing",
    });
    expect(await control("POST", "/tree", { nonsense: 1 })).toHaveProperty("error");
    expect(await control("PATCH", "/tokens/none", {})).toEqual({ error: "There is no such token" });
    await control("POST", "/tree", { projects: 1 });
    expect(await control("POST", "/projects/1/hooks/5/log", { count: 1 })).toEqual({
      error: "There is no such hook",
    });
  });

  test("controlApi: false leaves nothing there", async () => {
    const bare = await createSimulator({ controlApi: false });
    expect((await fetch(`${bare.url}/__sim`)).status).toBe(404);
    await bare.close();
  });

  test("a version that is none is refused", async () => {
    await expect(createSimulator({ version: "new" })).rejects.toThrow("expected MAJOR.MINOR");
  });
});

test("main.ts prints one line of JSON when it listens, and ends when its input does", async () => {
  const main = new URL("./main.ts", import.meta.url).pathname;
  const args = ["--import", "tsx", main, "--tree", '{"projects":2}', "--until-eof"];
  const child = spawn(process.execPath, args, {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, SIM_OPTIONS: '{"version":"17.2.0"}' },
  });
  const [line] = (await once(createInterface(child.stdout), "line")) as [string];
  const { url, token } = JSON.parse(line) as { url: string; token: string };
  const reply = await fetch(`${url}/api/v4/version`, { headers: { "PRIVATE-TOKEN": token } });
  expect(await reply.json()).toMatchObject({ version: "17.2.0-ee" });
  const ended = once(child, "exit");
  child.stdin.end();
  expect((await ended)[0]).toBe(0);
});

test("an instance below a relative root: its own addresses have it, outside there is a web server's 404", async () => {
  const sim = await createSimulator({ relativeRoot: "/gitlab" });
  try {
    sim.seed.tree({ projects: 120 });
    const page = await apiOf(sim)("GET", "/groups/acme/projects?per_page=100");
    const next = /<([^>]+)>; rel="next"/.exec(page.headers.get("link") ?? "")?.[1] ?? "";
    expect(next.startsWith(`${sim.url}/api/v4/groups/acme/projects?`)).toBe(true);
    expect(sim.counters.count("GET /groups/:id/projects")).toBe(1);
    const outside = await fetch(`${new URL(sim.url).origin}/api/v4/version`);
    expect([outside.status, outside.headers.get("content-type")]).toEqual([
      404,
      expect.stringContaining("html"),
    ]);
  } finally {
    await sim.close();
  }
});
