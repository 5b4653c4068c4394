import { Hono } from "hono";
import { describe, expect, test } from "vitest";
import { silentLog } from "../../../lib/log.ts";
import { createApp, type AppEnv } from "../../../relay/process/app.ts";
import { createIntake } from "../../helpers/intake.ts";

const webhookPaths = [
  "/webhooks/gitlab",
  "/api/v1/webhooks/gitlab",
  "/webhooks/gitlab/p42",
  "/webhooks/gitlab/g42",
  "/webhooks/gitlab/known",
  "/webhooks/gitlab/p42/known",
  "/webhooks/gitlab/system",
  "/webhooks/gitlab/system/known",
];

describe.each(webhookPaths)("%s", (path) => {
  test.each(["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])("answers %s with 405", async (method) => {
    const response = await createIntake().app.request(path, { method });
    expect(response.status).toBe(405);
    expect(response.headers.get("allow")).toBe("POST");
    if (method !== "HEAD")
      expect(await response.json()).toEqual({
        error: { code: "method_not_allowed", message: "method not allowed; use POST" },
      });
  });

  test("takes POST, with a query too", async () => {
    const response = await createIntake().app.request(`${path}?source=gitlab`, {
      method: "POST",
      body: "{}",
    });
    expect(response.status).toBe(401);
  });

  test.each([(p: string) => `${p}/`, (p: string) => `/${p}`, (p: string) => p.replaceAll("/", "//")])(
    "takes POST with slashes too many (%#)",
    async (spell) => {
      const response = await createIntake().app.request(`http://relay${spell(path)}`, {
        method: "POST",
        body: "{}",
      });
      expect(response.status).toBe(401);
    },
  );
});

test.each([
  "/nowhere",
  "/webhooks",
  "/webhooks/gitlab/p0",
  "/webhooks/gitlab/p01",
  "/webhooks/gitlab/x42",
  "/webhooks/gitlab/p",
  "/webhooks/gitlab/p42x",
  "/webhooks/gitlab/p42/more",
  "/webhooks/gitlab/known/known",
  "/WEBHOOKS/gitlab",
])("POST and GET %s is 404", async (path) => {
  const { app } = createIntake();
  for (const method of ["POST", "GET"]) {
    const response = await app.request(`http://relay${path}`, { method });
    expect(response.status).toBe(404);
    expect(await response.json()).toEqual({
      error: { code: "not_found", message: "there is nothing at this address" },
    });
  }
});

test("/healthz is 200 while the process lives, also when it is not ready", async () => {
  const intake = createIntake();
  intake.state.isStopping = true;
  const response = await intake.app.request("/healthz");
  expect(response.status).toBe(200);
  expect(await response.json()).toEqual({ status: "ok" });
});

test.each(["/readyz", "/api/v1/health"])("%s names what fails", async (path) => {
  const intake = createIntake();
  const ready = await intake.app.request(path);
  expect(ready.status).toBe(200);
  expect(await ready.json()).toEqual({
    status: "ready",
    checks: [{ name: "accepting", ok: true, detail: "accepting webhooks" }],
  });

  const disk = { name: "disk", ok: false, detail: "12 MB free, 256 MB wanted" };
  intake.queue.faults.checks = [disk, { name: "storage", ok: true, detail: "writable" }];
  const unready = await intake.app.request(path);
  expect(unready.status).toBe(503);
  const { status, checks } = (await unready.json()) as { status: string; checks: { ok: boolean }[] };
  expect(status).toBe("unavailable");
  expect(checks.filter((check) => !check.ok)).toEqual([disk]);

  intake.queue.faults.checks = [];
  intake.state.isStopping = true;
  expect((await intake.app.request(path)).status).toBe(503);
});

test("/metrics is Prometheus text", async () => {
  const response = await createIntake().app.request("/metrics");
  expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4");
  expect(await response.text()).toBe("# nothing\n");
});

test("the operator's routes are mounted behind the relay's own, and share its 404", async () => {
  const admin = new Hono<AppEnv>();
  admin.get("/", (c) => c.text("dashboard"));
  admin.all("/api/v1/*", (c) => c.text("admin"));
  const answered = (): Promise<Response> => Promise.resolve(new Response("ingest"));
  const app = createApp({
    webhooks: { take: () => false, answer: answered },
    log: silentLog,
    health: () => ({ status: "ready", checks: [] }),
    metrics: { contentType: "text/plain", text: async () => "" },
    mountAdmin: (root) => void root.route("/", admin),
  });
  const text = async (path: string, method = "GET"): Promise<string> =>
    (await app.request(path, { method })).text();
  expect(await text("/")).toBe("dashboard");
  expect(await text("/api/v1/events")).toBe("admin");
  expect(await text("/api/v1/webhooks/gitlab", "POST")).toBe("ingest");
  expect(await text("/api/v1/health")).toContain("ready");
  expect(await text("/other")).toContain("not_found");
});

describe("a webhook at the wrong path", () => {
  const { app } = createIntake();
  test.each([
    "/",
    "/events",
    "/login",
    "/api/v1/events",
    "/dead/replay",
    "/webhooks",
    "/webhooks/gitlab/x1",
    "/nowhere",
  ])("%s is 404 with the right path", async (path) => {
    for (const name of ["x-gitlab-event", "x-gitlab-token", "x-gitlab-webhook-uuid"]) {
      const response = await app.request(path, { method: "POST", body: "{}", headers: { [name]: "x" } });
      expect(response.status).toBe(404);
      expect(response.headers.get("location")).toBeNull();
      expect(await response.json()).toMatchObject({
        error: {
          code: "not_found",
          path: "/webhooks/gitlab",
          message: expect.stringContaining("/webhooks/gitlab"),
        },
      });
    }
  });

  test("cannot be named by a path", async () => {
    const response = await app.request("/%23misdirected");
    expect(await response.json()).toMatchObject({ error: { message: "there is nothing at this address" } });
  });
});

test("a person at an address that is nobody's gets the page, everybody else JSON", async () => {
  const never = (): Promise<never> => Promise.reject(new Error("no webhook is sent"));
  const app = createApp({
    webhooks: { take: () => false, answer: never },
    log: silentLog,
    health: () => ({ status: "ready", checks: [] }),
    metrics: { contentType: "text/plain", text: () => Promise.resolve("") },
    missingPage: (c) => c.html("<h1>page</h1>", 404),
  });
  const typeOf = async (path: string, accept: string, method = "GET"): Promise<unknown> => {
    const response = await app.request(path, { method, headers: { accept } });
    return [response.status, response.headers.get("content-type")?.split(";")[0]];
  };
  const browser = "text/html,application/xhtml+xml,*/*;q=0.8";
  expect(await typeOf("/xyz", browser)).toEqual([404, "text/html"]);
  expect(await typeOf("/xyz", "*/*")).toEqual([404, "application/json"]);
  expect(await typeOf("/api/v1/xyz", browser)).toEqual([404, "application/json"]);
  expect(await typeOf("/xyz", browser, "POST")).toEqual([404, "application/json"]);
  expect(await typeOf("/webhooks/gitlab", browser)).toEqual([405, "application/json"]);
});
