import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { apiOf, startBench } from "./harness.ts";
import type { Bench, Reply } from "./harness.ts";
import { ACCESS } from "./model.ts";

const BASE = "/projects/1/pipeline_schedules";
const NIGHTLY = { description: "hooks", ref: "main", cron: "17 3 * * *" };

let bench: Bench;
beforeEach(async () => {
  bench = await startBench();
  bench.sim.seed.tree({ projects: 1 });
});
afterEach(() => bench.sim.close());

function member(level: number): ReturnType<typeof apiOf> {
  const { model } = bench.sim;
  const user = model.addUser({ username: `user-${level}` });
  model.addToken({ value: `glpat-${level}`, user });
  const group = model.group("acme");
  if (group) model.setGroupRole(user, group, level);
  return apiOf(bench.sim, `glpat-${level}`);
}

async function create(): Promise<string> {
  const reply = await bench.api("POST", BASE, NIGHTLY);
  expect(reply.status).toBe(201);
  return `${BASE}/${(reply.body as { id: number }).id}`;
}

function summary(reply: Reply): [number, unknown] {
  return [reply.status, reply.body];
}

describe("pipeline schedules", () => {
  test("create: 201, the ref in full, UTC and active by default, the next run told", async () => {
    const reply = await bench.api("POST", BASE, { ...NIGHTLY, inputs: [{ name: "group", value: "acme" }] });
    expect(reply.status).toBe(201);
    expect(reply.body).toMatchObject({
      description: "hooks",
      ref: "refs/heads/main",
      cron: "17 3 * * *",
      cron_timezone: "UTC",
      active: true,
      next_run_at: "2026-01-16T03:17:00.000Z",
      owner: { username: "owner" },
      inputs: [{ name: "group", value: "acme" }],
      variables: [],
    });
  });

  test.each([
    [{ description: undefined }, { error: "description is missing" }],
    [{ cron: undefined }, { error: "cron is missing" }],
    [{ ref: "" }, { error: "ref is empty" }],
    [{ cron: "every day" }, { message: { cron: [" is invalid syntax"] } }],
    [{ cron: "61 * * * *" }, { message: { cron: [" is invalid syntax"] } }],
    [{ cron: "0 0 3 * * *" }, { message: { cron: [" is invalid syntax"] } }],
    [{ cron_timezone: "Mars/Olympus" }, { message: { cron_timezone: [" is invalid syntax"] } }],
    [{ active: "perhaps" }, { error: "active is invalid" }],
    [{ inputs: "x" }, { error: "inputs is invalid" }],
    [{ inputs: [{ value: 1 }] }, { error: "inputs[0][name] is missing" }],
    [{ inputs: [{ name: "x" }] }, { error: "inputs[0][value] is missing" }],
  ])("create with %j: 400", async (change, body) => {
    expect(summary(await bench.api("POST", BASE, { ...NIGHTLY, ...change }))).toEqual([400, body]);
  });

  test("list, filtered by scope; the list has no variables", async () => {
    await create();
    await bench.api("POST", BASE, { ...NIGHTLY, active: false });
    const active = await bench.api("GET", `${BASE}?scope=active`);
    expect(active.body).toHaveLength(1);
    expect((await bench.api("GET", `${BASE}?scope=inactive`)).body).toHaveLength(1);
    expect((await bench.api("GET", BASE)).headers.get("x-total")).toBe("2");
    expect((active.body as object[])[0]).not.toHaveProperty("variables");
    expect((await bench.api("GET", `${BASE}?scope=all`)).status).toBe(400);
  });

  test("update changes what is sent, adds inputs and destroys them", async () => {
    const path = await create();
    await bench.api("PUT", path, {
      inputs: [
        { name: "a", value: 1 },
        { name: "b", value: [2] },
      ],
    });
    const reply = await bench.api("PUT", path, {
      cron: "0 5 * * 1",
      cron_timezone: "Europe/Berlin",
      inputs: [{ name: "a", destroy: true }],
    });
    expect(reply.status).toBe(200);
    expect(reply.body).toMatchObject({
      cron: "0 5 * * 1",
      description: "hooks",
      next_run_at: "2026-01-19T04:00:00.000Z",
      inputs: [{ name: "b", value: [2] }],
    });
    expect((await bench.api("PUT", path, { cron: "nope" })).status).toBe(400);
    expect((await bench.api("GET", path)).body).toMatchObject({ cron: "0 5 * * 1" });
    bench.sim.settings.version = [17, 2];
    expect((await bench.api("GET", path)).body).not.toHaveProperty("inputs");
  });

  test("delete: 204, then 404", async () => {
    const path = await create();
    expect((await bench.api("DELETE", path)).status).toBe(204);
    expect(summary(await bench.api("GET", path))).toEqual([
      404,
      { message: "404 Pipeline Schedule Not Found" },
    ]);
  });

  test("variables: create, change, delete, and the refusals", async () => {
    const path = `${await create()}/variables`;
    expect((await bench.api("POST", path, { key: "A", value: "1" })).status).toBe(201);
    expect((await bench.api("POST", path, { key: "A", value: "1" })).status).toBe(400);
    expect((await bench.api("POST", path, { key: "A B", value: "1" })).status).toBe(400);
    expect((await bench.api("POST", path, { value: "1" })).body).toEqual({ error: "key is missing" });
    expect((await bench.api("POST", path, { key: "B" })).body).toEqual({ error: "value is missing" });
    expect((await bench.api("POST", path, { key: "B", value: "1", variable_type: "x" })).status).toBe(400);
    expect((await bench.api("PUT", `${path}/A`, { value: "2", variable_type: "file" })).body).toMatchObject({
      value: "2",
    });
    expect((await bench.api("GET", path.replace("/variables", ""))).body).toMatchObject({
      variables: [{ key: "A", value: "2", variable_type: "file" }],
    });
    expect((await bench.api("DELETE", `${path}/A`)).status).toBe(202);
    expect((await bench.api("DELETE", `${path}/A`)).body).toEqual({ message: "404 Variable Not Found" });
  });

  test("play starts a pipeline that is listed", async () => {
    const path = await create();
    expect(summary(await bench.api("POST", `${path}/play`))).toEqual([201, { message: "201 Created" }]);
    expect((await bench.api("GET", `${path}/pipelines`)).body).toHaveLength(1);
    expect((await bench.api("GET", path)).body).toMatchObject({ last_pipeline: { status: "success" } });
  });

  test("roles: no token 401, Reporter reads, Developer makes and changes own ones, Maintainer takes over", async () => {
    const path = await create();
    expect((await apiOf(bench.sim, null)("GET", BASE)).status).toBe(401);
    const guest = member(ACCESS.guest);
    expect((await guest("GET", BASE)).status).toBe(403);
    const reporter = member(ACCESS.reporter);
    expect((await reporter("GET", path)).status).toBe(200);
    expect(summary(await reporter("POST", BASE, NIGHTLY))).toEqual([403, { message: "403 Forbidden" }]);
    const developer = member(ACCESS.developer);
    expect((await developer("PUT", path, { active: false })).status).toBe(403);
    const own = await developer("POST", BASE, NIGHTLY);
    const ownPath = `${BASE}/${(own.body as { id: number }).id}`;
    expect((await developer("PUT", ownPath, { active: false })).status).toBe(200);
    expect((await developer("POST", `${ownPath}/take_ownership`)).status).toBe(403);
    const maintainer = member(ACCESS.maintainer);
    expect((await maintainer("PUT", ownPath, { active: true })).status).toBe(403);
    expect((await maintainer("POST", `${ownPath}/take_ownership`)).status).toBe(201);
    expect((await maintainer("POST", `${ownPath}/take_ownership`)).status).toBe(403);
    expect((await maintainer("PUT", ownPath, { active: true })).status).toBe(200);
    expect((await developer("PUT", ownPath, { active: true })).status).toBe(403);
  });

  test("ten schedules, no more", async () => {
    for (let n = 0; n < 10; n++) await create();
    const reply = await bench.api("POST", BASE, NIGHTLY);
    expect(summary(reply)).toEqual([
      400,
      { message: { base: ["Maximum number of pipeline schedules (10) exceeded"] } },
    ]);
  });
});
