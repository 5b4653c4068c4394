import { afterEach, describe, expect, test } from "vitest";
import { UpstreamError } from "../../../../lib/errors.ts";
import {
  createAdminFixture,
  memorySessions,
  targetStatus,
  type AdminFixture,
  type Request,
} from "../../../helpers/admin.ts";
import { configSchema } from "../../../../relay/config/schema.ts";
import { ADMIN_TOKEN } from "../../../helpers/relay-process.ts";
import { push } from "../../../helpers/payloads.ts";
import { attempt } from "../../../helpers/queue-contract.ts";

const TOKEN = "a-long-admin-token";

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

/** A browser that keeps its cookie and sends forms as browsers do; logs in by itself where the token is the fixture's own. */
class Visitor {
  cookie = "";
  readonly #fixture: AdminFixture;

  constructor(f: AdminFixture) {
    this.#fixture = f;
  }

  async get(path: string, request: Request = {}): Promise<Response> {
    const isOwn = this.#fixture.config.admin.token === ADMIN_TOKEN;
    if (isOwn && this.cookie === "" && !path.startsWith("/login")) await this.login(ADMIN_TOKEN);
    const response = await this.#fixture.raw(path, {
      ...request,
      headers: { ...(this.cookie === "" ? {} : { Cookie: this.cookie }), ...request.headers },
    });
    const set = response.headers.get("set-cookie");
    if (set !== null) this.cookie = set.split(";")[0]!;
    return response;
  }

  async text(path: string): Promise<string> {
    return (await (await this.get(path)).text()).replace(/\s+/g, " ");
  }

  async csrf(): Promise<string> {
    return /name="_csrf" value="([^"]+)"/.exec(await this.text("/targets"))![1]!;
  }

  post(
    path: string,
    fields: Record<string, string>,
    headers: Record<string, string> = {},
  ): Promise<Response> {
    return this.get(path, {
      method: "POST",
      headers: {
        "Content-Type": "application/x-www-form-urlencoded",
        "Sec-Fetch-Site": "same-origin",
        ...headers,
      },
      body: new URLSearchParams(fields).toString(),
    });
  }

  async submit(path: string, fields: Record<string, string> = {}): Promise<Response> {
    return this.post(path, { _csrf: await this.csrf(), ...fields });
  }

  login(token = TOKEN, next = "/"): Promise<Response> {
    return this.post("/login", { token, next });
  }
}

test("event: the curl command posts below server.basePath", async () => {
  const f = fixture();
  const id = await f.add();
  f.config = { ...f.config, server: { ...f.config.server, basePath: "/relay/" } };
  expect(await new Visitor(f).text(`/events/${id}`)).toMatch(/http:\/\/[^/ ]+\/relay\/webhooks\/gitlab/);
});

test("targets: projects whose own file is refused stand there with why, without secrets, and are told on the overview", async () => {
  const f = fixture();
  const visitor = new Visitor(f);
  expect(await visitor.text("/targets")).not.toContain("project-files");
  const token = "glpat-aaaaaaaaaaaaaaaaaaaa";
  f.refusedFiles = [{ projectId: 42, at: f.clock.now(), error: `targets.bot: "${token}" is no list` }];
  const page = await visitor.text("/targets");
  expect(page).toContain('<a href="/events?project=42"><strong>42</strong></a>');
  expect(page).toContain("is no list");
  expect(page).not.toContain(token);
  expect(await visitor.text("/")).toContain("The file of project 42 is refused");
});

