import { afterEach, describe, expect, test } from "vitest";
import { createAdminFixture, type AdminFixture } from "../../../helpers/admin.ts";

const TOKEN = "correct horse battery staple".replaceAll(" ", "-");

let open: AdminFixture[] = [];
afterEach(() => {
  for (const one of open) one.close();
  open = [];
});
function fixture(options: Parameters<typeof createAdminFixture>[0] = {}): AdminFixture {
  const made = createAdminFixture(options);
  open.push(made);
  return made;
}

describe("API with an admin token", () => {
  test("answers whoever sends the token, from anywhere", async () => {
    const f = fixture({ token: TOKEN });
    expect((await f.api("/api/v1/events", { from: "203.0.113.9" })).status).toBe(200);
    const lower = { Authorization: `bearer ${TOKEN}` };
    expect((await f.raw("/api/v1/events", { headers: lower })).status).toBe(200);
  });

  test.each([
    ["no token", {}],
    ["a wrong token", { Authorization: "Bearer wrong" }],
    ["the beginning of the token", { Authorization: `Bearer ${TOKEN.slice(0, -1)}` }],
    ["another scheme", { Authorization: `Basic ${TOKEN}` }],
    ["an empty token", { Authorization: "Bearer " }],
    ["a forged cookie", { Cookie: `relay_session=${"A".repeat(22)}.zzzzzzzzz.${"A".repeat(43)}` }],
  ])("answers 401 in JSON to %s, on loopback too", async (_name, headers) => {
    const f = fixture({ token: TOKEN });
    for (const path of ["/api/v1/events", "/api/v1/events/1", "/api/v1/targets", "/api/v1/stream"]) {
      const response = await f.raw(path, { headers });
      expect(response.status).toBe(401);
      expect(response.headers.get("www-authenticate")).toContain("Bearer");
      expect(await response.json()).toMatchObject({ error: { code: "unauthorized" } });
    }
    expect((await f.raw("/api/v1/dead/replay", { method: "POST", headers })).status).toBe(401);
  });

  test("takes a new token as soon as the settings change", async () => {
    const f = fixture({ token: TOKEN });
    const old = { headers: { Authorization: `Bearer ${TOKEN}` } };
    f.config = { ...f.config, admin: { ...f.config.admin, token: "another-token" } };
    expect((await f.raw("/api/v1/events", old)).status).toBe(401);
    expect((await f.api("/api/v1/events")).status).toBe(200);
  });

  test("slows down guessing, and lets go after a minute", async () => {
    const f = fixture({ token: TOKEN });
    const guess = () =>
      f.raw("/api/v1/events", { headers: { Authorization: "Bearer guess" }, from: "203.0.113.9" });
    for (let count = 0; count < 100; count += 1) expect((await guess()).status).toBe(401);
    const refused = await guess();
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    expect((await f.api("/api/v1/events", { from: "203.0.113.9" })).status).toBe(200);
    await f.clock.advance(60_000);
    expect((await guess()).status).toBe(401);
  });
});

describe("who is let in", () => {
  const places = [
    ["this machine", { from: "127.0.0.1", headers: { Host: "localhost" } }],
    ["a proxy that says nothing", { from: "127.0.0.1", headers: { Host: "127.0.0.1:8080" } }],
    ["HTTP/1.0", { from: "127.0.0.1", httpVersion: "1.0" }],
    ["a page of another origin", { from: "127.0.0.1", headers: { Origin: "https://evil.example" } }],
    ["another machine", { from: "203.0.113.9", headers: { "X-Forwarded-For": "127.0.0.1" } }],
  ] as const;

  test.each(places)("does not depend on where a request comes from: %s", async (_place, request) => {
    const f = fixture({ token: TOKEN });
    for (const method of ["GET", "POST"]) {
      const path = method === "GET" ? "/api/v1/events" : "/api/v1/dead/replay";
      const response = await f.raw(path, { ...request, method });
      expect([response.status, await response.json()]).toMatchObject([
        401,
        { error: { code: "unauthorized", message: expect.stringContaining("admin-token") } },
      ]);
      expect((await f.api(path, { ...request, method })).status).toBe(200);
    }
  });

  test("an empty token never fits, even if none were set", async () => {
    const f = fixture({ token: "" });
    expect((await f.raw("/api/v1/events", { headers: { Authorization: "Bearer " } })).status).toBe(401);
    const login = {
      method: "POST",
      body: "token=",
      headers: { "Content-Type": "application/x-www-form-urlencoded" },
    };
    expect((await f.raw("/login", login)).status).toBe(401);
  });
});

describe("what is logged", () => {
  test("has the beginning of a path", async () => {
    const f = fixture({ token: TOKEN });
    await f.raw(`/api/v1/events/${"x".repeat(5000)}`, { headers: { Authorization: "Bearer wrong" } });
    expect(f.lines[0]?.event).toBe("admin.unauthorized");
    expect(String(f.lines[0]?.fields["path"]).length).toBeLessThan(300);
  });
});
