import { afterEach, beforeAll, afterAll, describe, expect, test } from "vitest";
import { createTransport } from "../../../../lib/gitlab/transport.ts";
import { providerFetch } from "../../../../relay/process/provider-fetch.ts";
import { createAdminFixture, type AdminFixture } from "../../../helpers/admin.ts";
import { startProvider, type TestProvider } from "../../../helpers/oidc-provider.ts";

const PUBLIC = "https://relay.example.com";
const ROLES = { viewer: ["acme/**"], operator: ["acme/platform"], admin: ["acme/platform/leads"] };
const PEOPLE = {
  "1": { preferred_username: "vera", groups: ["acme/apps"] },
  "2": { preferred_username: "oskar", groups: ["acme/apps", "acme/platform"] },
  "3": { preferred_username: "ada", groups: ["acme/platform/leads"] },
  "4": { preferred_username: "stranger", groups: ["elsewhere"] },
};

let provider: TestProvider;
const open: AdminFixture[] = [];
beforeAll(async () => {
  provider = await startProvider(PEOPLE, `${PUBLIC}/login/callback`);
});
afterAll(() => provider.close());
afterEach(() => {
  for (const one of open.splice(0)) one.close();
});

function fixture(admin: Readonly<Record<string, unknown>> = {}): AdminFixture {
  const { issuer, clientId, clientSecret } = provider;
  const oidc = { issuer, clientId, clientSecret, publicUrl: PUBLIC };
  const made = createAdminFixture({
    fetch: providerFetch(createTransport()),
    settings: { admin: { token: "the-admin-token-of-the-test", roles: ROLES, oidc, ...admin } },
  });
  open.push(made);
  return made;
}

/** A browser's cookies of one origin, by name. */
class Jar {
  readonly #cookies = new Map<string, string>();
  take(response: Response): void {
    for (const line of response.headers.getSetCookie()) {
      const [pair = ""] = line.split(";");
      const at = pair.indexOf("=");
      this.#cookies.set(pair.slice(0, at), pair.slice(at + 1));
    }
  }
  get header(): string {
    return [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; ");
  }
}

/** Goes to the provider and back as a browser does; resolves with the address that the provider sends the browser back to. */
async function throughProvider(start: string): Promise<URL> {
  const jar = new Jar();
  let url = new URL(start);
  while (url.origin === new URL(provider.issuer).origin) {
    const response = await fetch(url, { redirect: "manual", headers: { cookie: jar.header } });
    jar.take(response);
    url = new URL(response.headers.get("location") as string, url);
  }
  return url;
}

async function signIn(
  f: AdminFixture,
  subject: string | null,
  next = "/targets",
): Promise<{ jar: Jar; response: Response }> {
  provider.signsIn = subject;
  const jar = new Jar();
  const begun = await f.raw(`/login/begin?next=${encodeURIComponent(next)}`);
  jar.take(begun);
  const back = await throughProvider(begun.headers.get("location") as string);
  const response = await f.raw(back.pathname + back.search, { headers: { Cookie: jar.header } });
  jar.take(response);
  return { jar, response };
}

async function csrfOf(f: AdminFixture, jar: Jar): Promise<string> {
  const page = await (await f.raw("/targets", { headers: { Cookie: jar.header } })).text();
  return /name="_csrf" value="([^"]+)"/.exec(page)?.[1] as string;
}

