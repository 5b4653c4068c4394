import { decodeJwt, generateKeyPair, SignJWT, type JWTPayload } from "jose";
import { afterEach, beforeAll, afterAll, describe, expect, test } from "vitest";
import { createTransport } from "../../../../lib/gitlab/transport.ts";
import type { ProviderFetch } from "../../../../relay/admin/auth/oidc.ts";
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
  "5": { preferred_username: "kay", groups: ["/Acme/PLATFORM/"] },
  "6": { preferred_username: "single", groups: "acme/platform" },
  "7": {
    preferred_username: "odd",
    groups: [7, null, { name: "acme/platform/leads" }, ["acme/platform"], "acme/apps"],
  },
  "8": { preferred_username: "silent" },
  "9": {
    preferred_username: "many",
    groups: ["elsewhere"],
    listed: [...Array.from({ length: 249 }, (_, n) => `elsewhere/g${n}`), "acme/platform/leads"],
  },
  "10": { preferred_username: "\u001b[2J\u202eadmin\n" + "x".repeat(5000), groups: ["acme/apps"] },
  ["s".repeat(300)]: { preferred_username: "long", groups: ["acme/apps"] },
};

let provider: TestProvider;
const open: AdminFixture[] = [];
beforeAll(async () => {
  provider = await startProvider(PEOPLE, `${PUBLIC}/login/callback`);
});
afterAll(() => provider.close());
afterEach(() => {
  Object.assign(provider, { apiRefusal: null, pagesAsked: 0 });
  for (const one of open.splice(0)) one.close();
});

function fixture(
  admin: Readonly<Record<string, unknown>> = {},
  more: Readonly<Record<string, unknown>> = {},
  ask: ProviderFetch = providerFetch(createTransport()),
): AdminFixture {
  const { issuer, clientId, clientSecret } = provider;
  const oidc = { issuer, clientId, clientSecret, publicUrl: PUBLIC, ...more };
  const made = createAdminFixture({
    fetch: ask,
    settings: { admin: { token: "the-admin-token-of-the-test", roles: ROLES, oidc, ...admin } },
  });
  open.push(made);
  return made;
}

function seconds(fromNow: number): number {
  return Math.floor(Date.now() / 1000) + fromNow;
}

const keys = generateKeyPair("RS256");