describe("login", () => {
  test("is where every page sends to, and leads back to the page", async () => {
    const visitor = new Visitor(fixture({ token: TOKEN }));
    for (const path of [
      "/",
      "/events?kind=push",
      "/events/1",
      "/dead",
      "/targets",
      "/activity",
      "/events/replay",
    ]) {
      const response = await visitor.get(path);
      expect([response.status, response.headers.get("location")]).toEqual([
        303,
        `/login?next=${encodeURIComponent(path)}`,
      ]);
    }
    expect(await visitor.text("/login?next=%2Fevents")).toContain('name="next" value="/events"');
    const response = await visitor.login(TOKEN, "/events?kind=push");
    expect([response.status, response.headers.get("location")]).toEqual([303, "/events?kind=push"]);
    expect((await visitor.get("/events?kind=push")).status).toBe(200);
  });

  test("sets a cookie that scripts cannot read and other sites cannot send", async () => {
    const f = fixture({ token: TOKEN, settings: { server: { trustedProxies: ["127.0.0.1"] } } });
    const plain = await new Visitor(f).login();
    expect(plain.headers.get("set-cookie")).toMatch(
      /^relay_session_[0-9a-f]{8}=[\w.-]+; Max-Age=43200; Path=\/; HttpOnly; SameSite=Strict$/,
    );
    const secure = await f.raw("/login", {
      method: "POST",
      headers: { "Content-Type": "application/x-www-form-urlencoded", "X-Forwarded-Proto": "https" },
      body: `token=${TOKEN}`,
    });
    expect(secure.headers.get("set-cookie")).toContain("; Secure");
  });

  test("refuses a wrong token in words, and more and more of them with 429", async () => {
    const f = fixture({ token: TOKEN });
    const visitor = new Visitor(f);
    for (let count = 0; count < 10; count += 1) {
      const response = await visitor.login("wrong");
      expect(response.status).toBe(401);
      expect(await response.text()).toContain("That is not the admin token.");
    }
    const refused = await visitor.login("wrong");
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    expect((await visitor.login()).status).toBe(303);
    expect((await visitor.login("wrong")).status).toBe(429);
    await f.clock.advance(60_000);
    expect((await visitor.login("wrong")).status).toBe(401);
    expect(f.lines.map((line) => line.event)).toEqual([
      ...Array.from({ length: 10 }, () => "admin.login-failed"),
      "admin.login",
      "admin.login-failed",
    ]);
  });

  test("is refused to another site's form", async () => {
    const visitor = new Visitor(fixture({ token: TOKEN }));
    const response = await visitor.post("/login", { token: TOKEN }, { "Sec-Fetch-Site": "cross-site" });
    expect(response.status).toBe(403);
  });

  test.each(["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "events"])(
    "does not lead on to %s",
    async (next) => {
      const visitor = new Visitor(fixture({ token: TOKEN }));
      expect((await visitor.login(TOKEN, next)).headers.get("location")).toBe("/");
    },
  );

  test("lasts twelve hours, and no longer than the token or until logging out", async () => {
    const f = fixture({ token: TOKEN });
    const first = new Visitor(f);
    await first.login();
    await f.clock.advance(12 * 3_600_000 - 1000);
    expect((await first.get("/")).status).toBe(200);
    await f.clock.advance(1000);
    expect((await first.get("/")).status).toBe(303);

    const second = new Visitor(f);
    await second.login();
    const kept = second.cookie;
    expect((await second.submit("/logout")).headers.get("location")).toBe("/login");
    second.cookie = kept;
    expect((await second.get("/")).status).toBe(303);

    const third = new Visitor(f);
    await third.login();
    f.config = { ...f.config, admin: { ...f.config.admin, token: "changed-token" } };
    expect((await third.get("/")).status).toBe(303);
  });

  test("opens the API and the live stream, too; changes there need the CSRF token", async () => {
    const f = fixture({ token: TOKEN });
    const visitor = new Visitor(f);
    await visitor.login();
    expect((await visitor.get("/api/v1/events")).status).toBe(200);
    const path = "/api/v1/targets/ci-bot/pause";
    expect((await visitor.get(path, { method: "POST" })).status).toBe(403);
    const token = await visitor.csrf();
    expect((await visitor.get(path, { method: "POST", headers: { "X-CSRF-Token": token } })).status).toBe(
      200,
    );
    const foreign = { "X-CSRF-Token": token, "Sec-Fetch-Site": "cross-site" };
    expect((await visitor.get(path, { method: "POST", headers: foreign })).status).toBe(403);
  });

  test("lets a link from another site in without asking again", async () => {
    const f = fixture({ token: TOKEN });
    const response = await f.raw("/events/1", { headers: { "Sec-Fetch-Site": "cross-site" } });
    expect([response.status, response.headers.get("refresh")]).toEqual([200, "0"]);
  });

  test("has no cookie by itself: nobody is let in for where they come from", async () => {
    const f = fixture({ token: TOKEN });
    for (const from of ["127.0.0.1", "::1", "10.0.0.7"]) {
      const response = await f.raw("/", { from, headers: { Host: "localhost:8080" } });
      expect([response.status, response.headers.get("location")]).toEqual([303, "/login?next=%2F"]);
      const api = await f.raw("/api/v1/events", { from, headers: { Host: "localhost:8080" } });
      expect([api.status, await api.json()]).toMatchObject([
        401,
        { error: { code: "unauthorized", message: expect.stringContaining("RELAY_ADMIN_TOKEN") } },
      ]);
    }
  });
});

describe("the link of the start", () => {
  test("logs in once, and leads to the dashboard", async () => {
    const f = fixture({ token: TOKEN });
    const visitor = new Visitor(f);
    const response = await visitor.get(f.admin.loginPath);
    expect([response.status, response.headers.get("location")]).toEqual([303, "/"]);
    expect((await visitor.get("/")).status).toBe(200);
    const late = await new Visitor(f).get(f.admin.loginPath);
    expect(late.status).toBe(401);
    expect(await late.text()).toContain("used already");
  });

  test("is not guessed: other codes are refused and counted, and do not use it up", async () => {
    const f = fixture({ token: TOKEN });
    for (let count = 0; count < 10; count += 1)
      expect((await f.raw(`/login?code=guess-${count}`)).status).toBe(401);
    expect((await f.raw("/login?code=")).status).toBe(429);
    expect((await f.raw(f.admin.loginPath)).status).toBe(303);
  });
});

describe("sessions of several relays", () => {
  test("hold on every relay of one storage, over a restart, and end on all of them by logging out on one", async () => {
    const sessions = memorySessions();
    const [one, two] = [fixture({ token: TOKEN, sessions }), fixture({ token: TOKEN, sessions })];
    const visitor = new Visitor(one);
    await visitor.login();
    const kept = visitor.cookie;
    expect((await two.raw("/", { headers: { Cookie: kept } })).status).toBe(200);
    await visitor.submit("/logout");
    const restarted = fixture({ token: TOKEN, sessions });
    for (const relay of [one, two, restarted])
      expect((await relay.raw("/", { headers: { Cookie: kept } })).status).toBe(303);
    const again = new Visitor(two);
    await again.login();
    expect((await one.raw("/", { headers: { Cookie: again.cookie } })).status).toBe(200);
  });

  test("of two storages have two cookies: none logs the other out", async () => {
    const [one, two] = ["a", "b"].map((salt) => fixture({ token: TOKEN, sessions: memorySessions(salt) }));
    const cookies = await Promise.all(
      [one!, two!].map(async (f) => {
        const visitor = new Visitor(f);
        await visitor.login();
        return visitor.cookie;
      }),
    );
    expect(new Set(cookies.map((cookie) => cookie.split("=")[0])).size).toBe(2);
    const headers = { Cookie: cookies.join("; ") };
    for (const f of [one!, two!]) expect((await f.raw("/", { headers })).status).toBe(200);
    const renamed = { Cookie: `${cookies[1]!.split("=")[0]}=${cookies[0]!.split("=")[1]}` };
    expect((await two!.raw("/", { headers: renamed })).status).toBe(303);
  });

  test("stay as they were while the storage is out of reach; logging out then says that it failed", async () => {
    const sessions = memorySessions();
    const f = fixture({ token: TOKEN, sessions });
    const visitor = new Visitor(f);
    await visitor.login();
    const csrf = await visitor.csrf();
    sessions.failing = true;
    expect((await visitor.get("/targets")).status).toBe(200);
    expect((await visitor.post("/logout", { _csrf: csrf })).status).toBe(503);
  });
});

describe("forms that are none", () => {
  const multipart = { "Content-Type": "multipart/form-data; boundary=x" };

  test.each(["/login", "/events/replay"])(
    "%s: a broken form is 400, a long one 413, in words and without a stack",
    async (path) => {
      const f = fixture({ token: TOKEN });
      const visitor = new Visitor(f);
      await visitor.login();
      const broken = await visitor.get(path, { method: "POST", headers: multipart, body: "--x\r\nnonsense" });
      expect([broken.status, await broken.text()]).toEqual([400, expect.stringContaining("cannot be read")]);
      const long = await visitor.post(path, { token: "x".repeat(70_000) });
      expect([long.status, await long.text()]).toEqual([413, expect.stringContaining("longer than")]);
      expect(f.lines.map((line) => line.event)).toEqual(["admin.login"]);
    },
  );
});

describe("forms", () => {
  const targets = [
    "/events/x/replay",
    "/events/x/delete",
    "/events/replay",
    "/dead/replay",
    "/replays/x/cancel",
    "/targets/ci-bot/pause",
    "/logout",
  ];

  test.each(targets)("%s changes nothing without the session's CSRF token", async (path) => {
    const f = fixture();
    const visitor = new Visitor(f);
    await visitor.get("/");
    const other = new Visitor(f);
    for (const fields of [{}, { _csrf: "" }, { _csrf: "AAAA" }, { _csrf: await other.csrf() }])
      expect((await visitor.post(path, fields)).status).toBe(403);
    expect(
      (await visitor.post(path, { _csrf: await visitor.csrf() }, { "Sec-Fetch-Site": "same-site" })).status,
    ).toBe(403);
    expect(f.lines.filter(({ event }) => event !== "admin.login")).toEqual([]);
  });

  test("show the duplicates of a dead letter and what to do instead", async () => {
    const f = fixture();
    const visitor = new Visitor(f);
    const id = await f.add({}, "{}", ["audit"]);
    await f.settle("audit", "dead");
    expect(await visitor.text(`/events/${id}`)).not.toContain("Duplicates");
    f.queue.duplicates = async () => ({ count: 3, lastAt: f.clock.now() });
    const page = await visitor.text(`/events/${id}`);
    expect(page).toMatch(/<dt>Duplicates<\/dt>\s*<dd>3, the last <time/);
    expect(page).toContain("not delivered: replay the event instead");
  });

  test("replay an event to all its targets or to one, and tell so once", async () => {
    const f = fixture();
    const visitor = new Visitor(f);
    const id = await f.add({}, "{}", ["ci-bot", "audit"]);
    await f.settle("ci-bot", "done");
    await f.settle("audit", "dead");
    const page = await visitor.text(`/events/${id}`);
    expect(page).toContain("Replay to audit");
    expect(page).toContain("Replay to all 2…");
    expect(page).toContain("<option selected>audit</option>");
    expect((await visitor.submit(`/events/${id}/replay`)).headers.get("location")).toBe(
      `/events/${id}?notice=queued&n=2`,
    );
    expect(await visitor.text(`/events/${id}?notice=queued&n=2`)).toContain(
      "2 deliveries are queued for replay.",
    );
    await f.settle("audit", "done");
    await visitor.submit(`/events/${id}/replay`, { replayTo: "audit" });
    await f.settle("audit", "dead");
    await visitor.submit(`/events/${id}/replay`, { replayTo: "(failed)" });
    expect((await f.queue.get(id))?.deliveries.map((d) => [d.target, d.replay])).toEqual([
      ["ci-bot", 0],
      ["audit", 0],
      ["ci-bot", 1],
      ["audit", 1],
      ["audit", 2],
      ["audit", 3],
    ]);
    const unmatched = await f.add();
    expect((await visitor.submit(`/events/${unmatched}/replay`)).headers.get("location")).toBe(
      `/events/${unmatched}?notice=no-target`,
    );
    expect(await visitor.text(`/events/${unmatched}`)).not.toContain("Replay to all");
    expect((await visitor.submit("/events/gone/replay")).headers.get("location")).toBe("/events?notice=gone");
  });

  test("replay a filtered set after showing how many, leaving out what came since", async () => {
    const f = fixture();
    const visitor = new Visitor(f);
    await f.add({ kind: "note" }, "{}", ["ci-bot"]);
    await f.add({}, "{}", ["ci-bot"]);
    await f.add({}, "{}", ["ci-bot"]);
    for (let left = 3; left > 0; left--) await f.settle("ci-bot", "dead");
    const preview = await visitor.text("/events/replay?kind=push");
    expect(preview).toContain("2 dead letters of 2 events will be replayed to ci-bot.");
    const to = /name="to" value="([^"]+)"/.exec(preview)![1]!;
    await f.clock.advance(1000);
    await f.add({}, "{}", ["ci-bot"]);
    await f.settle("ci-bot", "dead");
    const response = await visitor.submit("/events/replay", { kind: "push", to });
    expect(response.headers.get("location")).toMatch(
      /^\/events\?kind=push&to=2026-01-15T12%3A00%3A00.000Z&notice=queued&n=2&job=[0-9a-z-]+$/,
    );
    expect(await visitor.text("/events/replay?kind=release")).toContain("No events match");
    expect(await visitor.text("/events?kind=push")).toContain("Replay these…");
    expect(await visitor.text("/events")).not.toContain("Replay these…");
    expect((await visitor.get("/events/replay")).headers.get("location")).toBe("/events?notice=no-filter");
    expect((await visitor.submit("/events/replay")).status).toBe(400);
    expect((await visitor.submit("/events/replay", { state: "lost" })).status).toBe(400);
  });

  test("replay dead letters, of all targets or of one", async () => {
    const f = fixture();
    const visitor = new Visitor(f);
    await f.add({}, "{}", ["ci-bot", "audit"]);
    await f.settle("ci-bot", "dead");
    await f.settle("audit", "dead");
    const page = await visitor.text("/dead");
    expect(page).toContain("answered 503, attempts used up");
    expect(page).toContain("2 dead letters will be replayed, the oldest first.");
    expect((await visitor.submit("/dead/replay", { target: "audit" })).headers.get("location")).toMatch(
      /^\/dead\?notice=queued&n=1&job=[0-9a-z-]+$/,
    );
  });

  test("link the dead letters without an answer", async () => {
    const f = fixture();
    await f.add({}, "{}", ["audit"]);
    const [claim] = await f.queue.claim("audit", { first: 1, retry: 1 });
    const failed = { ...attempt(f.clock.now()), status: null, error: "something odd" };
    await claim!.settle({ outcome: "dead", at: f.clock.now(), attempt: failed, reason: "gave up" });
    const page = await new Visitor(f).text("/dead");
    expect(page).toContain('<a href="/events?state=dead&amp;target=audit&amp;status=none"');
  });

  test("delete an event", async () => {
    const f = fixture();
    const visitor = new Visitor(f);
    const id = await f.add();
    expect((await visitor.submit(`/events/${id}/delete`)).headers.get("location")).toBe(
      "/events?notice=removed",
    );
    expect(await f.queue.get(id)).toBeNull();
    expect((await visitor.submit(`/events/${id}/delete`)).headers.get("location")).toBe(
      "/events?notice=gone",
    );
    const gone = await visitor.get(`/events/${id}`);
    expect([gone.status, (await gone.text()).includes("There is no such event")]).toEqual([404, true]);
  });

  test("pause and resume a target and lead back to where they were", async () => {
    const f = fixture();
    const visitor = new Visitor(f);
    const token = await visitor.csrf();
    const fromTargets = await visitor.post(
      "/targets/audit/pause",
      { _csrf: token },
      { Referer: "http://localhost/targets" },
    );
    expect(fromTargets.headers.get("location")).toBe("/targets?notice=paused&target=audit");
    expect(await visitor.text("/targets?notice=paused&target=audit")).toContain("The target is paused");
    expect((await visitor.submit("/targets/audit/resume")).headers.get("location")).toBe(
      "/?notice=resumed&target=audit",
    );
    expect((await visitor.submit("/targets/nobody/pause")).status).toBe(404);
  });
});

