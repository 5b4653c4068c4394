import type { ServerResponse } from "node:http";
import { Webhook } from "standardwebhooks";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { EVENTS, eventRow } from "../../lib/events.ts";
import { eventFacts } from "../../relay/event/event-facts.ts";
import type { Hook } from "./hook.ts";
import { HOOK_FLAGS } from "./hook.ts";
import { always, apiOf, startBench, startReceiver } from "./harness.ts";
import type { Bench, Receiver } from "./harness.ts";
import type { HookChange } from "./inside.ts";
import type { Group, Project } from "./model.ts";
import { findRow } from "./events-log.ts";

let bench: Bench;
let receiver: Receiver;
let group: Group;
let project: Project;
beforeEach(async () => {
  bench = await startBench();
  receiver = await startReceiver();
  group = bench.sim.seed.group("acme");
  project = bench.sim.seed.project(group, "app");
});
afterEach(async () => {
  await bench.sim.settled();
  await bench.sim.close();
  await receiver.close();
});

const SIGNING = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;

function hookOn(parent: Project | Group | null, change: HookChange = {}): Hook {
  const hook = bench.sim.model.addHook(parent, receiver.url);
  bench.sim.change(hook, change);
  return hook;
}

describe("the wire", () => {
  test("one POST per hook, application/json, a connection of its own", async () => {
    hookOn(project);
    hookOn(project);
    const report = await bench.sim.trigger(project, "push");
    expect(report.delivered).toHaveLength(2);
    expect(receiver.received).toHaveLength(2);
    for (const request of receiver.received) {
      expect(request.method).toBe("POST");
      expect(request.headers).toMatchObject({
        "content-type": "application/json",
        "user-agent": "GitLab/19.0.0-ee",
        "x-gitlab-event": "Push Hook",
        "x-gitlab-instance": bench.sim.url,
        connection: "close",
      });
    }
  });

  test("Idempotency-Key is per hook and event; webhook-id equals it; the UUIDs are fresh", async () => {
    hookOn(project);
    hookOn(group, { flags: ["push_events"] });
    await bench.sim.trigger(project, "push");
    await bench.sim.trigger(project, "push");
    const keys = receiver.received.map((r) => r.headers["idempotency-key"]);
    expect(new Set(keys).size).toBe(4);
    expect(receiver.received.map((r) => r.headers["webhook-id"])).toEqual(keys);
    expect(new Set(receiver.received.map((r) => r.headers["x-gitlab-webhook-uuid"])).size).toBe(4);
    expect(new Set(receiver.received.map((r) => r.headers["x-gitlab-event-uuid"])).size).toBe(4);
  });

  test("webhook-signature verifies with the Standard Webhooks library; without a token there is none", async () => {
    bench.clock.setNow(Date.now());
    hookOn(project, { signingToken: SIGNING });
    await bench.sim.trigger(project, "push");
    const [signed] = receiver.received;
    const headers = signed?.headers as Record<string, string>;
    expect(() => new Webhook(SIGNING.slice(6)).verify(signed?.body ?? "", headers)).not.toThrow();
    bench.sim.settings.signingTokens = false;
    await bench.sim.trigger(project, "push");
    expect(receiver.received[1]?.headers).not.toHaveProperty("webhook-signature");
    expect(receiver.received[1]?.headers).toHaveProperty("webhook-timestamp");
  });

  test("custom headers are merged first: GitLab's own win", async () => {
    hookOn(project, {
      token: "line\nbreak",
      customHeaders: { "X-Mine": "1", "x-gitlab-token": "spoof", "User-Agent": "me" },
    });
    await bench.sim.trigger(project, "push");
    expect(receiver.received[0]?.headers).toMatchObject({
      "x-mine": "1",
      "x-gitlab-token": "linebreak",
      "user-agent": "GitLab/19.0.0-ee",
    });
  });

  test.each([
    ["15.4.0", [], ["idempotency-key", "webhook-id", "x-gitlab-webhook-uuid", "x-mine"]],
    ["17.2.0", ["x-gitlab-webhook-uuid", "x-mine"], ["idempotency-key", "webhook-id"]],
    ["17.4.0", ["idempotency-key"], ["webhook-id", "webhook-timestamp", "webhook-signature"]],
    ["19.0.0", ["idempotency-key", "webhook-id", "webhook-timestamp", "webhook-signature"], []],
  ])("headers of %s", async (version, present, absent) => {
    await bench.sim.close();
    bench = await startBench({ version });
    project = bench.sim.seed.project(bench.sim.seed.group("acme"), "app");
    hookOn(project, { signingToken: SIGNING, customHeaders: { "X-Mine": "1" } });
    await bench.sim.trigger(project, "push");
    const names = Object.keys(receiver.received[0]?.headers ?? {});
    expect(names).toEqual(expect.arrayContaining([...present, "x-gitlab-event", "x-gitlab-event-uuid"]));
    for (const name of absent) expect(names).not.toContain(name);
  });

  test("user info of the URL goes out as Basic and is hidden in the log", async () => {
    const hook = hookOn(project, { url: receiver.url.replace("http://", "http://me:s%40crt@") });
    await bench.sim.trigger(project, "push");
    const pair = Buffer.from("me:s@crt").toString("base64");
    expect(receiver.received[0]?.headers.authorization).toBe(`Basic ${pair}`);
    expect(hook.log?.[0]?.url).toContain("*****:*****@");
  });

  test("redirects: 302 turns the POST into a GET, 307 keeps it; both may end well", async () => {
    const hook = hookOn(project);
    receiver.respond = (response, request) => {
      const next = request.url.endsWith("?307") ? 307 : 302;
      if (request.url.startsWith("/end")) response.writeHead(200).end();
      else response.writeHead(next, { Location: "/end" }).end();
    };
    await bench.sim.trigger(project, "push");
    bench.sim.change(hook, { url: `${receiver.url}?307` });
    await bench.sim.trigger(project, "push");
    expect(receiver.received.map((r) => [r.method, r.url, r.body === ""])).toEqual([
      ["POST", "/hook", false],
      ["GET", "/end", true],
      ["POST", "/hook?307", false],
      ["POST", "/end", false],
    ]);
    receiver.respond = (response) => void response.writeHead(307, { Location: "/again" }).end();
    expect((await bench.sim.trigger(project, "push")).delivered[0]).toMatchObject({
      status: null,
      message: "HTTP redirects too deep",
    });
  });

  test("the timeout is webhook_timeout; a refused connection and it are `internal error`", async () => {
    const hook = hookOn(project);
    receiver.respond = () => undefined;
    const report = bench.sim.trigger(project, "push");
    await receiver.arrived(1);
    await bench.clock.advance(10_000);
    expect((await report).delivered[0]).toMatchObject({
      status: null,
      message: expect.stringContaining("ReadTimeout") as string,
    });
    bench.sim.change(hook, { url: "http://127.0.0.1:1/" });
    await bench.sim.trigger(project, "push");
    expect(hook.log?.map((row) => row.responseStatus)).toEqual(["internal error", "internal error"]);
  });

  test("a template renders the body; one that yields no JSON fails without a call", async () => {
    const hook = hookOn(project);
    hook.template = '{"kind":"{{object_kind}}","id":{{project.id}},"none":{{no.where}}}';
    await bench.sim.trigger(project, "push");
    expect(JSON.parse(receiver.received[0]?.body ?? "")).toEqual({ kind: "push", id: 1, none: null });
    hook.template = "{{commits.0}}";
    expect((await bench.sim.trigger(project, "push")).delivered[0]?.status).toBeNull();
    expect(receiver.received).toHaveLength(1);
    expect(hook.log?.[1]).toMatchObject({ responseStatus: "internal error", requestData: "{}" });
  });
});

