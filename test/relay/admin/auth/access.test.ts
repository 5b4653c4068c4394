import { afterEach, describe, expect, it } from "vitest";
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
  it("answers whoever sends the token, from anywhere", async () => {
    const f = fixture({ token: TOKEN });
    expect((await f.api("/api/v1/events", { from: "203.0.113.9" })).status).toBe(200);
    const lower = { Authorization: `bearer ${TOKEN}` };
    expect((await f.raw("/api/v1/events", { headers: lower })).status).toBe(200);
  });

  it.each([
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

  it("takes a new token as soon as the settings change", async () => {
    const f = fixture({ token: TOKEN });
    const old = { headers: { Authorization: `Bearer ${TOKEN}` } };
    f.config = { ...f.config, admin: { ...f.config.admin, token: "another-token" } };
    expect((await f.raw("/api/v1/events", old)).status).toBe(401);
    expect((await f.api("/api/v1/events")).status).toBe(200);
  });

  it("slows down guessing, and lets go after a minute", async () => {
    const f = fixture({ token: TOKEN });
    const guess = () =>
      f.raw("/api/v1/events", { headers: { Authorization: "Bearer guess" }, from: "203.0.113.9" });
    for (let count = 0; count < 100; count += 1) expect((await guess()).status).toBe(401);
    const refused = await guess();
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    expect((await f.api("/api/v1/events", { from: "203.0.113.10" })).status).toBe(200);
    await f.clock.advance(60_000);
    expect((await guess()).status).toBe(401);
  });
});

describe("API without a token", () => {
  it.each(["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"])("answers %s", async (from) => {
    expect((await fixture().raw("/api/v1/events", { from })).status).toBe(200);
  });

  it.each(["10.0.0.1", "203.0.113.9", "::ffff:10.0.0.1", "fe80::1", ""])("refuses %s", async (from) => {
    const response = await fixture().raw("/api/v1/events", { from });
    expect(response.status).toBe(403);
    expect(await response.json()).toMatchObject({ error: { code: "forbidden" } });
  });

  it.each(["X-Forwarded-For", "Forwarded", "Via", "X-Real-IP", "X-Forwarded-Proto", "X-Forwarded-Host"])(
    "refuses what came through a proxy, told by %s",
    async (name) => {
      const response = await fixture().raw("/api/v1/events", { headers: { [name]: "127.0.0.1" } });
      expect(response.status).toBe(403);
    },
  );

  it("refuses a proxy that says nothing: HTTP/1.0, or an address on the list of proxies", async () => {
    expect((await fixture().raw("/api/v1/events", { httpVersion: "1.0" })).status).toBe(403);
    const listed = fixture({ settings: { server: { trustedProxies: ["127.0.0.1"] } } });
    expect((await listed.raw("/api/v1/events")).status).toBe(403);
  });

  it("refuses a foreign host name, which a browser would send for a page that rebinds its name", async () => {
    const f = fixture();
    expect((await f.raw("/api/v1/events", { headers: { Host: "evil.example" } })).status).toBe(403);
    for (const host of ["localhost:8080", "127.0.0.1:8080", "[::1]:8080", "relay.localhost"])
      expect((await f.raw("/api/v1/events", { headers: { Host: host } })).status).toBe(200);
  });

  it("lets scripts change things, but no page of another site", async () => {
    const f = fixture();
    const send = (headers: Record<string, string>) =>
      f.raw("/api/v1/dead/replay", { method: "POST", headers });
    expect((await send({})).status).toBe(200);
    expect((await send({ "Sec-Fetch-Mode": "cors" })).status).toBe(200);
    expect((await send({ Origin: "https://evil.example" })).status).toBe(403);
    expect((await send({ "Sec-Fetch-Site": "cross-site" })).status).toBe(403);
    const own = await send({ "Sec-Fetch-Site": "same-origin", Origin: "http://localhost" });
    expect([own.status, await own.json()]).toMatchObject([403, { error: { code: "csrf" } }]);
  });
});
