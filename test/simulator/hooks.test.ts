import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Hook } from "./hook.ts";
import { apiOf, startBench } from "./harness.ts";
import type { Bench, Reply } from "./harness.ts";
import type { Project } from "./model.ts";

let bench: Bench;
let project: Project;
beforeEach(async () => {
  bench = await startBench();
  project = bench.sim.seed.project(bench.sim.seed.group("acme"), "app");
});
afterEach(() => bench.sim.close());

const URL_A = "https://hooks.example.com/a";
const URL_B = "https://hooks.example.com/b";
const SIGNING = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;

function body(reply: Reply): Record<string, unknown> {
  return reply.body as Record<string, unknown>;
}

async function create(fields: Record<string, unknown> = {}): Promise<Hook> {
  const reply = await bench.api("POST", "/projects/1/hooks", { url: URL_A, ...fields });
  expect(reply.status).toBe(201);
  const hook = project.hooks.find((h) => h.id === body(reply)["id"]);
  if (!hook) throw new TypeError("the hook was not stored");
  return hook;
}

const HIDDEN = "h1dden";

describe("list and show", () => {
  test("an unknown hook id, and a hook of another project: 404", async () => {
    const other = bench.sim.seed.project(project.group, "other");
    const foreign = bench.sim.seed.foreignHook(other);
    const reply = await bench.api("GET", "/projects/1/hooks/999");
    expect([reply.status, reply.body]).toEqual([404, { message: "404 Not found" }]);
    expect((await bench.api("GET", `/projects/1/hooks/${foreign.id}`)).status).toBe(404);
    expect((await bench.api("PUT", `/projects/1/hooks/${foreign.id}`, { push_events: false })).status).toBe(
      404,
    );
    expect((await bench.api("DELETE", `/projects/1/hooks/${foreign.id}`)).status).toBe(404);
    expect((await bench.api("GET", "/projects/1/hooks/abc")).body).toEqual({ error: "hook_id is invalid" });
  });

  test("the list is paginated", async () => {
    for (let n = 0; n < 25; n++) bench.sim.seed.foreignHook(project, n);
    const first = await bench.api("GET", "/projects/1/hooks");
    expect(first.body).toHaveLength(20);
    expect(first.headers.get("x-total")).toBe("25");
    expect(first.headers.get("link")).toContain('rel="next"');
    expect((await bench.api("GET", "/projects/1/hooks?page=2")).body).toHaveLength(5);
  });

  test("the list leaves out url_variables and custom_headers; show has their keys, never values", async () => {
    const hook = await create({
      url: "https://hooks.example.com/{part}",
      url_variables: [{ key: "part", value: HIDDEN }],
      custom_headers: [{ key: "X-Custom", value: HIDDEN }],
    });
    const [listed] = (await bench.api("GET", "/projects/1/hooks")).body as Record<string, unknown>[];
    expect(listed).not.toHaveProperty("url_variables");
    expect(listed).not.toHaveProperty("custom_headers");
    const shown = await bench.api("GET", `/projects/1/hooks/${hook.id}`);
    expect(body(shown)).toMatchObject({
      url: "https://hooks.example.com/{part}",
      url_variables: [{ key: "part" }],
      custom_headers: [{ key: "X-Custom" }],
    });
    expect(shown.text).not.toContain(HIDDEN);
  });

  test("token and signing_token are in no answer; their presence is, from 19.0", async () => {
    const created = await bench.api("POST", "/projects/1/hooks", {
      url: URL_A,
      token: HIDDEN,
      signing_token: SIGNING,
    });
    const path = `/projects/1/hooks/${String(body(created)["id"])}`;
    const replies = [
      created,
      await bench.api("GET", path),
      await bench.api("GET", "/projects/1/hooks"),
      await bench.api("PUT", path, { token: HIDDEN }),
    ];
    for (const reply of replies) {
      expect(reply.text).not.toContain(HIDDEN);
      expect(reply.text).not.toContain(SIGNING);
      expect(reply.text).toContain('"token_present":true,"signing_token_present":true');
    }
    bench.sim.settings.version = [18, 11];
    expect(body(await bench.api("GET", path))).not.toHaveProperty("token_present");
    expect(body(await bench.api("GET", path))).not.toHaveProperty("signing_token_present");
  });

  test("alert_status and disabled_until, with milliseconds, only while a hook is paused", async () => {
    const hook = await create();
    const path = `/projects/1/hooks/${hook.id}`;
    bench.sim.change(hook, { recentFailures: 4, disabledUntil: bench.clock.now() + 60_123 });
    expect(body(await bench.api("GET", path))).toMatchObject({
      alert_status: "executable",
      disabled_until: null,
    });
    bench.sim.settings.autoDisable = true;
    expect(body(await bench.api("GET", path))).toMatchObject({
      alert_status: "temporarily_disabled",
      disabled_until: "2026-01-15T12:01:00.123Z",
    });
    bench.sim.change(hook, { recentFailures: 40 });
    expect(body(await bench.api("GET", path))).toMatchObject({
      alert_status: "disabled",
      disabled_until: null,
    });
  });

  test("attributes follow the version", async () => {
    const hook = await create({ name: "n", description: "d" });
    const path = `/projects/1/hooks/${hook.id}`;
    expect(body(await bench.api("GET", path))).toMatchObject({
      name: "n",
      description: "d",
      milestone_events: false,
    });
    bench.sim.settings.version = [17, 2];
    const seventeen = body(await bench.api("GET", path));
    expect(seventeen).toHaveProperty("name");
    expect(seventeen).toHaveProperty("emoji_events");
    for (const key of ["milestone_events", "vulnerability_events"]) expect(seventeen).not.toHaveProperty(key);
    bench.sim.settings.version = [15, 0];
    const fifteen = body(await bench.api("GET", path));
    for (const key of ["name", "description", "emoji_events", "custom_headers", "url_variables"]) {
      expect(fifteen).not.toHaveProperty(key);
    }
  });

  test("a group hook has group_id and the flags of groups", async () => {
    const reply = await bench.api("POST", "/groups/acme/hooks", {
      url: URL_A,
      subgroup_events: true,
      member_events: true,
    });
    expect(reply.status).toBe(201);
    expect(body(reply)).toMatchObject({
      group_id: project.group.id,
      subgroup_events: true,
      member_events: true,
      project_events: false,
    });
    expect(body(reply)).not.toHaveProperty("project_id");
    expect((await bench.api("GET", "/groups/acme/hooks")).body).toHaveLength(1);
  });
});