describe("pages", () => {
  async function every(f: AdminFixture): Promise<string[]> {
    const { body } = push("alice", "shop", "main", ["One"]);
    const id = await f.add({ headers: [["x-gitlab-event", "Push Hook"]] }, JSON.stringify(body), [
      "ci-bot",
      "audit",
    ]);
    await f.settle("ci-bot", "dead");
    await f.settle("audit", "retry");
    return [
      "/",
      "/events",
      "/events?q=x",
      `/events/${id}`,
      "/events/gone",
      "/events/replay?kind=push",
      "/replays",
      "/replays/gone",
      "/dead",
      "/targets",
      "/activity",
      "/login?next=%2F",
    ];
  }

  test("carry no inline script, style or handler, and headers that forbid them", async () => {
    const f = fixture();
    const locked = fixture({ token: TOKEN });
    const visitor = new Visitor(f);
    for (const path of await every(f)) {
      const response = await (path.startsWith("/login") ? locked.raw(path) : visitor.get(path));
      const html = await response.text();
      expect(html, path).toContain("<!doctype html>");
      expect(html.match(/<script(?![^>]* src=)|<style|\sstyle=|\son\w+=|javascript:/i), path).toBeNull();
      const policy = response.headers.get("content-security-policy")!;
      expect(policy, path).toContain("default-src 'none'; script-src 'self'; style-src 'self'");
      expect(policy, path).toContain("frame-ancestors 'none'");
      expect(policy, path).not.toContain("unsafe");
      expect(response.headers.get("x-frame-options"), path).toBe("DENY");
      expect(response.headers.get("x-content-type-options"), path).toBe("nosniff");
      expect(response.headers.get("cache-control"), path).toBe("no-store");
    }
  });

  test("name nothing that is elsewhere, and serve what they name", async () => {
    const f = fixture();
    const html = await new Visitor(f).text("/");
    const named = [...html.matchAll(/<(?:script|link)[^>]* (?:src|href)="([^"]+)"/g)].map(
      (match) => match[1]!,
    );
    expect(named).toHaveLength(3);
    for (const path of named) {
      const response = await f.raw(path, { from: "203.0.113.1" });
      expect([path, response.status]).toEqual([path, 200]);
      expect(response.headers.get("cache-control")).toMatch(/public, max-age=\d+/);
    }
  });

  test("show what is hostile as text", async () => {
    const f = fixture();
    const evil = '"><script>alert(1)</script>';
    const id = await f.add(
      { actor: evil, projectPath: evil, kind: evil, ref: `refs/heads/${evil}`, headers: [["x-evil", evil]] },
      JSON.stringify({ [evil]: evil }),
      ["ci-bot"],
    );
    await f.settle("ci-bot", "dead");
    const visitor = new Visitor(f);
    for (const path of [
      "/",
      "/events",
      `/events/${id}`,
      "/dead",
      `/events?q=${encodeURIComponent(evil)}`,
      `/events/replay?q=${encodeURIComponent(evil)}`,
    ]) {
      const html = await visitor.text(path);
      expect(html, path).not.toContain("<script>alert");
      expect(html.match(/<script/g), path).toHaveLength(1);
    }
  });

  test("tell an event in words, step by step, with masked headers and body", async () => {
    const f = fixture();
    const webhook = push("alice", "shop", "main", ["One", "Two"]);
    const body = {
      ...webhook.body,
      user_email: "glpat-abcdefghijklmnopqrstu",
      token: "s3cret-value",
      big: 0,
    };
    const json = JSON.stringify(body).replace('"big":0', '"big":12345678901234567890');
    const id = await f.add(
      {
        actor: "alice",
        projectPath: "acme/shop",
        headers: [
          ["authorization", "Basic Zm9v"],
          ["user-agent", "GitLab/19"],
        ],
      },
      json,
      ["ci-bot"],
    );
    await f.settle("ci-bot", "retry");
    const html = await new Visitor(f).text(`/events/${id}`);
    expect(html).toContain("alice pushed 2 commits to main of acme/shop");
    expect(html).toContain("attempt 1");
    expect(html).toContain("down for repairs");
    expect(html).toContain("next attempt");
    expect(html).toContain("GitLab/19");
    expect(html).toContain("12345678901234567890");
    for (const secret of ["glpat-", "s3cret-value", "Zm9v"]) expect(html).not.toContain(secret);
    expect(html).toContain("X-Gitlab-Token: $GITLAB_WEBHOOK_SECRET");
  });

  test.each([
    ["nothing", ""],
    ["no JSON", "hello <b>"],
    ["no object", "[1,2]"],
    ["half a document", '{"a": [1, {"b": "c'],
    ["nesting of 100,000", `${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}`],
  ])("show a body that is %s", async (_name, body) => {
    const f = fixture();
    const id = await f.add({}, body);
    const response = await f.api(`/events/${id}`);
    expect(response.status).toBe(200);
    expect(await response.text()).toContain("</html>");
  });

  test("show the beginning of a large body, and where all of it is", async () => {
    const f = fixture();
    const id = await f.add({}, JSON.stringify({ text: "x".repeat(500_000), end: "the-end" }));
    const html = await new Visitor(f).text(`/events/${id}`);
    expect(html).toContain("the download has all");
    expect(html).not.toContain("the-end");
    expect(html.length).toBeLessThan(1_000_000);
  });

  test.each([
    ["100,000 levels", `{"a":${"[".repeat(100_000)}${"]".repeat(100_000)}}`],
    ["100,000 numbers", `{"a":[${"1,".repeat(100_000)}1]}`],
  ])("indent the beginning of %s", async (_claim, body) => {
    const f = fixture();
    const html = await new Visitor(f).text(`/events/${await f.add({}, body)}`);
    expect(html).toContain("the download has all");
    expect(html.length).toBeLessThan(1_500_000);
  });

  test("name a wrong filter and keep the others", async () => {
    const html = await new Visitor(fixture()).text("/events?from=yesterday&project=acme%2Fshop");
    expect(html).toContain("from must be a time");
    expect(html).toContain('value="acme/shop"');
  });

  test("offer nothing for a filter that is refused", async () => {
    const visitor = new Visitor(fixture());
    const offered = /Replay these|events\/export|No events/;
    expect(await visitor.text("/events?state=bogus")).not.toMatch(offered);
    expect(await visitor.text("/events?state=bogus")).toContain("state must be one of");
    expect(await visitor.text("/events?state=dead")).toMatch(offered);
  });

  test("lead to older events and back", async () => {
    const f = fixture();
    const ids = [await f.add(), await f.add(), await f.add()];
    const visitor = new Visitor(f);
    const first = await visitor.text("/events?limit=2&kind=push");
    const older = /href="([^"]+)" rel="next"/
      .exec(first.replaceAll(/\s+/g, " "))![1]!
      .replaceAll("&amp;", "&");
    expect(older).toBe(`/events?kind=push&cursor=${ids[1]!}&limit=2`);
    const second = await visitor.text(older);
    expect(second).toContain('rel="first"');
    expect(second).not.toContain("data-stream");
    expect(first).toContain('data-stream="/api/v1/stream?kind=push"');
  });

  test("open a live stream that takes every filter of the list", async () => {
    const f = fixture();
    await f.add();
    const visitor = new Visitor(f);
    const filters =
      "state=dead target=ci-bot status=none project=a/b kind=push action=open actor=ada q=cart range=1h instance=default";
    for (const filter of filters.split(" ")) {
      const page = await visitor.text(`/events?${filter}`);
      const stream = /data-stream="([^"]+)"/.exec(page)![1]!;
      expect(decodeURIComponent(stream)).toContain(filter);
      const answer = await f.api(stream);
      expect([filter, answer.status]).toEqual([filter, 200]);
      await answer.body!.cancel();
    }
  });

  test("begin the live stream where the page was made, so that nothing falls between", async () => {
    const f = fixture();
    await f.add();
    const list = f.queue.list;
    f.queue.list = async (...given) => {
      const page = await list(...given);
      await f.add({ actor: "meanwhile" });
      return page;
    };
    const html = await new Visitor(f).text("/events");
    expect(html).not.toContain("meanwhile");
    const since = /data-since="([^"]+)"/.exec(html)![1]!;
    const stream = (await f.api(`/api/v1/stream?lastEventId=${since}`)).body!.getReader();
    let text = "";
    while (!text.includes("meanwhile")) {
      const reading = stream.read();
      await f.clock.advance(100);
      text += Buffer.from((await reading).value!).toString("utf8");
    }
    expect(text).not.toContain("event: gap");
    const closing = stream.cancel();
    await f.clock.advance(100);
    await closing;
  });

  test("say when a search stopped early", async () => {
    const f = fixture();
    f.queue.list = () => Promise.resolve({ events: [], cursor: "next-page", partial: true, looked: 40_000 });
    const html = await new Visitor(f).text("/events?q=needle&looked=300000");
    expect(html).toContain("340,000 events");
    expect(html).toContain("Searched back to");
    expect(html).toContain("/events?q=needle&amp;cursor=next-page&amp;looked=340000");
  });

  test("answer lists without loading a body", async () => {
    const f = fixture();
    await f.add({}, "{}", ["ci-bot"]);
    await f.settle("ci-bot", "dead");
    f.queue.body = () => Promise.reject(new Error("a body was loaded"));
    const visitor = new Visitor(f);
    for (const path of ["/", "/events", "/events?q=ada", "/dead", "/targets", "/events/replay?kind=push"])
      expect((await visitor.get(path)).status, path).toBe(200);
  });

  test("name the GitLab of each event, and filter by it, once there are several", async () => {
    const f = fixture();
    await f.add({ projectPath: "acme/own" });
    await f.add({ projectPath: "acme/theirs", instanceName: "partner" });
    const visitor = new Visitor(f);
    const alone = await visitor.text("/events");
    expect(alone).not.toContain('name="instance"');
    expect(alone).not.toContain('class="instance"');
    const [partner] = Object.values(
      configSchema.parse({ instances: { partner: { secretTokens: ["a-token-of-the-partner"] } } }).instances,
    );
    f.config = { ...f.config, instances: { partner: partner! } };
    const several = await visitor.text("/events");
    expect(several).toContain('<select name="instance">');
    expect(several).toContain('<td class="instance">default</td>');
    expect(several).toContain('<td class="instance">partner</td>');
    const filtered = await visitor.text("/events?instance=partner");
    expect(filtered).toContain("acme/theirs");
    expect(filtered).not.toContain("acme/own");
  });

  test("mark the second of a pair, and lead to the first", async () => {
    const f = fixture();
    const pairKey = "pair-0123456789abcdef0123456789abcdef";
    const first = await f.add({ pairKey });
    const second = await f.add({ pairKey, twin: { of: first, targets: ["ci-bot"] } });
    const visitor = new Visitor(f);
    expect((await visitor.text("/events")).match(/class="tag">twin</g)).toHaveLength(1);
    expect(await visitor.text(`/events/${second}`)).toContain(`href="/events/${first}"`);
    expect(await visitor.text(`/events/${first}`)).toContain(`href="/events?q=${pairKey}"`);
    expect((await visitor.text(`/events?q=${pairKey}`)).match(/data-id=/g)).toHaveLength(2);
  });

  test("mask what an attention item quotes of an answer", async () => {
    const f = fixture({ settings: { mask: { patterns: ["hush-[a-z]+"] } } });
    await f.add({}, "{}", ["ci-bot"]);
    f.statuses = [
      targetStatus("ci-bot", {
        breaker: "open",
        lastError: { at: f.clock.now(), text: "refused hush-puppy", eventId: "e1" },
      }),
    ];
    const html = await new Visitor(f).text("/");
    expect(html).toContain("ci-bot is failing");
    expect(html).not.toContain("hush-puppy");
  });

  test("offer the kinds that are there with their events, and the states with their deliveries", async () => {
    const f = fixture();
    await f.add({ kind: "note" }, "{}", ["ci-bot"]);
    for (let count = 0; count < 2; count++) await f.add({ kind: "merge_request" }, "{}", ["ci-bot"]);
    const choices = async (name: string, path = "/events"): Promise<string[]> => {
      const html = await new Visitor(f).text(path);
      const boxes = html.matchAll(new RegExp(`name="${name}"[^>]*/>([^<]*(?:<span class="of">[^<]*)?)`, "g"));
      return [...boxes].map(([, text = ""]) => text.replace('<span class="of">', " ").trim());
    };
    expect(await choices("kind")).toEqual(["merge request 2", "note 1"]);
    expect(await choices("kind", "/events?kind=push")).toEqual(["merge request 2", "note 1", "push"]);
    expect(await choices("state")).toContain("waiting 3");
    const { counts } = await f.queue.kinds();
    f.queue.kinds = () => Promise.resolve({ counts, isWhole: false });
    expect(await choices("kind")).toEqual(["merge request 2+", "note 1+"]);
  });

  test("find an event by its id at once, if it fits the other filters", async () => {
    const f = fixture();
    const id = await f.add();
    await f.add();
    f.queue.list = () => Promise.reject(new Error("the list was searched"));
    const visitor = new Visitor(f);
    expect(await visitor.text(`/events?q=${id}`)).toContain(`href="/events/${id}"`);
    expect(await visitor.text(`/events?q=${id}&kind=note`)).toContain("No events match");
    expect(await visitor.text(`/events?q=${"0".repeat(26)}`)).toContain("No events match");
    const body = (await (await f.api(`/api/v1/events?q=${id.toUpperCase()}`)).json()) as {
      events: unknown[];
    };
    expect(body.events).toHaveLength(1);
  });

  test("look through no events for dead letters that are not there", async () => {
    const f = fixture();
    await f.add({}, "{}", ["ci-bot"]);
    let lists = 0;
    const { list } = f.queue;
    f.queue.list = (...args) => {
      lists += 1;
      return list(...args);
    };
    expect(await (await f.api("/dead")).text()).toContain("A delivery becomes a dead letter when");
    expect(lists).toBe(0);
    await f.settle("ci-bot", "dead");
    expect(await (await f.api("/dead")).text()).toContain("answered 503, attempts used up");
    expect(lists).toBe(1);
  });

  test("say what fails while the storage does not answer, and ask again", async () => {
    const f = fixture();
    f.queue.faults.checks.push({ name: "redis", ok: false, detail: "connection refused" });
    f.queue.stats = () =>
      Promise.reject(new UpstreamError("storage", "Redis is out of reach", { retryable: true }));
    f.queue.list = () =>
      Promise.reject(new UpstreamError("storage", "Redis is out of reach", { retryable: true }));
    for (const path of ["/", "/events", "/dead", "/targets"]) {
      const response = await f.api(path);
      expect([path, response.status, response.headers.get("refresh")]).toEqual([path, 503, "5"]);
      const html = await response.text();
      expect(html).toContain("Redis is out of reach");
      expect(html).toContain("connection refused");
    }
    const { stats } = fixture().queue;
    Object.assign(f.queue, { stats, list: () => Promise.reject(new TypeError("a bug")) });
    expect((await f.api("/events")).status).toBe(500);
  });

  test("say where activity is not counted", async () => {
    const html = await new Visitor(fixture()).text("/activity");
    expect(html).toContain("activity: { enabled: true }");
    const response = await fixture().api("/api/v1/activity");
    expect([response.status, await response.json()]).toMatchObject([404, { error: { code: "not_enabled" } }]);
  });
});

