import { afterEach, describe, expect, test } from "vitest";
import { FakeClock } from "../helpers/clock.ts";
import { apiOf, startBench } from "./harness.ts";
import type { Bench } from "./harness.ts";
import type { SimulatorOptions } from "./options.ts";
import { createScaledClock } from "./scaled-clock.ts";

let bench: Bench;
afterEach(() => bench.sim.close());

async function start(options: SimulatorOptions): Promise<void> {
  bench = await startBench(options);
  bench.sim.seed.tree({ projects: 3 });
}

const HOOKS = "/projects/1/hooks";

describe("the budget of a user", () => {
  test("every response tells it, refusals of others included", async () => {
    await start({ budget: { requests: 10 } });
    const reset = String(Math.ceil((bench.clock.now() + 60_000) / 1000));
    const first = await bench.api("GET", HOOKS);
    expect(Object.fromEntries(first.headers)).toMatchObject({
      "ratelimit-limit": "10",
      "ratelimit-name": "throttle_authenticated_api",
      "ratelimit-observed": "1",
      "ratelimit-remaining": "9",
      "ratelimit-reset": reset,
    });
    expect(first.headers.get("ratelimit-resettime")).toBeNull();
    expect(first.headers.get("retry-after")).toBeNull();
    const missing = await bench.api("GET", "/projects/999/hooks");
    expect([missing.status, missing.headers.get("ratelimit-remaining")]).toEqual([404, "8"]);
  });

  test("used up: 429, plain text, with the time to wait; the next minute it is whole again", async () => {
    await start({ budget: { requests: 2 } });
    await bench.api("GET", HOOKS);
    await bench.clock.advance(20_000);
    await bench.api("GET", HOOKS);
    const refused = await bench.api("GET", HOOKS);
    expect([refused.status, refused.text, refused.headers.get("content-type")]).toEqual([
      429,
      "Retry later",
      "text/plain",
    ]);
    expect(refused.headers.get("retry-after")).toBe("40");
    expect(refused.headers.get("ratelimit-remaining")).toBe("0");
    expect(Date.parse(refused.headers.get("ratelimit-resettime") ?? "")).toBe(bench.clock.now() + 40_000);
    await bench.clock.advance(40_000);
    expect((await bench.api("GET", HOOKS)).status).toBe(200);
  });

  test("old versions name it only on the refusal", async () => {
    await start({ budget: { requests: 1 }, budgetHeaders: "on-429" });
    expect((await bench.api("GET", HOOKS)).headers.get("ratelimit-limit")).toBeNull();
    expect((await bench.api("GET", HOOKS)).headers.get("ratelimit-limit")).toBe("1");
  });

  test("counts per user over all tokens, and a bad token of the user as well", async () => {
    await start({ budget: { requests: 2 } });
    bench.sim.model.addToken({ value: "glpat-second", user: bench.sim.owner });
    bench.sim.model.addToken({
      value: "glpat-other",
      user: bench.sim.model.addUser({ username: "x", admin: true }),
    });
    await bench.api("GET", HOOKS);
    await apiOf(bench.sim, "glpat-second")("GET", HOOKS);
    expect((await bench.api("GET", HOOKS)).status).toBe(429);
    expect((await apiOf(bench.sim, "glpat-other")("GET", HOOKS)).status).toBe(200);
  });

  test("single users may have another one, or none; anonymous requests their own", async () => {
    await start({ budget: { requests: 1 }, userBudgets: { owner: null }, anonymousBudget: { requests: 1 } });
    await bench.api("GET", HOOKS);
    expect((await bench.api("GET", HOOKS)).status).toBe(200);
    const anonymous = apiOf(bench.sim, null);
    expect((await anonymous("GET", HOOKS)).status).toBe(401);
    const refused = await anonymous("GET", HOOKS);
    expect([refused.status, refused.headers.get("ratelimit-name")]).toEqual([
      429,
      "throttle_unauthenticated_api",
    ]);
  });

  test("a longer period is told as if it were a minute", async () => {
    await start({ budget: { requests: 7200, periodMinutes: 60 } });
    const reply = await bench.api("GET", HOOKS);
    expect(reply.headers.get("ratelimit-limit")).toBe("120");
    expect(reply.headers.get("ratelimit-remaining")).toBe("7199");
  });

  test("minuteMs makes the minute shorter", async () => {
    await start({ budget: { requests: 1 }, minuteMs: 2000 });
    await bench.api("GET", HOOKS);
    expect((await bench.api("GET", HOOKS)).headers.get("retry-after")).toBe("2");
    await bench.clock.advance(2000);
    expect((await bench.api("GET", HOOKS)).status).toBe(200);
  });

  test("the counters tell refusals, and what came after the first one of a window", async () => {
    await start({ budget: { requests: 2 } });
    for (let n = 0; n < 5; n++) await bench.api("GET", HOOKS);
    expect(bench.sim.counters.report()).toMatchObject({
      total: 5,
      rejected: 3,
      whileClosed: 2,
      byRoute: { "GET /projects/:id/hooks": { "200": 2, "429": 3 } },
    });
    bench.sim.nextMinute();
    expect((await bench.api("GET", HOOKS)).status).toBe(200);
    expect(bench.sim.counters.report().whileClosed).toBe(2);
  });
});