describe("signing in at a provider", () => {
  test("leads back to the page that was asked for, with the name in the header and the role of the groups", async () => {
    const f = fixture();
    const { jar, response } = await signIn(f, "2", "/targets");
    expect([response.status, response.headers.get("location")]).toEqual([303, "/targets"]);
    const page = await f.raw("/targets", { headers: { Cookie: jar.header } });
    expect([page.status, await page.text()]).toEqual([200, expect.stringMatching(/title="operator">oskar</)]);
    expect(f.lines).toContainEqual({
      event: "admin.login",
      fields: expect.objectContaining({ person: "oskar", role: "operator", via: "oidc" }),
    });
  });

  test("begins with PKCE, state and nonce, and a cookie that only the way back sees", async () => {
    const f = fixture();
    const begun = await f.raw("/login/begin");
    const query = new URL(begun.headers.get("location") as string).searchParams;
    expect(query.get("code_challenge_method")).toBe("S256");
    for (const name of ["code_challenge", "state", "nonce"])
      expect(query.get(name)?.length).toBeGreaterThan(20);
    expect(query.get("redirect_uri")).toBe(`${PUBLIC}/login/callback`);
    expect(begun.headers.getSetCookie()[0]).toMatch(/^relay_sign_in_.*Path=\/login; HttpOnly; SameSite=Lax/);
  });

  test("lets nobody in whose groups have no role", async () => {
    const { response } = await signIn(fixture(), "4");
    expect([response.status, await response.text()]).toEqual([
      403,
      expect.stringContaining("stranger is signed in"),
    ]);
  });

  test("says so when the person refuses", async () => {
    const { response } = await signIn(fixture(), null);
    expect([response.status, await response.text()]).toEqual([401, expect.stringContaining("access_denied")]);
  });

  test("refuses an answer that another browser began, one that is used twice, and one that took too long", async () => {
    const f = fixture();
    provider.signsIn = "2";
    const jar = new Jar();
    const begun = await f.raw("/login/begin");
    jar.take(begun);
    const back = await throughProvider(begun.headers.get("location") as string);
    const path = back.pathname + back.search;
    expect((await f.raw(path)).status).toBe(401);
    const other = new Jar();
    other.take(await f.raw("/login/begin"));
    expect((await f.raw(path, { headers: { Cookie: other.header } })).status).toBe(401);
    expect((await f.raw(path, { headers: { Cookie: jar.header } })).status).toBe(303);
    expect((await f.raw(path, { headers: { Cookie: jar.header } })).status).toBe(401);
  });

  test("a provider that is away is a 503 that says so, and the token still opens", async () => {
    const oidc = { issuer: "http://127.0.0.1:9", clientId: "a", clientSecret: "b", publicUrl: PUBLIC };
    const f = fixture({ oidc });
    const begun = await f.raw("/login/begin");
    expect([begun.status, await begun.text()]).toEqual([503, expect.stringContaining("identity provider")]);
    expect((await f.api("/api/v1/targets")).status).toBe(200);
  });

  test("ends after the minutes of the settings; the token's session goes on", async () => {
    const f = fixture();
    const { jar } = await signIn(f, "1");
    await f.clock.advance(59 * 60_000);
    expect((await f.raw("/targets", { headers: { Cookie: jar.header } })).status).toBe(200);
    await f.clock.advance(60_000);
    const after = await f.raw("/targets", { headers: { Cookie: jar.header } });
    // The provider is asked again at once: who is still signed in there does not notice.
    expect([after.status, after.headers.get("location")]).toEqual([303, "/login/begin?next=%2Ftargets"]);
  });

  test("ends at once when the admin token, the roles or the provider's secret are others", async () => {
    for (const change of [
      { token: "another-admin-token-of-the-test" },
      { roles: { ...ROLES, viewer: [], viewersReadBodies: false, others: "none" as const } },
    ]) {
      const f = fixture();
      const { jar } = await signIn(f, "1");
      f.config = { ...f.config, admin: { ...f.config.admin, ...change } };
      expect((await f.raw("/targets", { headers: { Cookie: jar.header } })).status).toBe(303);
    }
  });

  test("logging out ends the sessions of that person alone", async () => {
    const f = fixture();
    const [first, second, other] = [await signIn(f, "1"), await signIn(f, "1"), await signIn(f, "2")];
    const csrf = await csrfOf(f, first.jar);
    const headers = { Cookie: first.jar.header, "X-CSRF-Token": csrf };
    expect((await f.raw("/logout", { method: "POST", headers })).status).toBe(303);
    const statusOf = async ({ jar }: { jar: Jar }) =>
      (await f.raw("/targets", { headers: { Cookie: jar.header } })).status;
    expect([await statusOf(first), await statusOf(second), await statusOf(other)]).toEqual([303, 303, 200]);
  });
});

