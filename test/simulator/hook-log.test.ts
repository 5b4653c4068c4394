import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Hook } from "./hook.ts";
import { always, apiOf, startBench, startReceiver } from "./harness.ts";
import type { Bench, Receiver, Reply } from "./harness.ts";
import { ACCESS } from "./model.ts";
import type { Group, Project } from "./model.ts";
import type { SimulatorOptions } from "./options.ts";

let bench: Bench;
let receiver: Receiver;
let group: Group;
let project: Project;
let hook: Hook;
let base: string;

async function start(options: SimulatorOptions = {}): Promise<void> {
  bench = await startBench({ endpointLimits: false, ...options });
  group = bench.sim.seed.group("acme");
  project = bench.sim.seed.project(group, "app");
  hook = bench.sim.model.addHook(project, receiver.url);
  base = `/projects/1/hooks/${hook.id}`;
}
beforeEach(async () => {
  receiver = await startReceiver();
});
afterEach(async () => {
  await bench.sim.close();
  await receiver.close();
});

interface Row {
  id: number;
  trigger: string;
  url: string;
  response_status: string;
  response_body: string;
  created_at: string;
  request_headers: Record<string, string>;
  request_data: Record<string, unknown>;
  response_headers: Record<string, string>;
  execution_duration: number;
}

function rowsOf(reply: Reply): Row[] {
  return reply.body as Row[];
}

async function answers(...statuses: number[]): Promise<void> {
  for (const status of statuses) {
    receiver.respond = always(status);
    await bench.sim.trigger(project, "push");
    await bench.clock.advance(1000);
  }
}