describe("create", () => {
  test("201 and the hook, with the defaults", async () => {
    const reply = await bench.api("POST", "/projects/1/hooks", { url: URL_A });
    expect(reply.status).toBe(201);
    const flags = Object.entries(body(reply)).filter(([key]) => key.endsWith("_events"));
    for (const [key, value] of flags) {
      const wanted = key === "push_events" ? true : key === "confidential_note_events" ? null : false;
      expect([key, value]).toEqual([key, wanted]);
    }
    expect(body(reply)).toMatchObject({
      enable_ssl_verification: true,
      project_id: 1,
      branch_filter_strategy: "wildcard",
    });
  });

  test("no url, or nothing at all: 400", async () => {
    expect((await bench.api("POST", "/projects/1/hooks", { push_events: true })).body).toEqual({
      error: "url is missing",
    });
    expect((await bench.api("POST", "/projects/1/hooks")).status).toBe(400);
  });

  test.each([
    [{ url: "ftp://example.com" }, "Invalid url given"],
    [{ url: "no url" }, "Invalid url given"],
    [{ url: "https://x.example/{gone}" }, "Invalid url given"],
    [{ token: "two\nlines" }, "Token is invalid"],
    [{ push_events_branch_filter: "~badbranchname/" }, "Invalid branch filter given"],
    [{ push_events_branch_filter: "(", branch_filter_strategy: "regex" }, "Invalid branch filter given"],
    [{ custom_headers: [{ key: "bad key", value: "x" }] }, "Custom headers must be a valid json schema"],
    [{ signing_token: "whsec_short" }, "Signing token is invalid"],
    [{ name: "n".repeat(256) }, "Name is too long (maximum is 255 characters)"],
    [
      { custom_webhook_template: "x".repeat(4097) },
      "Custom webhook template is too long (maximum is 4096 characters)",
    ],
  ])("%j: 422 %s", async (fields, error) => {
    const reply = await bench.api("POST", "/projects/1/hooks", { url: URL_A, ...fields });
    expect([reply.status, reply.body]).toEqual([422, { error }]);
    expect(project.hooks).toHaveLength(0);
  });

  test("a wrong type: 400", async () => {
    const reply = await bench.api("POST", "/projects/1/hooks", { url: URL_A, push_events: "perhaps" });
    expect([reply.status, reply.body]).toEqual([400, { error: "push_events is invalid" }]);
    const strategy = await bench.api("POST", "/projects/1/hooks", {
      url: URL_A,
      branch_filter_strategy: "guess",
    });
    expect(strategy.body).toEqual({ error: "branch_filter_strategy does not have a valid value" });
    const header = await bench.api("POST", "/projects/1/hooks", {
      url: URL_A,
      custom_headers: [{ key: "X" }],
    });
    expect(header.body).toEqual({ error: "custom_headers[0][value] is missing" });
  });

  test("at most 20 custom headers", async () => {
    const headers = Array.from({ length: 21 }, (_, n) => ({ key: `X-H${n}`, value: "v" }));
    expect(
      (await bench.api("POST", "/projects/1/hooks", { url: URL_A, custom_headers: headers })).status,
    ).toBe(422);
    expect(
      (await bench.api("POST", "/projects/1/hooks", { url: URL_A, custom_headers: headers.slice(1) })).status,
    ).toBe(201);
  });

  test("over the plan limit: 422 with the number; nothing stops a second hook with the same url", async () => {
    bench.sim.settings.hookLimits = { project: 2, group: 1 };
    await create();
    await create();
    const reply = await bench.api("POST", "/projects/1/hooks", { url: URL_A });
    expect([reply.status, reply.body]).toEqual([
      422,
      { error: "Maximum number of project hooks (2) exceeded" },
    ]);
    expect(project.hooks.map((h) => h.url)).toEqual([URL_A, URL_A]);
    await bench.api("POST", "/groups/acme/hooks", { url: URL_A });
    expect((await bench.api("POST", "/groups/acme/hooks", { url: URL_A })).text).toContain(
      "group hooks (1) exceeded",
    );
  });

  test("signing_token is ignored before 19.0 and where the feature is off", async () => {
    bench.sim.settings.version = [18, 11];
    expect((await create({ signing_token: SIGNING })).signingToken).toBeNull();
    bench.sim.settings.version = [19, 0];
    bench.sim.settings.signingTokens = false;
    const reply = await bench.api("POST", "/projects/1/hooks", { url: URL_A, signing_token: SIGNING });
    expect(reply.status).toBe(201);
    expect(body(reply)).not.toHaveProperty("signing_token_present");
  });

  test("unknown keys are ignored; flags that the version does not know as well", async () => {
    bench.sim.settings.version = [15, 11];
    const reply = await bench.api("POST", "/projects/1/hooks", {
      url: URL_A,
      nonsense: 1,
      emoji_events: true,
      name: "x",
    });
    expect(reply.status).toBe(201);
    expect(body(reply)).not.toHaveProperty("emoji_events");
    expect(project.hooks[0]?.name).toBeNull();
  });

  test("form and multipart bodies work like JSON", async () => {
    const pairs: [string, string][] = [
      ["url", URL_A],
      ["issues_events", "true"],
      ["push_events", "0"],
      ["custom_headers[][key]", "X-A"],
      ["custom_headers[][value]", "1"],
      ["custom_headers[][key]", "X-B"],
      ["custom_headers[][value]", "2"],
    ];
    const multipart = new FormData();
    for (const [key, value] of pairs) multipart.append(key, value);
    for (const form of [new URLSearchParams(pairs), multipart]) {
      const reply = await bench.api("POST", "/projects/1/hooks", form);
      expect(reply.status).toBe(201);
      expect(body(reply)).toMatchObject({
        issues_events: true,
        push_events: false,
        custom_headers: [{ key: "X-A" }, { key: "X-B" }],
      });
    }
    expect([...(project.hooks[0]?.customHeaders ?? [])]).toEqual([
      ["X-A", "1"],
      ["X-B", "2"],
    ]);
  });

  test("JSON that does not parse, and a body of another type, are refused", async () => {
    const url = `${bench.sim.url}/api/v4/projects/1/hooks`;
    const headers = { "PRIVATE-TOKEN": bench.sim.token.value };
    const json = { ...headers, "Content-Type": "application/json" };
    expect((await fetch(url, { method: "POST", headers: json, body: "{" })).status).toBe(400);
    expect((await fetch(url, { method: "POST", headers: json, body: "[]" })).status).toBe(400);
    const text = { ...headers, "Content-Type": "text/plain" };
    expect((await fetch(url, { method: "POST", headers: text, body: "url=x" })).status).toBe(415);
  });

  test("a guarded instance refuses hooks into the local network unless the host is on its list", async () => {
    bench.sim.settings.outbound = { blockLocal: true, allowlist: ["10.1.2.3", "localhost:8080"] };
    const post = async (url: string): Promise<number> =>
      (await bench.api("POST", "/projects/1/hooks", { url })).status;
    for (const url of [
      "http://127.0.0.1/x",
      "http://localhost/x",
      "http://192.168.1.1",
      "http://[::1]:80/",
    ]) {
      expect([url, await post(url)]).toEqual([url, 422]);
    }
    for (const url of [
      "http://10.1.2.3/x",
      "http://localhost:8080/x",
      "https://hooks.example.com",
      "http://8.8.8.8",
    ]) {
      expect([url, await post(url)]).toEqual([url, 201]);
    }
  });
});