describe("roles", () => {
  test.each([
    ["1", "viewer", [200, 403, 403, 403, 403]],
    ["2", "operator", [200, 200, 200, 403, 403]],
    ["3", "admin", [200, 200, 200, 200, 200]],
  ] as const)("%s is %s", async (subject, _role, [reads, body, pauses, deletes, audit]) => {
    const f = fixture();
    const id = await f.add({}, '{"a":"text of the body"}', ["ci-bot"]);
    const { jar } = await signIn(f, subject);
    const headers = { Cookie: jar.header, "X-CSRF-Token": await csrfOf(f, jar) };
    const statusOf = async (path: string, method = "GET") => (await f.raw(path, { method, headers })).status;
    expect(await statusOf(`/api/v1/events/${id}`)).toBe(reads);
    expect(await statusOf(`/api/v1/events/${id}/body`)).toBe(body);
    expect(await statusOf("/api/v1/events/follow?bodies=1")).toBe(body);
    expect(await statusOf("/api/v1/events/follow")).toBe(200);
    expect(await statusOf("/api/v1/targets/ci-bot/pause", "POST")).toBe(pauses);
    expect(await statusOf("/api/v1/audit")).toBe(audit);
    const page = await (await f.raw(`/events/${id}`, { headers })).text();
    expect(page.includes("text of the body")).toBe(body === 200);
    expect([204, 403]).toContain(await statusOf(`/api/v1/events/${id}`, "DELETE"));
    expect(await f.queue.get(id)).toEqual(deletes === 200 ? null : expect.anything());
  });

  test("viewers read bodies if the settings allow it", async () => {
    const f = fixture({ roles: { ...ROLES, viewersReadBodies: true } });
    const id = await f.add({}, '{"a":"text of the body"}');
    const { jar } = await signIn(f, "1");
    const headers = { Cookie: jar.header };
    expect((await f.raw(`/api/v1/events/${id}/body`, { headers })).status).toBe(200);
  });
});

describe("people that a proxy signs in", () => {
  const settings = {
    server: { trustedProxies: ["10.0.0.1"] },
    admin: { token: "the-admin-token-of-the-test", roles: ROLES, proxy: {} },
  };
  const said = { "X-Forwarded-User": "oskar", "X-Forwarded-Groups": "acme/apps, acme/platform" };
  const proxied = (): AdminFixture => {
    const made = createAdminFixture({ settings });
    open.push(made);
    return made;
  };

  test("are believed from a listed proxy alone", async () => {
    const f = proxied();
    expect((await f.raw("/api/v1/targets", { headers: said, from: "10.0.0.1" })).status).toBe(200);
    expect((await f.raw("/api/v1/targets", { headers: said, from: "10.0.0.2" })).status).toBe(401);
    expect((await f.raw("/api/v1/targets", { headers: {}, from: "10.0.0.1" })).status).toBe(401);
  });

  test("have the role of their groups, and change things with a CSRF token only", async () => {
    const f = proxied();
    const from = "10.0.0.1";
    const page = await (await f.raw("/targets", { headers: said, from })).text();
    expect(page).toContain('title="operator">oskar<');
    const csrf = /name="_csrf" value="([^"]+)"/.exec(page)?.[1] as string;
    const pause = (headers: Readonly<Record<string, string>>) =>
      f.raw("/api/v1/targets/ci-bot/pause", { method: "POST", headers, from });
    expect((await pause(said)).status).toBe(403);
    expect((await pause({ ...said, "X-CSRF-Token": csrf })).status).toBe(200);
    const other = { ...said, "X-Forwarded-User": "vera" };
    expect((await pause({ ...other, "X-CSRF-Token": csrf })).status).toBe(403);
    expect((await f.raw("/targets", { headers: { "X-Forwarded-User": "who" }, from })).status).toBe(403);
  });
});