describe("limits of single endpoints", () => {
  test("GET /groups/:id/projects: a JSON 429 that the headers did not announce", async () => {
    await start({ endpointLimits: { groupProjects: 2 }, budget: { requests: 100 } });
    for (let n = 0; n < 2; n++) expect((await bench.api("GET", "/groups/acme/projects")).status).toBe(200);
    const refused = await bench.api("GET", "/groups/acme/projects");
    expect(refused.status).toBe(429);
    expect(refused.body).toEqual({
      message: { error: "This endpoint has been requested too many times. Try again later." },
    });
    expect(refused.headers.get("ratelimit-remaining")).toBe("97");
    await bench.clock.advance(60_000);
    expect((await bench.api("GET", "/groups/acme/projects")).status).toBe(200);
  });

  test.each([
    ["/groups", { groups: 1 }],
    ["/groups/acme", { group: 1 }],
    ["/projects", { projects: 1 }],
    ["/projects/1", { project: 1 }],
  ])("GET %s has its own", async (path, endpointLimits) => {
    await start({ endpointLimits });
    expect((await bench.api("GET", path)).status).toBe(200);
    expect((await bench.api("GET", path)).status).toBe(429);
    expect((await bench.api("GET", HOOKS)).status).toBe(200);
  });

  test("false lifts them", async () => {
    await start({ endpointLimits: false });
    for (let n = 0; n < 401; n++) await bench.api("GET", "/groups/acme");
    expect(bench.sim.counters.count("GET /groups/:id", 200)).toBe(401);
  });
});