describe("test", () => {
  test("201 when the receiver answered 2xx; a delivery like any other", async () => {
    await start();
    const reply = await bench.api("POST", `${base}/test/merge_requests_events`);
    expect([reply.status, reply.body]).toEqual([201, { message: "201 Created" }]);
    expect(receiver.received[0]?.headers["x-gitlab-event"]).toBe("Merge Request Hook");
    expect(hook.log).toHaveLength(1);
  });

  test.each([302, 404, 500])("the receiver answers %i: 422 with its body", async (status) => {
    await start();
    receiver.respond = always(status, "not today");
    const reply = await bench.api("POST", `${base}/test/push_events`);
    expect([reply.status, reply.body]).toEqual([422, { message: "not today" }]);
  });

  test("no connection: 422 with the error", async () => {
    await start();
    bench.sim.change(hook, { url: "http://127.0.0.1:1/" });
    expect((await bench.api("POST", `${base}/test/push_events`)).text).toContain("Connection refused");
  });

  test("an unknown trigger: 400; an unknown hook: 404; a Developer: 403", async () => {
    await start();
    const reply = await bench.api("POST", `${base}/test/nonsense_events`);
    expect([reply.status, reply.body]).toEqual([400, { error: "trigger does not have a valid value" }]);
    expect((await bench.api("POST", `${base}/test/subgroup_events`)).status).toBe(400);
    expect((await bench.api("POST", "/projects/1/hooks/999/test/push_events")).status).toBe(404);
    const user = bench.sim.model.addUser({ username: "dev" });
    bench.sim.model.addToken({ value: "glpat-dev", user });
    bench.sim.model.setGroupRole(user, group, ACCESS.developer);
    expect((await apiOf(bench.sim, "glpat-dev")("POST", `${base}/test/push_events`)).status).toBe(403);
  });

  test.each(["confidential_note_events", "deployment_events", "feature_flag_events"])(
    "%s: 422, not available",
    async (flag) => {
      await start();
      const reply = await bench.api("POST", `${base}/test/${flag}`);
      expect([reply.status, reply.body]).toEqual([422, { message: "Testing not available for this hook" }]);
    },
  );

  test.each([
    ["issues_events", "Ensure the project has issues."],
    ["note_events", "Ensure the project has notes."],
    ["emoji_events", "Ensure the project has notes."],
    ["merge_requests_events", "Ensure the project has merge requests."],
    ["job_events", "Ensure the project has CI jobs."],
    ["pipeline_events", "Ensure the project has CI pipelines."],
    ["releases_events", "Ensure the project has releases."],
    ["wiki_page_events", "Ensure the wiki is enabled and has pages."],
  ])("%s on an empty project: 422 %s", async (flag, message) => {
    await start();
    bench.sim.model.updateProject(project, { content: new Set() });
    const reply = await bench.api("POST", `${base}/test/${flag}`);
    expect([reply.status, reply.body]).toEqual([422, { message }]);
    expect(receiver.received).toHaveLength(0);
  });

  test("a push in an empty repository: that of another project, the same everywhere; old versions refuse", async () => {
    await start();
    bench.sim.model.updateProject(project, { content: new Set() });
    expect((await bench.api("POST", `${base}/test/push_events`)).status).toBe(201);
    expect(JSON.parse(receiver.received[0]?.body ?? "")).toMatchObject({
      project_id: 15,
      project: { path_with_namespace: "gitlab/gitlab" },
      total_commits_count: 1,
    });
    bench.sim.settings.version = [16, 11];
    expect((await bench.api("POST", `${base}/test/push_events`)).body).toEqual({
      message: "Ensure the project has at least one commit.",
    });
  });

  test("token expiry needs nothing; a group needs a project of its own with commits", async () => {
    await start();
    bench.sim.model.updateProject(project, { content: new Set() });
    expect((await bench.api("POST", `${base}/test/resource_access_token_events`)).status).toBe(201);
    const groupHook = bench.sim.model.addHook(group, receiver.url);
    const path = `/groups/acme/hooks/${groupHook.id}/test`;
    expect((await bench.api("POST", `${path}/push_events`)).body).toEqual({
      message: "Ensure the group has a project with commits.",
    });
    expect((await bench.api("POST", `${path}/member_events`)).status).toBe(201);
    bench.sim.model.updateProject(project, { content: new Set(["commits"]) });
    expect((await bench.api("POST", `${path}/push_events`)).status).toBe(201);
  });

  test("5 a minute, project and user: the 6th is 429, on whichever hook; the next minute it works again", async () => {
    await start({ endpointLimits: {} });
    const second = bench.sim.model.addHook(project, receiver.url);
    for (let n = 0; n < 5; n++)
      expect((await bench.api("POST", `${base}/test/push_events`)).status).toBe(201);
    const refused = await bench.api("POST", `/projects/1/hooks/${second.id}/test/push_events`);
    expect(refused.status).toBe(429);
    expect(refused.text).toContain("This endpoint has been requested too many times");
    const other = bench.sim.model.addUser({ username: "other", admin: true });
    bench.sim.model.addToken({ value: "glpat-other", user: other });
    expect((await apiOf(bench.sim, "glpat-other")("POST", `${base}/test/push_events`)).status).toBe(201);
    await bench.clock.advance(60_000);
    expect((await bench.api("POST", `${base}/test/push_events`)).status).toBe(201);
  });

  test("17.0: 3 a minute and hook; before 16.11 there is no such endpoint", async () => {
    await start({ version: "17.0.0", endpointLimits: {} });
    for (let n = 0; n < 3; n++)
      expect((await bench.api("POST", `${base}/test/push_events`)).status).toBe(201);
    expect((await bench.api("POST", `${base}/test/push_events`)).status).toBe(429);
    bench.sim.settings.version = [16, 10];
    expect((await bench.api("POST", `${base}/test/push_events`)).body).toEqual({ error: "404 Not Found" });
  });
});