describe("update", () => {
  test("200 and the hook; url is optional in 19.x and required before", async () => {
    const hook = await create();
    const path = `/projects/1/hooks/${hook.id}`;
    const reply = await bench.api("PUT", path, { issues_events: true, confidential_note_events: false });
    expect(reply.status).toBe(200);
    expect(body(reply)).toMatchObject({
      issues_events: true,
      push_events: true,
      confidential_note_events: false,
    });
    bench.sim.settings.version = [18, 5];
    expect((await bench.api("PUT", path, { issues_events: false })).body).toEqual({
      error: "url is missing",
    });
    expect((await bench.api("PUT", path, { url: URL_A, issues_events: false })).status).toBe(200);
  });

  test("nothing that the API knows: 400", async () => {
    const hook = await create();
    for (const nothing of [undefined, {}, { nonsense: true }]) {
      const reply = await bench.api("PUT", `/projects/1/hooks/${hook.id}`, nothing);
      expect([reply.status, reply.body]).toEqual([400, { error: "No parameters provided" }]);
    }
  });

  test("a refused change changes nothing", async () => {
    const hook = await create({ token: "keep" });
    const reply = await bench.api("PUT", `/projects/1/hooks/${hook.id}`, {
      url: "ftp://x",
      issues_events: true,
    });
    expect(reply.body).toEqual({ error: "Invalid url given" });
    expect(hook).toMatchObject({ url: URL_A, token: "keep" });
    const headers = await bench.api("PUT", `/projects/1/hooks/${hook.id}`, {
      custom_headers: [{ key: "a b", value: "x" }],
    });
    expect(headers.body).toEqual({ error: "Custom headers validation failed" });
  });

  test("custom_headers and url_variables are merged, not replaced", async () => {
    const hook = await create({
      custom_headers: [
        { key: "X-A", value: "1" },
        { key: "X-B", value: "1" },
      ],
    });
    await bench.api("PUT", `/projects/1/hooks/${hook.id}`, {
      custom_headers: [
        { key: "X-B", value: "2" },
        { key: "X-C", value: "2" },
      ],
    });
    expect(Object.fromEntries(hook.customHeaders ?? [])).toEqual({ "X-A": "1", "X-B": "2", "X-C": "2" });
    await bench.api("PUT", `/projects/1/hooks/${hook.id}`, { url_variables: [{ key: "one", value: "1" }] });
    await bench.api("PUT", `/projects/1/hooks/${hook.id}`, { url_variables: [{ key: "two", value: "2" }] });
    expect([...(hook.urlVariables?.keys() ?? [])]).toEqual(["one", "two"]);
  });

  test("a changed url wipes the token unless it is sent again; signing_token survives", async () => {
    const hook = await create({ token: "old", signing_token: SIGNING });
    const path = `/projects/1/hooks/${hook.id}`;
    await bench.api("PUT", path, { url: URL_A, issues_events: true });
    expect(hook.token).toBe("old");
    await bench.api("PUT", path, { url: URL_B });
    expect([hook.token, hook.signingToken]).toEqual([null, SIGNING]);
    await bench.api("PUT", path, { url: URL_A, token: "again" });
    expect(hook.token).toBe("again");
  });

  test("a changed url wipes all custom headers, those of the same PUT included", async () => {
    const hook = await create({ custom_headers: [{ key: "X-A", value: "1" }] });
    const path = `/projects/1/hooks/${hook.id}`;
    const reply = await bench.api("PUT", path, { url: URL_B, custom_headers: [{ key: "X-B", value: "1" }] });
    expect(reply.status).toBe(200);
    expect(body(reply)["custom_headers"]).toEqual([]);
    await bench.api("PUT", path, { custom_headers: [{ key: "X-B", value: "1" }] });
    expect(Object.fromEntries(hook.customHeaders ?? [])).toEqual({ "X-B": "1" });
  });

  test("a changed url does not keep the variables of the old one", async () => {
    const hook = await create({ url: "https://a.example/{v}", url_variables: [{ key: "v", value: "1" }] });
    const reply = await bench.api("PUT", `/projects/1/hooks/${hook.id}`, { url: "https://b.example/{v}" });
    expect(reply.body).toEqual({ error: "Invalid url given" });
    expect(hook.url).toBe("https://a.example/{v}");
  });

  test("all_branches clears the filter", async () => {
    const hook = await create({ push_events_branch_filter: "main" });
    await bench.api("PUT", `/projects/1/hooks/${hook.id}`, { branch_filter_strategy: "all_branches" });
    expect(hook.branchFilter).toBeNull();
  });

  test.each(["custom_headers", "url_variables"])(
    "single %s: 204; illegal key or empty value 422; unknown key 404",
    async (kind) => {
      const hook = await create();
      const path = `/projects/1/hooks/${hook.id}/${kind}`;
      expect((await bench.api("PUT", `${path}/X-Key`, { value: "v" })).status).toBe(204);
      expect((kind === "custom_headers" ? hook.customHeaders : hook.urlVariables)?.get("X-Key")).toBe("v");
      expect((await bench.api("PUT", `${path}/abc%20def`, { value: "v" })).status).toBe(422);
      expect((await bench.api("PUT", `${path}/key`, { value: "" })).status).toBe(422);
      expect((await bench.api("PUT", `${path}/key`, {})).body).toEqual({ error: "value is missing" });
      const deleted = await bench.api("DELETE", `${path}/X-Key`);
      expect([deleted.status, deleted.text]).toEqual([204, ""]);
      expect((await bench.api("DELETE", `${path}/X-Key`)).status).toBe(404);
      bench.sim.settings.version = [15, 0];
      expect((await bench.api("PUT", `${path}/key`, { value: "v" })).body).toEqual({
        error: "404 Not Found",
      });
      expect((await bench.api("DELETE", `${path}/key`)).status).toBe(404);
    },
  );
});

describe("delete", () => {
  test("204 with an empty body; repeated: 404; without id: 404", async () => {
    const hook = await create();
    const first = await bench.api("DELETE", `/projects/1/hooks/${hook.id}`);
    expect([first.status, first.text]).toEqual([204, ""]);
    expect((await bench.api("DELETE", `/projects/1/hooks/${hook.id}`)).status).toBe(404);
    expect((await bench.api("DELETE", "/projects/1/hooks")).status).toBe(404);
  });

  test("If-Unmodified-Since in the past: 412", async () => {
    const hook = await create();
    const past = apiOf(bench.sim, bench.sim.token.value, {
      "If-Unmodified-Since": new Date(bench.clock.now() - 60_000).toUTCString(),
    });
    expect((await past("DELETE", `/projects/1/hooks/${hook.id}`)).status).toBe(412);
    const now = apiOf(bench.sim, bench.sim.token.value, {
      "If-Unmodified-Since": new Date(bench.clock.now()).toUTCString(),
    });
    expect((await now("DELETE", `/projects/1/hooks/${hook.id}`)).status).toBe(204);
  });
});