describe("payloads", () => {
  const rows = EVENTS.filter((row) => row.flag !== null && row.scopes.includes("project"));
  test.each(rows.map((row) => [row.kind, row] as const))(
    "%s: header and body lead back to its row",
    async (kind, row) => {
      hookOn(project, { flags: [row.flag ?? ""] });
      await bench.sim.trigger(project, kind);
      const [request] = receiver.received;
      const header = String(request?.headers["x-gitlab-event"]);
      const facts = eventFacts({ header, instance: null }, JSON.parse(request?.body ?? ""));
      expect(header).toBe(row.header);
      expect(eventRow({ header, ...facts })?.kind).toBe(kind);
      expect(facts.projectId).toBe(project.id);
    },
  );

  test.each(["member", "project", "subgroup"])("group hook %s has no object_kind", async (kind) => {
    const row = EVENTS.find((r) => r.kind === kind);
    hookOn(group, { flags: [row?.flag ?? ""] });
    await bench.sim.trigger(kind === "project" ? project : group, kind);
    const [request] = receiver.received;
    const sent = JSON.parse(request?.body ?? "") as Record<string, unknown>;
    expect(request?.headers["x-gitlab-event"]).toBe(row?.header);
    expect(sent).not.toHaveProperty("object_kind");
    expect(row?.eventNames).toContain(sent["event_name"]);
  });

  test.each(EVENTS.filter((row) => row.flag === null).map((row) => row.kind))(
    "system hook %s is always sent",
    async (kind) => {
      hookOn(null);
      hookOn(project, { flags: [...HOOK_FLAGS] });
      await bench.sim.trigger(group, kind);
      expect(receiver.received).toHaveLength(1);
      expect(receiver.received[0]?.headers["x-gitlab-event"]).toBe("System Hook");
    },
  );

  test("a push shows the newest 20 commits and tells how many there were", async () => {
    hookOn(project);
    await bench.sim.trigger(project, "push", {
      commitCount: 33,
      ref: "feature/x",
      payload: { user_name: "Ada", project: { name: "renamed" } },
    });
    const sent = JSON.parse(receiver.received[0]?.body ?? "") as { commits: unknown[] };
    expect(sent.commits).toHaveLength(20);
    expect(sent).toMatchObject({
      total_commits_count: 33,
      ref: "refs/heads/feature/x",
      user_name: "Ada",
      project: { name: "renamed", id: 1 },
    });
  });

  test("times are ISO 8601 since 19.0 and the old form before", async () => {
    hookOn(project, { flags: ["issues_events"] });
    await bench.sim.trigger(project, "issue");
    bench.sim.settings.version = [18, 0];
    await bench.sim.trigger(project, "issue");
    const times = receiver.received.map(
      (r) =>
        (JSON.parse(r.body) as { object_attributes: { updated_at: string } }).object_attributes.updated_at,
    );
    expect(times).toEqual(["2026-01-15T12:00:00.000Z", "2026-01-15 12:00:00 UTC"]);
  });

  test("an unknown kind, and a project's kind on a group, are mistakes of the test", async () => {
    await expect(bench.sim.trigger(project, "nope")).rejects.toThrow("Unknown kind");
    await expect(bench.sim.trigger(group, "push")).rejects.toThrow("event of a project");
  });
});