describe("GET /", () => {
  test.each<[string, (f: AdminFixture) => Promise<void> | void, string]>([
    ["nothing arrived", () => {}, "Ready; nothing has arrived yet"],
    ["all is delivered", async (f) => void (await f.add()), "All well; everything is delivered"],
    ["events wait", async (f) => void (await f.add({}, "{}", ["ci-bot"])), "All well; 1 on the way"],
    [
      "letters died",
      async (f) => {
        await f.add({}, "{}", ["ci-bot"]);
        await f.settle("ci-bot", "dead");
      },
      "1 dead letter needs a decision: 1 ci-bot (503)",
    ],
    [
      "a target fails",
      async (f) => {
        await f.add({}, "{}", ["ci-bot"]);
        f.statuses[0] = { ...f.statuses[0]!, breaker: "open", breakerUntil: f.clock.now() + 30_000 };
      },
      "ci-bot is failing: its last attempts failed in a row, the breaker is open; 1 waiting",
    ],
    [
      "the storage fails",
      (f) => void f.queue.faults.checks.push({ name: "storage", ok: false, detail: "the disk is full" }),
      "Not ready, webhooks are answered with 503: storage (the disk is full)",
    ],
    [
      "webhooks could not be stored",
      (f) => f.metrics.request("unavailable", "push", 3),
      "1 webhook could not be stored in the last ten minutes; GitLab does not repeat them",
    ],
    [
      "webhooks are refused, and letters died",
      async (f) => {
        await f.add({}, "{}", ["ci-bot"]);
        await f.settle("ci-bot", "dead");
        for (let count = 0; count < 40; count += 1) f.metrics.request("unauthorized", null, 1);
      },
      "40 webhooks refused in the last ten minutes: wrong secret, or an address that is not allowed; the log says which",
    ],
    [
      "settings were refused, and a target is paused with a backlog",
      async (f) => {
        f.settingsProblems.push("targets.ci-bot.url: must be a URL");
        await f.add({}, "{}", ["ci-bot"]);
        await f.queue.setPaused("ci-bot", true);
      },
      "Changed settings are not in force: targets.ci-bot.url: must be a URL",
    ],
    [
      "there is no target",
      async (f) => {
        f.statuses = [];
        await f.add();
      },
      "Receiving; nowhere to deliver to yet: set RELAY_TARGET_URL, or add targets to relay.yaml",
    ],
  ])("begins with what matters most: %s", async (_name, arrange, wanted) => {
    const f = fixture();
    const visitor = new Visitor(f);
    await visitor.get("/");
    await arrange(f);
    const html = await visitor.text("/");
    expect(/<h1[^>]*>\s*(?:<a[^>]*>)?\s*([^<]+?)\s*</.exec(html)?.[1]).toBe(wanted);
  });

  test("groups dead letters by target and reason", async () => {
    const f = fixture();
    for (let count = 0; count < 3; count += 1) {
      await f.add({}, "{}", ["ci-bot", "audit"]);
      await f.settle("ci-bot", "dead");
    }
    await f.settle("audit", "dead");
    const html = await new Visitor(f).text("/");
    expect(html).toMatch(/<strong>3<\/strong> <div> <a [^>]*>ci-bot<\/a> answered 503 <\/div>/);
    expect(html).toMatch(/<strong>1<\/strong> <div> <a [^>]*>audit<\/a>/);
  });

  test("draws the last hour", async () => {
    const f = fixture();
    const visitor = new Visitor(f);
    for (let count = 0; count < 99; count += 1) f.metrics.request("accepted", "push", 2);
    f.metrics.request("accepted", "push", 900);
    f.metrics.request("duplicate", "push", 1);
    f.metrics.request("unauthorized", null, 1);
    await f.clock.advance(60_000);
    f.metrics.request("accepted", "push", 3);
    const html = await visitor.text("/");
    expect(html).toContain("12:00: accepted 100, duplicate 1, refused 1");
    expect(html).toMatch(/12:00: median 2(\.\d)? ms, p99 2(\.\d)? ms/);
    expect(html).toContain("101 accepted in the last hour");
    await f.clock.advance(3_600_000);
    expect(await visitor.text("/")).not.toContain("12:00: accepted");
  });
});