describe("events", () => {
  test("newest first, with the fields of GitLab; the status is a text", async () => {
    await start();
    await answers(200, 404);
    bench.sim.change(hook, { token: "h1dden", customHeaders: { "X-Mine": "h1dden" } });
    receiver.respond = (response) =>
      void response.writeHead(503, { "X-Reason": "busy" }).end("x".repeat(9000));
    await bench.sim.trigger(project, "push");
    const reply = await bench.api("GET", `${base}/events`);
    expect(reply.text).not.toContain("h1dden");
    const [newest, ...older] = rowsOf(reply);
    expect(older.map((row) => row.response_status)).toEqual(["404", "200"]);
    expect(newest).toMatchObject({
      trigger: "push_hooks",
      url: receiver.url,
      response_status: "503",
      created_at: "2026-01-15T12:00:02.000Z",
      execution_duration: 0,
      response_headers: expect.objectContaining({ "X-Reason": "busy" }) as unknown,
    });
    expect(newest?.request_headers).toMatchObject({ "X-Gitlab-Token": "[REDACTED]", "X-Mine": "[REDACTED]" });
    expect(newest?.request_headers["Idempotency-Key"]).toMatch(/^[0-9a-f-]{36}$/);
    expect(newest?.response_body).toHaveLength(8192);
  });

  test("mail addresses in the data are redacted, though they were sent", async () => {
    await start();
    await bench.sim.trigger(project, "push");
    expect(receiver.received[0]?.body).toContain("owner@example.com");
    const [row] = rowsOf(await bench.api("GET", `${base}/events`));
    expect(row?.request_data).toMatchObject({
      user_email: "[REDACTED]",
      commits: [{ author: { email: "[REDACTED]" } }],
    });
    expect(JSON.stringify(row)).not.toContain("owner@example.com");
  });

  test("data that is too big is logged as oversize", async () => {
    await start({ oversizeLogBytes: 1000 });
    await bench.sim.trigger(project, "push");
    expect(rowsOf(await bench.api("GET", `${base}/events`))[0]?.request_data).toEqual({ oversize: true });
  });

  test("a body above 25 MB is never sent", async () => {
    await start();
    await bench.sim.trigger(project, "push", { payload: { message: "x".repeat(26 * 1024 * 1024) } });
    expect(receiver.received).toHaveLength(0);
    expect(hook.log?.[0]).toMatchObject({
      responseStatus: "internal error",
      requestData: '{"oversize":true}',
    });
  });

  test("status: a code, classes, a comma list; `internal error` counts as server_failure; else 400", async () => {
    await start();
    await answers(200, 404, 400, 503);
    bench.sim.change(hook, { url: "http://127.0.0.1:1/" });
    await bench.sim.trigger(project, "push");
    const statuses = async (status: string): Promise<string[]> =>
      rowsOf(await bench.api("GET", `${base}/events?status=${status}`)).map((row) => row.response_status);
    expect(await statuses("400")).toEqual(["400"]);
    expect(await statuses("successful")).toEqual(["200"]);
    expect(await statuses("client_failure")).toEqual(["400", "404"]);
    expect(await statuses("server_failure")).toEqual(["internal error", "503"]);
    expect(await statuses("200,404")).toEqual(["404", "200"]);
    const bad = await bench.api("GET", `${base}/events?status=internal%20error`);
    expect([bad.status, bad.body]).toEqual([400, { error: "status does not have a valid value" }]);
    expect((await bench.api("GET", `${base}/events?status=toString`)).status).toBe(400);
  });

  test("per_page 1..20, 20 by default; 21 and 0: 400", async () => {
    await start();
    bench.sim.fillLog(hook, { count: 45 });
    const first = await bench.api("GET", `${base}/events`);
    expect(rowsOf(first)).toHaveLength(20);
    expect(first.headers.get("x-total")).toBe("45");
    expect(rowsOf(await bench.api("GET", `${base}/events?page=3`))).toHaveLength(5);
    for (const perPage of ["21", "0"]) {
      const reply = await bench.api("GET", `${base}/events?per_page=${perPage}`);
      expect([reply.status, reply.body]).toEqual([400, { error: "per_page does not have a valid value" }]);
    }
  });

  test("the last 7 days only, from midnight", async () => {
    await start();
    await answers(200);
    await bench.clock.advance(7 * 86_400_000);
    await answers(503);
    expect(rowsOf(await bench.api("GET", `${base}/events`))).toHaveLength(2);
    await bench.clock.advance(86_400_000);
    expect(rowsOf(await bench.api("GET", `${base}/events`)).map((r) => r.response_status)).toEqual(["503"]);
  });

  test("401 and 403 as everywhere; before 17.3 there is no such endpoint", async () => {
    await start();
    expect((await apiOf(bench.sim, null)("GET", `${base}/events`)).status).toBe(401);
    bench.sim.settings.version = [17, 2];
    expect((await bench.api("GET", `${base}/events`)).body).toEqual({ error: "404 Not Found" });
  });

  test("10,000 rows a hook cost nothing until they are read, and page quickly", async () => {
    await start();
    const hooks = Array.from({ length: 1000 }, () => bench.sim.model.addHook(project, receiver.url));
    for (const one of hooks) {
      bench.sim.fillLog(one, { count: 10_000, status: (index) => (index === 7777 ? "503" : "200") });
    }
    const started = performance.now();
    const path = `/projects/1/hooks/${hooks[0]?.id}/events`;
    const last = await bench.api("GET", `${path}?page=500`);
    expect(rowsOf(last)).toHaveLength(20);
    const failed = rowsOf(await bench.api("GET", `${path}?status=server_failure`));
    expect(failed.map((row) => row.response_status)).toEqual(["503"]);
    expect(performance.now() - started).toBeLessThan(2000);
    const id = failed[0]?.id ?? 0;
    expect((await bench.api("POST", `${path}/${id}/resend`)).body).toEqual({ response_status: 200 });
    expect(receiver.received[0]?.headers["idempotency-key"]).toBe(
      failed[0]?.request_headers["Idempotency-Key"],
    );
    expect((await bench.api("POST", `${path}/${id + 1e7}/resend`)).status).toBe(404);
  });
});