describe("which hooks fire", () => {
  test("those that are subscribed: the project's, its groups' up to the top, and system hooks", async () => {
    const team = bench.sim.seed.group("team", { parent: group });
    const nested = bench.sim.seed.project(team, "nested");
    const ids = [hookOn(nested), hookOn(team), hookOn(group), hookOn(null)].map((hook) => hook.id);
    hookOn(project);
    hookOn(nested, { flags: ["issues_events"] });
    const report = await bench.sim.trigger(nested, "push");
    expect(report.delivered.map((d) => d.hookId).sort((a, b) => a - b)).toEqual(ids);
    bench.sim.settings.tier = "free";
    expect((await bench.sim.trigger(nested, "push")).delivered).toHaveLength(2);
  });

  test("the branch filter holds for pushes only", async () => {
    const hook = hookOn(project, { flags: ["push_events", "pipeline_events"] });
    hook.branchFilter = "release/*";
    expect((await bench.sim.trigger(project, "push")).dropped).toEqual([
      { hookId: hook.id, reason: "branch-filter" },
    ]);
    expect((await bench.sim.trigger(project, "push", { ref: "release/1.0" })).delivered).toHaveLength(1);
    expect((await bench.sim.trigger(project, "pipeline")).delivered).toHaveLength(1);
    bench.sim.change(hook, {});
    hook.branchFilterStrategy = "regex";
    hook.branchFilter = "^ma.n$";
    expect((await bench.sim.trigger(project, "push")).delivered).toHaveLength(1);
  });

  test("a push of more than 3 refs fires no hook and leaves no row", async () => {
    const hook = hookOn(project);
    const report = await bench.sim.trigger(project, "push", { refCount: 4 });
    expect(report.dropped[0]?.reason).toBe("refs");
    expect([receiver.received.length, hook.log]).toEqual([0, null]);
  });

  test("over the calls of a top-level group in a minute: dropped without a row", async () => {
    bench.sim.settings.hookCallsPerMinute = 3;
    const team = bench.sim.seed.group("team", { parent: group });
    const hooks = [hookOn(project), hookOn(bench.sim.seed.project(team, "x"))];
    const reports = [];
    for (let n = 0; n < 4; n++)
      reports.push(await bench.sim.trigger([...team.projects, project][n % 2] ?? project, "push"));
    expect(reports.map((r) => r.dropped[0]?.reason ?? null)).toEqual([null, null, null, "rate-limit"]);
    expect(hooks.map((h) => h.log?.length)).toEqual([1, 2]);
    await bench.clock.advance(60_000);
    expect((await bench.sim.trigger(project, "push")).delivered).toHaveLength(1);
  });

  test("recursion: under one event UUID a hook fires once, and a hundred do at most", async () => {
    const hook = hookOn(project);
    await bench.sim.trigger(project, "push");
    const eventUuid = String(receiver.received[0]?.headers["x-gitlab-event-uuid"]);
    expect((await bench.sim.trigger(project, "push", { eventUuid })).dropped).toEqual([
      { hookId: hook.id, reason: "recursion" },
    ]);
    for (let n = 0; n < 100; n++) hookOn(project);
    const report = await bench.sim.trigger(project, "push", { eventUuid });
    expect(report.delivered).toHaveLength(99);
    expect(report.dropped.filter((d) => d.reason === "recursion")).toHaveLength(2);
    await bench.clock.advance(31 * 60_000);
    expect((await bench.sim.trigger(project, "push", { eventUuid })).delivered.length).toBeGreaterThan(0);
  });

  test("no more than deliveryConcurrency calls at a time", async () => {
    bench.sim.settings.deliveryConcurrency = 2;
    for (let n = 0; n < 5; n++) hookOn(project);
    const open: ServerResponse[] = [];
    let most = 0;
    receiver.respond = (response) => {
      most = Math.max(most, open.push(response));
      if (open.length < 2 && receiver.received.length < 5) return;
      for (const held of open.splice(0)) held.writeHead(200).end();
    };
    expect((await bench.sim.trigger(project, "push")).delivered).toHaveLength(5);
    expect(most).toBe(2);
  });
});