describe("faults", () => {
  test("the next requests that match answer 500, 502, 503 as whatever stands before GitLab would", async () => {
    await start({});
    for (const status of [500, 502, 503]) {
      bench.sim.faults.add({
        method: "GET",
        route: "/projects/:id/hooks",
        action: { kind: "status", status },
      });
      expect((await bench.api("GET", "/projects/1")).status).toBe(200);
      expect((await bench.api("GET", HOOKS)).status).toBe(status);
      expect((await bench.api("GET", HOOKS)).status).toBe(200);
    }
    expect(bench.sim.faults.pending).toBe(0);
  });

  test("skip, times, path and an own body", async () => {
    await start({});
    const action = {
      kind: "status",
      status: 403,
      body: "blocked",
      headers: { "Retry-After": "86400" },
    } as const;
    bench.sim.faults.add({ path: "/projects/2/", skip: 1, times: 2, action });
    const seen: number[] = [];
    for (let n = 0; n < 4; n++) seen.push((await bench.api("GET", "/projects/2/hooks")).status);
    expect(seen).toEqual([200, 403, 403, 200]);
    bench.sim.faults.add({ action });
    const reply = await bench.api("GET", HOOKS);
    expect([reply.text, reply.headers.get("retry-after")]).toEqual(["blocked", "86400"]);
    bench.sim.faults.add({ action });
    bench.sim.faults.clear();
    expect((await bench.api("GET", HOOKS)).status).toBe(200);
  });

  test("reset: the connection is cut and nothing happens", async () => {
    await start({});
    bench.sim.faults.add({ method: "POST", action: { kind: "reset" } });
    await expect(bench.api("POST", HOOKS, { url: "https://x.example" })).rejects.toThrow("fetch failed");
    expect(bench.sim.model.project(1)?.project.hooks).toHaveLength(0);
    expect(bench.sim.counters.count("POST /projects/:id/hooks", 0)).toBe(1);
  });

  test("lose-answer: the hook is made and nobody learns of it", async () => {
    await start({});
    bench.sim.faults.add({ method: "POST", route: "/projects/:id/hooks", action: { kind: "lose-answer" } });
    await expect(bench.api("POST", HOOKS, { url: "https://x.example" })).rejects.toThrow("fetch failed");
    expect(bench.sim.model.project(1)?.project.hooks).toHaveLength(1);
  });

  test("status-after: executed, and answered 502", async () => {
    await start({});
    bench.sim.faults.add({ method: "POST", action: { kind: "status-after", status: 502 } });
    expect((await bench.api("POST", HOOKS, { url: "https://x.example" })).status).toBe(502);
    expect(bench.sim.model.project(1)?.project.hooks).toHaveLength(1);
  });

  test("hang: no answer until the client gives up", async () => {
    await start({});
    bench.sim.faults.add({ action: { kind: "hang" } });
    const stop = new AbortController();
    const answer = fetch(`${bench.sim.url}/api/v4/user`, { signal: stop.signal });
    while (bench.sim.counters.report().inFlight === 0) await new Promise(setImmediate);
    stop.abort();
    await expect(answer).rejects.toThrow("aborted");
    while (bench.sim.counters.report().inFlight > 0) await new Promise(setImmediate);
    expect((await bench.api("GET", "/user")).status).toBe(200);
  });

  test("delay and latency take time on the simulator's clock", async () => {
    await start({ latencyMs: 50 });
    bench.sim.faults.add({ action: { kind: "delay", ms: 1000 } });
    let done = false;
    const answer = bench.api("GET", HOOKS).then((reply) => {
      done = true;
      return reply;
    });
    while (bench.clock.pendingTimers === 0) await new Promise(setImmediate);
    await bench.clock.advance(50);
    expect([done, bench.clock.nextTimerMs]).toEqual([false, 1000]);
    await bench.clock.advance(1000);
    expect((await answer).status).toBe(200);
    expect(bench.sim.counters.log[0]?.durationMs).toBe(1050);
  });
});

describe("counters", () => {
  test("requests at once, per route, written, and the log of the last ones", async () => {
    await start({ latencyMs: 10, requestLogSize: 2 });
    const answers = [1, 2, 3].map((id) => bench.api("GET", `/projects/${id}/hooks`));
    while (bench.clock.pendingTimers < 3) await new Promise(setImmediate);
    await bench.clock.advance(10);
    await Promise.all(answers);
    bench.sim.settings.latencyMs = 0;
    await bench.api("POST", HOOKS, { url: "https://x.example" });
    await bench.api("GET", "/nothing/here");
    const { counters } = bench.sim;
    expect(counters.report().maxConcurrency).toBe(3);
    expect([counters.total, counters.writes, counters.count("GET (unknown)", 404)]).toEqual([5, 1, 1]);
    expect(counters.log.map((r) => r.route)).toEqual(["POST /projects/:id/hooks", "GET (unknown)"]);
    expect(counters.log[0]).toMatchObject({ user: "owner", status: 201, path: "/api/v4/projects/1/hooks" });
    counters.reset();
    expect([counters.total, counters.writes, counters.log.length]).toEqual([0, 0, 0]);
  });
});

test("createScaledClock() lets time pass faster", async () => {
  bench = await startBench();
  const base = new FakeClock();
  const fast = createScaledClock(60, base);
  const start60 = fast.now();
  let fired = false;
  fast.after(60_000, () => {
    fired = true;
  });
  await base.advance(1000);
  expect([fired, fast.now() - start60, fast.monotonic()]).toEqual([true, 60_000, 60_000]);
});