describe("resend", () => {
  async function failedRow(): Promise<Row> {
    await answers(503);
    const [row] = rowsOf(await bench.api("GET", `${base}/events`));
    if (!row) throw new TypeError("no row");
    receiver.respond = always(200);
    return row;
  }

  test("201 with the status; same key, the logged body, a new timestamp and signature, a new row", async () => {
    await start();
    bench.sim.change(hook, { signingToken: `whsec_${Buffer.alloc(32, 1).toString("base64")}` });
    const row = await failedRow();
    const reply = await bench.api("POST", `${base}/events/${row.id}/resend`);
    expect([reply.status, reply.body]).toEqual([201, { response_status: 200 }]);
    const [first, again] = receiver.received;
    expect(again?.headers["idempotency-key"]).toBe(first?.headers["idempotency-key"]);
    expect(again?.headers["webhook-id"]).toBe(first?.headers["webhook-id"]);
    expect(again?.headers["webhook-timestamp"]).not.toBe(first?.headers["webhook-timestamp"]);
    expect(again?.headers["webhook-signature"]).not.toBe(first?.headers["webhook-signature"]);
    expect(again?.headers["x-gitlab-webhook-uuid"]).not.toBe(first?.headers["x-gitlab-webhook-uuid"]);
    expect(JSON.parse(again?.body ?? "")).toEqual(row.request_data);
    expect(again?.body).toContain("[REDACTED]");
    expect(hook.log?.map((r) => r.responseStatus)).toEqual(["503", "200"]);
  });

  test("201 even when the receiver says 500; 422 when there is no connection", async () => {
    await start();
    const row = await failedRow();
    receiver.respond = always(500);
    const reply = await bench.api("POST", `${base}/events/${row.id}/resend`);
    expect([reply.status, reply.body]).toEqual([201, { response_status: 500 }]);
    receiver.respond = (response) => void response.destroy();
    expect((await bench.api("POST", `${base}/events/${row.id}/resend`)).status).toBe(422);
  });

  test("an unknown row: 404; a changed url: 422; a disabled hook: 422", async () => {
    await start({ autoDisable: true });
    const row = await failedRow();
    expect((await bench.api("POST", `${base}/events/999999/resend`)).status).toBe(404);
    bench.sim.change(hook, { recentFailures: 40 });
    const disabled = await bench.api("POST", `${base}/events/${row.id}/resend`);
    expect([disabled.status, disabled.body]).toEqual([422, { message: "Hook disabled" }]);
    bench.sim.change(hook, { recentFailures: 0, url: `${receiver.url}/other` });
    const changed = await bench.api("POST", `${base}/events/${row.id}/resend`);
    expect([changed.status, changed.body]).toEqual([
      422,
      { message: "The hook URL has changed, and this log entry cannot be retried" },
    ]);
  });

  test("5 a minute, project and user: 429; before 17.4 there is no such endpoint", async () => {
    await start({ endpointLimits: {} });
    const row = await failedRow();
    for (let n = 0; n < 5; n++)
      expect((await bench.api("POST", `${base}/events/${row.id}/resend`)).status).toBe(201);
    expect((await bench.api("POST", `${base}/events/${row.id}/resend`)).status).toBe(429);
    await bench.clock.advance(60_000);
    expect((await bench.api("POST", `${base}/events/${row.id}/resend`)).status).toBe(201);
    bench.sim.settings.version = [17, 3];
    expect((await bench.api("POST", `${base}/events/${row.id}/resend`)).status).toBe(404);
  });
});
