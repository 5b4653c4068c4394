import { TargetExistsError, UnknownTargetError } from "../../../../relay/queue/errors.ts";
import { afterEach, describe, expect, test } from "vitest";
import type { Asked } from "../../../../relay/observe/activity/activity.ts";
import { addFacts, emptyPage } from "../../../../relay/storage/fact-sheet.ts";
import { report } from "../../../../relay/observe/activity/report.ts";
import { createAdminFixture, type AdminFixture } from "../../../helpers/admin.ts";

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

async function json(response: Response): Promise<Record<string, unknown>> {
  return (await response.json()) as Record<string, unknown>;
}

async function listed(f: AdminFixture, query = ""): Promise<string[]> {
  const body = (await json(await f.api(`/api/v1/events${query}`))) as { events: { id: string }[] };
  return body.events.map((event) => event.id);
}

describe("GET events", () => {
  test("lists the newest first, with metadata and deliveries", async () => {
    const f = fixture();
    const first = await f.add({}, "{}", ["ci-bot"]);
    const second = await f.add({ kind: "note" });
    await f.settle("ci-bot", "retry");
    const body = await json(await f.api("/api/v1/events"));
    expect(body["cursor"]).toBeNull();
    expect(body["partial"]).toBe(false);
    const events = body["events"] as Record<string, unknown>[];
    expect(events.map((event) => event["id"])).toEqual([second, first]);
    expect(events[1]).toMatchObject({
      kind: "push",
      projectPath: "acme/web",
      state: "waiting",
      receivedAt: "2026-01-15T12:00:00.000Z",
      summary: "ada pushed to main of acme/web",
      deliveries: [
        {
          target: "ci-bot",
          state: "waiting",
          attempts: 1,
          lastAttempt: { status: 503, error: "answered 503" },
        },
      ],
    });
    expect(events[1]).not.toHaveProperty("headers");
  });

  test("finds jobs and members by the names that rules use", async () => {
    const f = fixture();
    const ids = [await f.add({ kind: "build" }), await f.add({ kind: "user_add_to_group" })];
    expect(await listed(f, "?kind=job")).toEqual([ids[0]]);
    expect(await listed(f, "?kind=member")).toEqual([ids[1]]);
  });

  test("finds the events of a target that is gone while some are kept for it", async () => {
    const f = fixture();
    const id = await f.add({}, "{}", ["gone"]);
    await f.settle("gone", "dead");
    expect(await listed(f, "?target=gone")).toEqual([id]);
  });

  test.each([
    ["GET", "/api/v1/events/export?target=nope", undefined],
    ["GET", "/api/v1/stream?instance=nope", undefined],
    ["POST", "/api/v1/events/replay", { target: "nope" }],
    ["POST", "/api/v1/dead/replay", { target: "nope" }],
    ["POST", "/api/v1/replays", { instance: "nope" }],
  ])("%s %s refuses a name that is not known", async (method, path, body) => {
    const response = await fixture().api(path, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    expect([response.status, await response.text()]).toEqual([400, expect.stringMatching(/nope.*; known: /)]);
  });

  test("pages by cursor", async () => {
    const f = fixture();
    const ids = [await f.add(), await f.add(), await f.add()].toReversed();
    const page = await json(await f.api("/api/v1/events?limit=2"));
    expect((page["events"] as { id: string }[]).map((e) => e.id)).toEqual(ids.slice(0, 2));
    expect(await listed(f, `?limit=2&cursor=${String(page["cursor"])}`)).toEqual(ids.slice(2));
  });

  test.each([
    ["?kind=note", [1]],
    ["?project=acme/api", [1]],
    ["?project=7", [1]],
    ["?actor=bob&kind=note", [1]],
    ["?action=open", [2]],
    ["?state=dead", [0]],
    ["?state=waiting&target=ci-bot", [2]],
    ["?target=audit", [0]],
    ["?q=ACME/API", [1]],
    ["?from=2026-01-15T12:00:01Z", [2]],
    ["?to=1768478400500", [1, 0]],
    ["?to=2026-01-15", [2, 1, 0]],
    ["?state=unmatched", [1]],
    ["?kind=&state=", [2, 1, 0]],
    ["?kind=note,merge_request", [2, 1]],
    ["?kind=note&kind=merge_request", [2, 1]],
    ["?state=dead,unmatched", [1, 0]],
    ["?project=acme/**", [2, 1, 0]],
    ["?project=acme/**,!acme/api", [2, 0]],
    ["?project=!acme/api", [2, 0]],
    ["?project=AP", [1]],
    ["?project=acm%7Bx,e%7D/api", [1]],
    ["?q=bob+api", [1]],
    ["?q=bob+web", []],
    ["?q=%20DELIVERY-1%20", [1]],
    ["?q=delivery-1&kind=note", [1]],
    ["?q=delivery-1&kind=push", []],
    ["?status=503", [0]],
    ["?status=5xx&target=ci-bot", []],
    ["?kind=job", []],
    ["?kind=member", []],
    ["?kind=made_up_by_a_template", []],
    ["?instance=default", [2, 1, 0]],
    ["?range=1m", [2, 1, 0]],
    ["?range=start", [2, 1, 0]],
  ])("filters by %s", async (query, wanted) => {
    const f = fixture();
    const ids = [await f.add({}, "{}", ["audit"])];
    await f.settle("audit", "dead");
    ids.push(
      await f.add({
        kind: "note",
        projectPath: "acme/api",
        projectId: 7,
        actor: "bob",
        deliveryId: "Delivery-1",
      }),
    );
    await f.clock.advance(2000);
    ids.push(await f.add({ kind: "merge_request", action: "open" }, "{}", ["ci-bot"]));
    expect(await listed(f, query)).toEqual(wanted.map((index) => ids[index]));
  });

  test.each([
    ["?limit=0", "limit"],
    ["?limit=501", "limit"],
    ["?limit=ten", "limit"],
    ["?limit=1.5", "limit"],
    ["?state=lost", "state"],
    ["?from=yesterday", "from"],
    ["?to=2026-13-01", "to"],
    [`?q=${"x".repeat(501)}`, "q"],
    ["?cursor=%20%20x", "cursor"],
    ["?cursor=zzz", "cursor"],
    ["?state=dead,lost", "state"],
    ["?status=600", "status"],
    ["?status=5x", "status"],
    ["?range=yesterday", "range"],
    ["?range=1h&from=2026-01-15", "range"],
    ["?project=acme/%5Bz-a%5D", "project"],
    [`?kind=${"a,".repeat(120)}`, "kind"],
    ["?kind=merge_requests", 'no kind "merge_requests"; did you mean merge_request?'],
    ["?kind=push,isue", 'no kind "isue"; did you mean issue?'],
    ["?kind=Push%20Hook", "did you mean push?"],
    ["?action=opened", 'write "open"'],
    ["?target=ci-bott", 'no target "ci-bott"; did you mean ci-bot? Known: ci-bot, audit'],
    ["?target=other", 'no target "other"; known: ci-bot, audit'],
    ["?instance=defalt", 'no instance "defalt"; did you mean default?'],
    ["?instance=default,partner", 'no instance "partner"; known: default'],
  ])("refuses %s and names the parameter", async (query, name) => {
    const response = await fixture().api(`/api/v1/events${query}`);
    expect(response.status).toBe(400);
    const { error } = (await response.json()) as { error: { code: string; message: string } };
    expect(error.code).toBe("bad_request");
    expect(error.message).toContain(name);
  });

  test("loads no body", async () => {
    const f = fixture();
    await f.add({}, JSON.stringify({ text: "x".repeat(1000) }));
    f.queue.body = () => Promise.reject(new Error("a body was loaded"));
    expect((await f.api("/api/v1/events?q=ada&state=unmatched")).status).toBe(200);
  });
});

describe("GET events/:id", () => {
  test("tells headers, every attempt and the timeline", async () => {
    const f = fixture();
    const id = await f.add(
      {
        headers: [
          ["x-gitlab-event", "Push Hook"],
          ["authorization", "Basic abc"],
          ["x-team-token", "t0p"],
        ],
      },
      "{}",
      ["ci-bot"],
    );
    await f.settle("ci-bot", "retry");
    await f.clock.advance(60_000);
    await f.settle("ci-bot", "done");
    const body = await json(await f.api(`/api/v1/events/${id}`));
    expect(body["headers"]).toEqual([
      ["x-gitlab-event", "Push Hook"],
      ["authorization", "***"],
      ["x-team-token", "***"],
    ]);
    expect(body).toMatchObject({
      state: "done",
      deliveries: [{ history: [{ status: 503 }, { status: 200 }] }],
    });
    expect(
      (body["timeline"] as { name: string; attempt: number | null }[]).map((s) => [s.name, s.attempt]),
    ).toEqual([
      ["received", null],
      ["verified", null],
      ["stored", null],
      ["matched", null],
      ["attempt", 1],
      ["attempt", 2],
      ["done", null],
    ]);
  });

  test("asks the storage how targets stand only while a delivery of the event waits", async () => {
    const f = fixture();
    const id = await f.add({}, "{}", ["ci-bot"]);
    let asked = 0;
    const { stats } = f.queue;
    f.queue.stats = () => {
      asked += 1;
      return stats.call(f.queue);
    };
    expect(await json(await f.api(`/api/v1/events/${id}`))).toMatchObject({
      deliveries: [{ waitsFor: "next in line" }],
    });
    expect(asked).toBe(1);
    await f.settle("ci-bot", "done");
    expect(await json(await f.api(`/api/v1/events/${id}`))).toMatchObject({
      deliveries: [{ waitsFor: null }],
    });
    expect(asked).toBe(1);
  });

  test("tells how often GitLab sent the event again, and when last", async () => {
    const f = fixture();
    const id = await f.add();
    expect(await json(await f.api(`/api/v1/events/${id}`))).toMatchObject({ duplicates: null });
    f.queue.duplicates = async (asked) => (asked === id ? { count: 2, lastAt: 1_768_478_400_500 } : null);
    expect(await json(await f.api(`/api/v1/events/${id}`))).toMatchObject({
      duplicates: { count: 2, lastAt: "2026-01-15T12:00:00.500Z" },
    });
  });

  test("answers 404 in JSON for an event that is not there", async () => {
    const response = await fixture().api("/api/v1/events/nope");
    expect(response.status).toBe(404);
    expect(await json(response)).toMatchObject({ error: { code: "not_found" } });
  });

  test("masks what looks like a credential in a target's answer", async () => {
    const f = fixture({ settings: { mask: { patterns: ["down for \\w+"], fields: [] } } });
    const id = await f.add({}, "{}", ["ci-bot"]);
    await f.settle("ci-bot", "dead");
    expect(await (await f.api(`/api/v1/events/${id}`)).text()).not.toContain("down for repairs");
    f.config = { ...f.config, mask: { patterns: [], fields: [] } };
    expect(await (await f.api(`/api/v1/events/${id}`)).text()).toContain("down for repairs");
  });
});

describe("GET events/:id/body", () => {
  test("sends the bytes as they were received, as an attachment, and says so in the log", async () => {
    const f = fixture();
    const body = '{ "id": 12345678901234567890,  "a":"ü" }\n';
    const id = await f.add({ headers: [["content-type", "application/json; charset=utf-8"]] }, body);
    const response = await f.api(`/api/v1/events/${id}/body`);
    expect(await response.text()).toBe(body);
    expect(response.headers.get("content-type")).toBe("application/json; charset=utf-8");
    expect(response.headers.get("content-disposition")).toBe(`attachment; filename="${id}.json"`);
    expect(response.headers.get("x-content-type-options")).toBe("nosniff");
    expect(f.lines).toContainEqual({
      event: "admin.body-sent",
      fields: { eventId: id, bytes: Buffer.byteLength(body) },
    });
  });

  test("answers 404 where there is none", async () => {
    expect((await fixture().api("/api/v1/events/nope/body")).status).toBe(404);
  });
});

describe("POST events/:id/replay", () => {
  test("replays to all targets of the event, or to those named", async () => {
    const f = fixture();
    const id = await f.add({}, "{}", ["ci-bot"]);
    await f.settle("ci-bot", "done");
    const all = await f.api(`/api/v1/events/${id}/replay`, { method: "POST" });
    expect([all.status, await json(all)]).toEqual([200, { id, targets: ["ci-bot"] }]);
    const one = await f.api(`/api/v1/events/${id}/replay`, { method: "POST", body: '{"targets":["audit"]}' });
    expect(await json(one)).toEqual({ id, targets: ["audit"] });
    const event = await f.queue.get(id);
    expect(event?.deliveries.map((d) => [d.target, d.replay])).toEqual([
      ["ci-bot", 0],
      ["ci-bot", 1],
      ["audit", 0],
    ]);
  });

  test.each(['{"targets":["nobody"]}', '{"targets":[]}', '{"targets":"ci-bot"}', "[1]", "{", "7"])(
    "refuses %s",
    async (body) => {
      const f = fixture();
      const id = await f.add();
      const response = await f.api(`/api/v1/events/${id}/replay`, { method: "POST", body });
      expect(response.status).toBe(400);
    },
  );

  test("answers 404 where there is no such event, 413 where the body is absurd", async () => {
    const f = fixture();
    expect((await f.api("/api/v1/events/nope/replay", { method: "POST" })).status).toBe(404);
    const response = await f.api("/api/v1/events/nope/replay", { method: "POST", body: " ".repeat(70_000) });
    expect(response.status).toBe(413);
  });
});

describe("POST events/replay", () => {
  test("previews the count, then replays what fits: the dead deliveries, or to the targets that are named", async () => {
    const f = fixture();
    await f.add({ kind: "note" }, "{}", ["ci-bot"]);
    await f.add({}, "{}", ["ci-bot"]);
    await f.add({}, "{}", ["ci-bot"]);
    await f.settle("ci-bot", "dead");
    await f.settle("ci-bot", "dead");
    const send = async (body: unknown) =>
      json(await f.api("/api/v1/events/replay", { method: "POST", body: JSON.stringify(body) }));
    expect(await send({ kind: "push", dryRun: true })).toEqual({ wouldReplay: 1, more: false });
    expect((await f.queue.stats()).byState.waiting).toBe(1);
    expect(await send({ kind: "push" })).toEqual({ replayed: 1, more: false, job: expect.any(String) });
    expect(await send({ kind: "push", targets: ["audit"], dryRun: true })).toEqual({
      wouldReplay: 2,
      more: false,
    });
    expect(await send({ kind: "push", targets: ["audit"] })).toMatchObject({ replayed: 2, more: false });
    expect(await send({ colour: "red" })).toMatchObject({ error: { code: "bad_request" } });
    expect(await send({ targets: ["audit"] })).toMatchObject({ error: { code: "bad_request" } });
  });
});

describe("parameters that are not known", () => {
  test.each([
    ["/api/v1/events?stat=dead", "did you mean state?"],
    ["/api/v1/events/export?bodie=1", "did you mean bodies?"],
    ["/api/v1/stream?projekt=a", "did you mean project?"],
  ])("%s is 400 with the nearest name", async (path, message) => {
    const response = await fixture().api(path);
    expect([response.status, await json(response)]).toMatchObject([
      400,
      { error: { code: "bad_request", message: expect.stringContaining(message) } },
    ]);
  });
});

describe("POST dead/replay", () => {
  test("replays the dead letters that fit the filter and returns how many", async () => {
    const f = fixture();
    await f.add({ kind: "note" }, "{}", ["ci-bot"]);
    await f.settle("ci-bot", "dead");
    await f.add({}, "{}", ["ci-bot"]);
    await f.settle("ci-bot", "dead");
    const some = await f.api("/api/v1/dead/replay", { method: "POST", body: '{"kind":"note"}' });
    expect([some.status, await json(some)]).toEqual([200, { replayed: 1, job: expect.any(String) }]);
    expect(await json(await f.api("/api/v1/dead/replay?kind=push", { method: "POST" }))).toMatchObject({
      replayed: 1,
    });
  });
});

describe("DELETE events/:id", () => {
  test("removes the event once", async () => {
    const f = fixture();
    const id = await f.add();
    expect((await f.api(`/api/v1/events/${id}`, { method: "DELETE" })).status).toBe(204);
    expect((await f.api(`/api/v1/events/${id}`, { method: "DELETE" })).status).toBe(404);
  });
});

describe("targets", () => {
  test("lists settings, worker and queue of each target", async () => {
    const f = fixture();
    f.statuses[0] = { ...f.statuses[0]!, breaker: "open", breakerUntil: f.clock.now() + 1000, inFlight: 3 };
    await f.add({}, "{}", ["ci-bot"]);
    const body = await json(await f.api("/api/v1/targets"));
    expect(body).toEqual({
      orphans: [],
      targets: [
        {
          name: "ci-bot",
          type: "http",
          address: "https://ci-bot.example.com/hooks",
          enabled: true,
          breaker: "open",
          breakerUntil: "2026-01-15T12:00:01.000Z",
          inFlight: 3,
          concurrency: 16,
          rateWaitMs: null,
          attemptsLastMinute: 0,
          attemptsLastTenMinutes: 0,
          failedLastTenMinutes: 0,
          trend: 0,
          lastHour: { succeeded: 0, failed: 0, p95Ms: null },
          lastError: null,
          errors: [],
          paused: false,
          waiting: 1,
          sending: 0,
          dead: 0,
          deadReasons: {},
          lanes: 1,
          oldestAt: null,
        },
        expect.objectContaining({ name: "audit", waiting: 0 }),
      ],
    });
  });

  test("pauses and resumes", async () => {
    const f = fixture();
    await f.add({}, "{}", ["ci-bot"]);
    const paused = await f.api("/api/v1/targets/ci-bot/pause", { method: "POST" });
    expect(await json(paused)).toMatchObject({ name: "ci-bot", paused: true });
    expect(await f.queue.claim("ci-bot", { first: 1, retry: 1 })).toEqual([]);
    const resumed = await f.api("/api/v1/targets/ci-bot/resume", { method: "POST" });
    expect(await json(resumed)).toMatchObject({ paused: false });
    expect(await f.queue.claim("ci-bot", { first: 1, retry: 1 })).toHaveLength(1);
  });

  test("answers 404 for a target that is not configured", async () => {
    expect((await fixture().api("/api/v1/targets/nobody/pause", { method: "POST" })).status).toBe(404);
  });
});

describe("GET events/export", () => {
  test("streams every event that fits as JSON Lines, page after page", async () => {
    const f = fixture();
    for (let index = 0; index < 250; index += 1) await f.add({ actor: `user-${index}` });
    await f.add({ kind: "note" });
    const response = await f.api("/api/v1/events/export?kind=push");
    expect(response.headers.get("content-type")).toBe("application/x-ndjson");
    const lines = (await response.text()).trimEnd().split("\n");
    expect(lines).toHaveLength(250);
    expect(JSON.parse(lines[0]!)).toMatchObject({ actor: "user-249", kind: "push", headers: [] });
    expect(lines.every((line) => !("body" in (JSON.parse(line) as object)))).toBe(true);
  });

  test("carries the bodies where asked to, and says so in the log", async () => {
    const f = fixture();
    await f.add({}, '{"a": 1}');
    const line = (await (await f.api("/api/v1/events/export?bodies=1")).text()).trimEnd();
    expect(JSON.parse(line)).toMatchObject({ body: '{"a": 1}' });
    expect(f.lines.at(-1)).toMatchObject({ event: "admin.exported", fields: { bodies: true } });
  });
});

describe("orphans", () => {
  test("are listed with their figures by API and page, and need attention", async () => {
    const f = fixture();
    await f.add({}, "{}", ["ci-bot", "audit"]);
    await f.add({}, "{}", ["ci-bot"]);
    await f.settle("ci-bot", "dead");
    f.statuses = f.statuses.filter(({ name }) => name !== "ci-bot");
    expect(await json(await f.api("/api/v1/targets"))).toMatchObject({
      targets: [{ name: "audit" }],
      orphans: [{ name: "ci-bot", waiting: 1, dead: 1 }],
    });
    const page = await (await f.api("/targets")).text();
    expect(page).toContain('id="orphans"');
    expect(page).toContain('href="/events?target=ci-bot"');
    expect(page).toContain('action="/targets/ci-bot/move"');
    expect(await json(await f.api("/api/v1/attention"))).toMatchObject({
      items: [{ kind: "orphans", count: 2 }],
    });
  });
});

describe("POST targets/:name/move", () => {
  test("moves what is kept for a target of old, and says what it cannot do", async () => {
    const f = fixture();
    const asked: string[][] = [];
    f.queue.move = async (from, to) => {
      asked.push([from, to]);
      if (from === "audit") throw new TargetExistsError(from);
      if (to === "nowhere") throw new UnknownTargetError(to);
      return 3;
    };
    const move = async (name: string, body: unknown) => {
      const request = { method: "POST", body: JSON.stringify(body) };
      const response = await f.api(`/api/v1/targets/${name}/move`, request);
      return [response.status, await json(response)];
    };
    expect(await move("old", { to: "ci-bot" })).toEqual([200, { moved: 3 }]);
    expect(asked).toEqual([["old", "ci-bot"]]);
    expect(await move("audit", { to: "ci-bot" })).toMatchObject([409, { error: { code: "target_exists" } }]);
    expect(await move("old", { to: "nowhere" })).toMatchObject([400, { error: { code: "bad_request" } }]);
    expect(await move("old", {})).toMatchObject([
      400,
      { error: { message: expect.stringContaining("to must") } },
    ]);
  });
});

describe("GET attention", () => {
  test("lists what needs an operator, most urgent first, with texts masked", async () => {
    const f = fixture();
    expect(await json(await f.api("/api/v1/attention"))).toEqual({ items: [] });
    await f.add({}, "{}", ["ci-bot"]);
    await f.settle("ci-bot", "dead");
    f.metrics.request("unauthorized", null, 1);
    f.settingsProblems.push("targets.x.headers: glpat-abcdefghij0123456789 is no header");
    expect(await json(await f.api("/api/v1/attention"))).toMatchObject({
      items: [
        {
          kind: "refused",
          severity: "critical",
          count: 1,
          since: expect.stringMatching(/Z$/),
          link: "/#charts",
        },
        { kind: "settings-refused", text: expect.stringContaining("*** is no header") },
        { kind: "dead-letters", count: 1, link: "/dead" },
      ],
    });
    expect((await f.raw("/api/v1/attention")).status).toBe(401);
  });
});

describe("activity", () => {
  const page = emptyPage();
  addFacts(
    page,
    [
      { type: "commit", key: "a1", author: "alice", value: [1, 2, 0, 9] },
      { type: "push", key: "e1", author: "alice", value: ["main", 0] },
      { type: "merged", key: "17", author: "alice", value: 7200 },
      { type: "pipeline", key: "1", author: "alice", value: ["failed", 60] },
      { type: "failedJob", key: "11", author: "alice", value: "e2e <b>" },
    ],
    "e1",
  );
  const asked: unknown[] = [];
  const activity = {
    report(query: Asked) {
      asked.push(query);
      const entries = [{ day: "2026-01-14", project: "acme/shop", page }];
      return Promise.resolve(report(entries, { ...query, members: {} }));
    },
  };

  test("GET activity answers with the figures of the range asked for", async () => {
    const f = fixture({ activity });
    const body = await json(
      await f.api("/api/v1/activity?from=2026-01-12&to=2026-01-15&group=week&author=alice"),
    );
    expect(asked.at(-1)).toEqual({
      from: "2026-01-12",
      to: "2026-01-15",
      group: "week",
      instance: null,
      project: null,
      author: "alice",
    });
    expect(body).toMatchObject({
      group: "week",
      total: { commits: 1, mergeRequests: { merged: 1, timeToMergeSeconds: { median: 7200 } } },
      periods: [{ start: "2026-01-12", commits: 1 }],
      projects: [{ project: "acme/shop", commits: 1 }],
      authors: [{ author: "alice" }],
    });
    expect((await f.api("/api/v1/activity?group=year")).status).toBe(400);
  });

  test("the page shows the same, and names a wrong parameter", async () => {
    const f = fixture({ activity });
    const html = await (await f.api("/activity?from=2026-01-12&to=2026-01-15")).text();
    expect(html).toContain("2 h");
    expect(html).toContain("2026-01-14: commits 1");
    expect(html).toContain("e2e &lt;b&gt;");
    expect(html).toContain(
      'href="/activity?from=2026-01-12&amp;to=2026-01-15&amp;group=day&amp;project=acme%2Fshop"',
    );
    const refused = await (await f.api("/activity?from=later")).text();
    expect(refused).toContain("from must be a day");
    expect(refused).not.toMatch(/activity\.json|Commits/);
    const nothing = fixture({
      activity: { report: (query) => Promise.resolve(report([], { ...query, members: {} })) },
    });
    expect(await (await nothing.api("/activity")).text()).toContain("Nothing is counted for this choice");
  });
});

describe("errors", () => {
  test("answers 503 where the storage refuses, 500 with a line in the log for a bug", async () => {
    const f = fixture();
    const { UpstreamError } = await import("../../../../lib/errors.ts");
    f.queue.replay = () =>
      Promise.reject(new UpstreamError("disk-full", "the disk is full", { retryable: true }));
    const unavailable = await f.api("/api/v1/events/1/replay", { method: "POST" });
    expect(unavailable.status).toBe(503);
    expect(unavailable.headers.get("retry-after")).toBe("5");
    expect(await json(unavailable)).toEqual({ error: { code: "unavailable", message: "the disk is full" } });
    f.queue.get = () => Promise.reject(new Error("oops"));
    const broken = await f.api("/api/v1/events/1");
    expect(broken.status).toBe(500);
    expect(await broken.text()).not.toContain("oops");
    expect(f.lines.at(-1)).toMatchObject({ event: "admin.failed", fields: { error: "oops" } });
  });
});
