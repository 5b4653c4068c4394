/** Why sessions, the CSRF token and the headers of pages are not Hono's helpers (docs/decisions/hono-helpers.md): each difference, on both. */
import { Hono } from "hono";
import { getSignedCookie, setSignedCookie } from "hono/cookie";
import { csrf } from "hono/csrf";
import { secureHeaders } from "hono/secure-headers";
import { afterEach, expect, test } from "vitest";
import { TOKEN_HOLDER } from "../../../../relay/admin/auth/roles.ts";
import { createSessions } from "../../../../relay/admin/auth/session.ts";
import { createAdminFixture, type AdminFixture } from "../../../helpers/admin.ts";

const TOKEN = "an-admin-token-of-32-characters!";

let fixture: AdminFixture | null = null;
afterEach(() => {
  fixture?.close();
  fixture = null;
});

/** A browser that has signed in: its cookie, and the token that the pages give it. */
async function signedIn() {
  fixture = createAdminFixture({ token: TOKEN });
  const login = await fixture.raw("/login", {
    method: "POST",
    headers: { "Content-Type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams({ token: TOKEN }).toString(),
  });
  const cookie = login.headers.get("set-cookie")!.split(";")[0]!;
  const page = await fixture.raw("/targets", { headers: { Cookie: cookie } });
  const token = /name="_csrf" value="([^"]+)"/.exec(await page.text())![1]!;
  return { fixture, cookie, token };
}

const withCsrf = (): Hono => new Hono().use(csrf()).post("/api/v1/dead/replay", (c) => c.json({}));

test("csrf() lets JSON of another site through; the token does not", async () => {
  const { fixture: ours, cookie } = await signedIn();
  const request = {
    method: "POST",
    headers: {
      Cookie: cookie,
      "Content-Type": "application/json",
      Origin: "https://evil.example",
      "Sec-Fetch-Site": "cross-site",
    },
    body: "{}",
  };
  expect((await withCsrf().request("http://relay.example/api/v1/dead/replay", request)).status).toBe(200);
  expect((await ours.raw("/api/v1/dead/replay", request)).status).toBe(403);
});

test("csrf() refuses a form behind a proxy that ends TLS, if the browser says no more than Origin; the token is enough", async () => {
  const { fixture: ours, cookie, token } = await signedIn();
  const headers = { Cookie: cookie, Origin: "https://relay.example" };
  const form = { ...headers, "Content-Type": "application/x-www-form-urlencoded" };
  const asked = await withCsrf().request("http://relay.example/api/v1/dead/replay", {
    method: "POST",
    headers: form,
  });
  expect(asked.status).toBe(403);
  const answer = await ours.raw("/api/v1/dead/replay", {
    method: "POST",
    headers: { ...headers, "X-CSRF-Token": token },
  });
  expect(answer.status).toBe(200);
});

test("a signed cookie of Hono's has no end; a session has one that the browser cannot move", async () => {
  let now = 0;
  const app = new Hono();
  app.get("/open", async (c) => {
    await setSignedCookie(c, "session", "alice", "key", { maxAge: 60 });
    return c.text("");
  });
  app.get("/read", async (c) => c.text(String(await getSignedCookie(c, "key", "session"))));
  const cookie = (await app.request("/open")).headers.get("set-cookie")!.split(";")[0]!;
  const sessions = createSessions({ token: () => "key", salt: "salt", rules: () => "", now: () => now });
  const session = sessions.open({ person: TOKEN_HOLDER, subject: "token", epoch: 0 }, 60_000);
  expect(sessions.read(session)).not.toBeNull();
  now = 60_000;
  expect(sessions.read(session)).toBeNull();
  // What a browser deletes after 60 seconds is accepted for ever: nothing in it says when it was set.
  expect(await (await app.request("/read", { headers: { Cookie: cookie } })).text()).toBe("alice");
  expect(decodeURIComponent(cookie)).toMatch(/^session=alice\.[\w+/=]+$/);
});

test("secureHeaders() decides about TLS and goes over what a route says; the pages' headers do neither", async () => {
  const app = new Hono().use(secureHeaders()).get("/", (c) => {
    c.header("Referrer-Policy", "same-origin");
    return c.text("");
  });
  const { headers } = await app.request("/");
  expect(headers.get("strict-transport-security")).toContain("max-age=");
  expect(headers.get("referrer-policy")).toBe("no-referrer");
  fixture = createAdminFixture({ token: TOKEN });
  const page = await fixture.raw("/login", {});
  expect(page.headers.get("strict-transport-security")).toBeNull();
  expect(page.headers.get("referrer-policy")).toBe("same-origin");
});