describe("auto-disable", () => {
  beforeEach(() => {
    bench.sim.settings.autoDisable = true;
  });

  async function status(hook: Hook): Promise<string> {
    const reply = await bench.api("GET", `/projects/1/hooks/${hook.id}`);
    return (reply.body as { alert_status: string }).alert_status;
  }

  test("off by default: failures have no consequence", async () => {
    bench.sim.settings.autoDisable = false;
    const hook = hookOn(project);
    receiver.respond = always(500);
    for (let n = 0; n < 6; n++) await bench.sim.trigger(project, "push");
    expect([receiver.received.length, await status(hook)]).toEqual([6, "executable"]);
  });

  test("2xx and 3xx succeed; 4xx, 5xx and connection errors fail; a success forgives all", async () => {
    const hook = hookOn(project);
    for (const [code, failures] of [
      [500, 1],
      [404, 2],
      [304, 0],
      [503, 1],
      [204, 0],
    ] as const) {
      receiver.respond = always(code);
      await bench.sim.trigger(project, "push");
      expect([code, hook.recentFailures]).toEqual([code, failures]);
    }
  });

  test("from the 4th failure in a row it pauses for 1 minute, doubling to a day; the 40th ends it", async () => {
    const hook = hookOn(project);
    receiver.respond = always(500);
    const pauses: number[] = [];
    for (let n = 1; n <= 40; n++) {
      const report = await bench.sim.trigger(project, "push");
      expect(report.delivered).toHaveLength(1);
      if (hook.disabledUntil === null || n === 40) continue;
      pauses.push((hook.disabledUntil - bench.clock.now()) / 60_000);
      expect((await bench.sim.trigger(project, "push")).dropped[0]?.reason).toBe("disabled");
      await bench.clock.advance(hook.disabledUntil - bench.clock.now() + 1);
    }
    expect(pauses.slice(0, 12)).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 1440]);
    expect(await status(hook)).toBe("disabled");
    await bench.clock.advance(30 * 86_400_000);
    expect((await bench.sim.trigger(project, "push")).dropped[0]?.reason).toBe("disabled");
    expect(hook.log).toHaveLength(40);
  });

  test("before 17.11 four answers of 4xx end it", async () => {
    bench.sim.settings.version = [17, 2];
    const hook = hookOn(project);
    receiver.respond = always(404);
    for (let n = 0; n < 4; n++) await bench.sim.trigger(project, "push");
    expect(await status(hook)).toBe("disabled");
  });

  test("a job that was queued before its hook was switched off is dropped too", async () => {
    bench.sim.settings.deliveryConcurrency = 1;
    const hook = hookOn(project);
    receiver.respond = always(500);
    const reports = await Promise.all(Array.from({ length: 6 }, () => bench.sim.trigger(project, "push")));
    expect(reports.map((r) => r.dropped[0]?.reason ?? "sent")).toEqual([
      "sent",
      "sent",
      "sent",
      "sent",
      "disabled",
      "disabled",
    ]);
    expect(hook.recentFailures).toBe(4);
  });

  test("a test delivery reaches a disabled hook and, answered 2xx, brings it back", async () => {
    const hook = hookOn(project, { recentFailures: 40 });
    expect(await status(hook)).toBe("disabled");
    receiver.respond = always(500);
    expect((await bench.api("POST", `/projects/1/hooks/${hook.id}/test/push_events`)).status).toBe(422);
    expect(await status(hook)).toBe("disabled");
    receiver.respond = always(200);
    expect((await bench.api("POST", `/projects/1/hooks/${hook.id}/test/push_events`)).status).toBe(201);
    expect([await status(hook), hook.recentFailures]).toEqual(["executable", 0]);
    expect(hook.log?.every((row) => findRow(hook, row.id) === row)).toBe(true);
  });
});

test("apiOf(): a copied X-Gitlab-Event-UUID keeps a resend from going round", async () => {
  const hook = hookOn(project);
  await bench.sim.trigger(project, "push");
  const uuid = String(receiver.received[0]?.headers["x-gitlab-event-uuid"]);
  const api = apiOf(bench.sim, bench.sim.token.value, { "X-Gitlab-Event-UUID": uuid });
  const reply = await api("POST", `/projects/1/hooks/${hook.id}/events/${hook.log?.[0]?.id}/resend`);
  expect([reply.status, reply.body]).toEqual([422, { message: "Recursive webhook blocked" }]);
});