/** The provider, but for what its ID tokens claim. */
function changedToken(change: (claims: JWTPayload) => JWTPayload): ProviderFetch {
  const ask = providerFetch(createTransport());
  return async (url, options) => {
    const response = await ask(url, options);
    if (!url.endsWith("/token")) return response;
    const answer = (await response.json()) as { id_token: string };
    const { privateKey } = await keys;
    const claims = new SignJWT(change(decodeJwt(answer.id_token))).setProtectedHeader({ alg: "RS256" });
    return Response.json({ ...answer, id_token: await claims.sign(privateKey) });
  };
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
    const page = await begun.text();
    expect([begun.status, page]).toEqual([503, expect.stringContaining("The identity provider: ")]);
    expect(page).toMatch(/log in with the admin token[\s\S]*name="token"/);
    expect(page).not.toContain("storage");
    expect((await f.api("/api/v1/targets")).status).toBe(200);
  });

  test("names what does not fit if the issuer says that it is another", async () => {
    const ask = providerFetch(createTransport());
    const f = fixture({}, {}, async (url, options) => {
      const found = (await (await ask(url, options)).json()) as object;
      return Response.json({ ...found, issuer: "https://elsewhere.dev" });
    });
    const begun = await f.raw("/login/begin");
    expect([begun.status, await begun.text()]).toEqual([401, expect.stringMatching(/does not fit .*issuer/)]);
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

  test("leads back from a form that came too late to the page that it was on", async () => {
    const f = fixture();
    const headers = { Host: "relay.dev", Referer: "https://relay.dev/targets?q=1" };
    const late = await f.raw("/targets/ci-bot/pause", { method: "POST", headers });
    expect([late.status, late.headers.get("location")]).toEqual([303, "/login?next=%2Ftargets%3Fq%3D1"]);
    const elsewhere = { ...headers, Referer: "https://elsewhere.dev/targets" };
    const foreign = await f.raw("/targets/ci-bot/pause", { method: "POST", headers: elsewhere });
    expect(foreign.headers.get("location")).toBe("/login?next=%2F");
  });

  test("counts how people sign in", async () => {
    const f = fixture();
    await signIn(f, "2");
    await signIn(f, "4");
    provider.signsIn = null;
    expect(await f.metrics.text()).toMatch(
      /relay_sign_ins_total\{via="oidc",outcome="done"\} 1\n.*"refused"\} 1\n.*"unavailable"\} 0/,
    );
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

  test.each([
    ["5", "a path in other case, between slashes", "operator"],
    ["6", "a single group that is no list", "operator"],
    ["7", "a list that holds more than texts", "viewer"],
    ["10", "a name of control characters, without end", "viewer"],
  ])("takes the claims of person %s: %s", async (subject, _case, role) => {
    const f = fixture();
    const { jar, response } = await signIn(f, subject);
    expect(response.status).toBe(303);
    const page = await (await f.raw("/targets", { headers: { Cookie: jar.header } })).text();
    expect(page).toMatch(new RegExp(`title="${role}">[^\\p{Cc}\\u202e]{1,300}<`, "u"));
  });

  test("says that the groups are missing, which no one's role can follow from", async () => {
    const f = fixture();
    const { response } = await signIn(f, "8");
    const text = await response.text();
    expect([response.status, text]).toEqual([403, expect.stringContaining("did not send their groups")]);
    expect(f.lines.at(-1)).toMatchObject({
      event: "admin.login-failed",
      fields: { person: "silent", groups: null },
    });
    const others = { ...ROLES, others: "viewer" };
    expect((await signIn(fixture({ roles: others }), "8")).response.status).toBe(303);
  });

  test("refuses an id that no cookie could hold", async () => {
    const { response } = await signIn(fixture(), "s".repeat(300));
    expect([response.status, await response.text()]).toEqual([
      401,
      expect.stringContaining("longer than 255 bytes"),
    ]);
  });

  test.each<[string, (claims: JWTPayload) => JWTPayload, number, string]>([
    ["of a clock that is ten seconds behind", (claims) => ({ ...claims, exp: seconds(-10) }), 303, ""],
    [
      "of a clock that is far behind",
      (claims) => ({ ...claims, exp: seconds(-120) }),
      401,
      "compare its clock",
    ],
    ["that begins later", (claims) => ({ ...claims, nbf: seconds(120) }), 401, "compare its clock"],
    ["with another nonce", (claims) => ({ ...claims, nonce: "another" }), 401, "does not fit"],
    ["for another application", (claims) => ({ ...claims, aud: "another" }), 401, "does not fit"],
    ["of another issuer", (claims) => ({ ...claims, iss: "https://elsewhere.dev" }), 401, "does not fit"],
    ["about another person than the user info", (claims) => ({ ...claims, sub: "3" }), 401, "does not fit"],
    ["without a person", ({ sub: _sub, ...claims }) => claims, 401, "does not fit"],
  ])("of an ID token %s", async (_case, change, status, text) => {
    const { response } = await signIn(fixture({}, {}, changedToken(change)), "2");
    expect([response.status, await response.text()]).toEqual([status, expect.stringContaining(text)]);
  });

  test("asks GitLab's API for the groups page by page, with the scope that it needs", async () => {
    const f = fixture({}, { groupsFrom: "api" });
    const { jar, response } = await signIn(f, "9");
    expect([response.status, provider.pagesAsked]).toEqual([303, 3]);
    const page = await f.raw("/targets", { headers: { Cookie: jar.header } });
    expect(await page.text()).toContain('title="admin">many<');
    // Who is listed in none has no role, whatever the claim says.
    expect((await signIn(f, "2")).response.status).toBe(403);
  });

  test.each([
    [403, {}, 401, "needs the scope read_api"],
    [401, { "www-authenticate": 'Bearer error="insufficient_scope"' }, 401, "needs the scope read_api"],
    [429, { "retry-after": "60" }, 503, "answers 429"],
    [200, { "content-type": "text/html" }, 503, "not a list"],
  ])("lets no one in for whom the API answers %i %j", async (status, headers, answered, text) => {
    provider.apiRefusal = { status, headers };
    const f = fixture({ roles: { ...ROLES, others: "viewer" } }, { groupsFrom: "api" });
    const { response } = await signIn(f, "9");
    expect([response.status, await response.text()]).toEqual([answered, expect.stringContaining(text)]);
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
