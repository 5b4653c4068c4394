import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { silentLog } from "../../lib/log.ts";
import { ReplayRunner } from "../../relay/replay/runner.ts";
import { eventually } from "../helpers/eventually.ts";
import { createAdminFixture, type AdminFixture } from "../helpers/admin.ts";
import { fetchOf, runCli, type CliRun } from "../helpers/cli.ts";

let relay: AdminFixture;
const run = (argv: readonly string[], isTerminal = false): Promise<CliRun> =>
  runCli(argv, { fetch: fetchOf(relay), clock: relay.clock, isTerminal });

beforeEach(() => {
  relay = createAdminFixture();
});
afterEach(() => relay.close());

describe("events", () => {
  test("prints the API's answer as JSON to a program, and a table to a person", async () => {
    const id = await relay.add({ projectPath: "acme/shop" }, "{}", ["ci-bot"]);
    const { status, stdout } = await run(["events"]);
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ events: [{ id, projectPath: "acme/shop" }], cursor: null });
    const table = (await run(["events"], true)).stdout;
    expect(table).toMatch(/^TIME \(UTC\) +ID +STATE +TARGETS +EVENT\n/);
    expect(table).toContain(id);
    expect(table).toContain("ci-bot:waiting");
    expect(JSON.parse((await run(["events", "--output", "json"], true)).stdout)).toHaveProperty("events");
  });

  test("says that a search was cut short", async () => {
    const fetch: typeof globalThis.fetch = async () =>
      Response.json({ events: [], cursor: null, partial: true, looked: 9 });
    const { stdout } = await runCli(["events", "--output", "text"], { fetch });
    expect(stdout).toMatch(/^The search was cut short/);
  });

  test("names the last delivery of each target, and none that was moved away", async () => {
    const delivery = { state: "dead", replay: 0, movedTo: null, lastAttempt: null };
    const deliveries = [
      { ...delivery, target: "old-bot", movedTo: "new-bot" },
      { ...delivery, target: "new-bot" },
      { ...delivery, target: "new-bot", replay: 1, state: "done" },
    ];
    const event = {
      id: "e1",
      receivedAt: "2026-01-31T09:30:00.000Z",
      summary: "a push",
      state: "done",
      deliveries,
    };
    const fetch: typeof globalThis.fetch = async () =>
      Response.json({ events: [event], cursor: null, partial: false, looked: 1 });
    const { stdout } = await runCli(["events", "--output", "text"], { fetch });
    expect(stdout).toMatch(/ e1 +done +new-bot:done +a push\n$/);
  });

  test("passes every filter on, and a span as the time that long ago", async () => {
    const asked: URL[] = [];
    const fetch: typeof globalThis.fetch = async (input) => {
      asked.push(new URL(input as string));
      return Response.json({ events: [], cursor: null, partial: false, looked: 0 });
    };
    const argv =
      "events --state dead,done --state waiting --target t --status 5xx --project p --project q --kind k --instance i --instance default --action a --actor u --search x --since 2h --until 2026-01-31 --limit 7";
    await runCli(argv.split(" "), { fetch, clock: relay.clock });
    expect(Object.fromEntries(asked[0]?.searchParams ?? [])).toEqual({
      state: "dead,done,waiting",
      target: "t",
      status: "5xx",
      project: "p,q",
      kind: "k",
      action: "a",
      instance: "i,default",
      actor: "u",
      q: "x",
      from: new Date(relay.clock.now() - 7_200_000).toISOString(),
      to: "2026-01-31",
      limit: "7",
    });
  });

  test.each([
    [["--since", "tomorrow"], "--since must be a time back from now such as 10m, 2h or 3d, or an ISO time"],
    [["--until", "2026-02-30"], 'not "2026-02-30"'],
    [["--range", "soon"], "--range must be a time back from now such as 15m"],
    [["--range", "1h", "--since", "2h"], "give either --range, or --since and --until"],
    [["--limit", "0"], "--limit must be a whole number from 1 to 999999"],
    [["--status", "teapot"], "status must be a status such as 422"],
    [["--kind", "pussh"], "did you mean push?"],
  ])("%j is wrong usage", async (options, message) => {
    for (const command of ["events", "replay"]) {
      if (command === "replay" && options[0] === "--limit") continue;
      const { status, stderr } = await run([command, ...options]);
      expect([status, stderr]).toEqual([2, expect.stringContaining(message)]);
    }
    expect(await relay.queue.replayJobs.list()).toEqual([]);
  });

  test("goes over as many pages as --limit needs", async () => {
    for (let i = 0; i < 503; i += 1) await relay.add();
    expect(JSON.parse((await run(["events", "--limit", "502"])).stdout).events).toHaveLength(502);
  });

  test("shows one event with its headers, or its body as it was received", async () => {
    const id = await relay.add({ headers: [["x-gitlab-event", "Push Hook"]] }, '{"a": 1}');
    expect(JSON.parse((await run(["events", id])).stdout)).toMatchObject({
      id,
      headers: [["x-gitlab-event", "Push Hook"]],
    });
    const text = (await run(["events", id], true)).stdout;
    expect(text).toContain("x-gitlab-event  Push Hook");
    expect(text).toMatch(/^TIME \(UTC\) +STEP +TARGET +WHAT\n/m);
    expect((await run(["events", id, "--body"])).stdout).toBe('{"a": 1}');
  });

  test("names target, attempt, replay and status of each step", async () => {
    const id = await relay.add({}, "{}", ["ci-bot", "audit"]);
    await relay.settle("ci-bot", "dead");
    await relay.settle("audit", "done");
    await run(["replay", id, "--to", "ci-bot"]);
    await relay.settle("ci-bot", "done");
    const { stdout } = await run(["events", id], true);
    expect(stdout).toMatch(/^\S+ +attempt 1 +ci-bot +answered 503/m);
    expect(stdout).toMatch(/^\S+ +dead +ci-bot /m);
    expect(stdout).toMatch(/^\S+ +attempt 1 +audit +accepted \(200\)/m);
    expect(stdout).toMatch(/^\S+ +attempt 1 +ci-bot \(replay 1\) +accepted \(200\)/m);
  });

  test("shows the event of an id that GitLab gave the delivery, and names them if several have it", async () => {
    const uuid = "13792a34-cac6-4fda-95a8-c58e00a3954e";
    const id = await relay.add({ deliveryId: uuid, headers: [["x-gitlab-event-uuid", "shared-uuid"]] }, "{}");
    const other = await relay.add({ headers: [["x-gitlab-event-uuid", "Shared-UUID"]] });
    expect(JSON.parse((await run(["events", ` ${uuid.toUpperCase()} `])).stdout)).toMatchObject({ id });
    expect((await run(["events", uuid, "--body"])).stdout).toBe("{}");
    const { status, stderr } = await run(["events", "SHARED-uuid"]);
    expect(status).toBe(2);
    expect(stderr).toContain(`2 events have the id SHARED-uuid: ${other}, ${id}`);
    expect((await run(["events", "00000000-0000-4000-8000-000000000000"])).stderr).toContain("no such event");
  });

  test("takes what a terminal obeys out of senders' texts", async () => {
    await relay.add({ projectPath: "acme/\u001b[31mred\u001b]0;title\u0007" });
    const table = (await run(["events"], true)).stdout;
    expect(table).toContain("acme/red");
    expect(table).not.toContain("\u001b");
  });
});

describe("replay", () => {
  test("needs ids or a filter, and not both", async () => {
    expect(await run(["replay"])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining("--state dead") as string,
    });
    expect((await run(["replay", "x", "--state", "dead"])).status).toBe(2);
  });

  test("starts a job for the dead letters of a target, after a dry run that changes nothing", async () => {
    await relay.add({}, "{}", ["ci-bot"]);
    await relay.settle("ci-bot", "dead");
    const argv = ["replay", "--state", "dead", "--target", "ci-bot"];
    const text = "1 event to ci-bot: 1 delivery";
    expect(JSON.parse((await run([...argv, "--dry-run"])).stdout)).toMatchObject({ matched: { text } });
    expect((await run([...argv, "--dry-run"], true)).stdout).toBe(`${text} would be queued for replay.\n`);
    expect(await relay.queue.replayJobs.list()).toEqual([]);
    const { stdout } = await run([...argv, "--rate", "5", "--to", "audit", "--detach"], true);
    const [job] = await relay.queue.replayJobs.list();
    expect(job?.plan).toMatchObject({ ratePerSecond: 5, targets: ["audit"], filter: { target: "ci-bot" } });
    expect(stdout).toContain(`Replay job ${job?.plan.id}: 1 event to audit: 1 delivery.\n`);
    expect(JSON.parse((await run(argv)).stdout)).toMatchObject({ state: "running", matched: { text } });
    expect(JSON.parse((await run(["replay", "--all"])).stdout)).toMatchObject({ filter: {} });
  });

  test("leaves no job behind if nothing fits", async () => {
    const { status, stdout } = await run(["replay", "--all"]);
    expect([status, JSON.parse(stdout)]).toMatchObject([0, { matched: { deliveries: 0 }, sample: [] }]);
    expect(await relay.queue.replayJobs.list()).toEqual([]);
  });

  test("on a terminal shows how far the job is, and ends with it", async () => {
    for (let n = 0; n < 3; n++) await relay.add({}, "{}", ["ci-bot"]);
    for (let n = 0; n < 3; n++) await relay.settle("ci-bot", "dead");
    const { queue, clock } = relay;
    const runner = new ReplayRunner({ queue, clock, log: silentLog });
    runner.begin();
    for (const [last, status] of [
      ["done", 0],
      ["dead", 1],
    ] as const) {
      const argv = ["replay", "--target", "ci-bot", "--state", "dead,done"];
      const running = run(argv, true);
      await eventually(async () => (await queue.replayJobs.active()).length > 0);
      await clock.advance(3000);
      for (const outcome of ["done", "done", last] as const) await relay.settle("ci-bot", outcome);
      let ended: CliRun | null = null;
      void running.then((result) => (ended = result));
      await eventually(async () => {
        await clock.advance(1000);
        return ended !== null;
      });
      const { stdout } = ended as unknown as CliRun;
      expect((ended as unknown as CliRun).status).toBe(status);
      expect(stdout).toContain("\r\u001b[2Krunning: 0 of 3 deliveries delivered, 3 to go");
      expect(stdout).toMatch(
        status === 0
          ? /done: 3 of 3 deliveries delivered\.\n$/
          : /2 of 3 deliveries delivered, 1 failed again\.\n$/,
      );
    }
    await runner.close();
  });

  test("leaves the job alone when it is asked to end", async () => {
    await relay.add({}, "{}", ["ci-bot"]);
    const end = new AbortController();
    const argv = ["replay", "--kind", "push", "--to", "audit", "--wait"];
    const running = runCli(argv, { fetch: fetchOf(relay), clock: relay.clock, ended: end.signal });
    await eventually(async () => (await relay.queue.replayJobs.active()).length > 0);
    end.abort();
    const { status, stderr } = await running;
    expect([status, stderr]).toEqual([0, expect.stringMatching(/^The job goes on\..* replays cancel /)]);
    expect((await relay.queue.replayJobs.active())[0]?.state).toBe("running");
  });

  test.each([
    [["replay", "x", "--rate", "5"], "--rate goes with filters"],
    [["replay", "x", "--wait"], "--wait goes with filters"],
    [["replay", "--kind", "push", "--rate", "0"], "--rate must be a whole number"],
    [["replay", "--kind", "push", "--rate", "10001"], "--rate must be a whole number from 1 to 10000"],
    [["replay", "x", "--all"], "ids or filters"],
    [["replay", "--all", "--wait", "--detach"], "give either --wait or --detach"],
    [["replay", "--state", "dead", "--target", ""], "--target is empty"],
    [["replay", "--project", "a", "--project", " "], "--project is empty"],
    [["replay", ""], "an argument is empty"],
    [["events", "x", "--state", "dead"], "go with the list"],
    [["events", "x", "--limit", "3"], "go with the list"],
    [["replays", "list", "x"], "replays list takes no id"],
    [["targets", "list", "a"], "targets list takes no name"],
    [["targets", "pause", "a", "b"], "targets pause takes one name"],
    [["targets", "pause", "a", "--event", "b"], "--event goes with targets preview"],
  ])("%j is wrong usage", async (argv, message) => {
    const { status, stderr } = await run(argv);
    expect([status, stderr]).toEqual([2, expect.stringContaining(message)]);
  });

  test("says that no delivery fits, before a job and with one", async () => {
    const nothing = "No delivery fits, so nothing is replayed";
    for (const options of [["--dry-run"], ["--wait"], ["--detach"]]) {
      const { status, stdout } = await run(["replay", "--kind", "release", ...options], true);
      expect([status, stdout]).toEqual([
        0,
        `${nothing}; without --to and --state, only dead letters are replayed.\n`,
      ]);
    }
    expect((await run(["replay", "--state", "dead", "--kind", "release"], true)).stdout).toBe(
      `${nothing}.\n`,
    );
    expect((await run(["replay", "--target", "ci-bott"])).stderr).toContain("did you mean ci-bot?");
  });

  test("replays what is there of several ids, and ends with 1 for the rest", async () => {
    const id = await relay.add({}, "{}", ["ci-bot"]);
    await relay.settle("ci-bot", "dead");
    const gone = "01kf0000000000000000000000";
    const { status, stdout, stderr } = await run(["replay", gone, id]);
    expect([status, JSON.parse(stdout)]).toEqual([1, { replayed: [{ id, targets: ["ci-bot"] }] }]);
    expect(stderr).toMatch(new RegExp(`^${gone}: .*no such event`));
  });

  test("names what was not replayed after a refusal", async () => {
    const id = await relay.add({}, "{}", ["ci-bot"]);
    const inner = fetchOf(relay);
    const fetch: typeof globalThis.fetch = (input, init) =>
      (input as string).includes("/second/")
        ? Promise.resolve(new Response("", { status: 502 }))
        : inner(input, init);
    const { status, stdout, stderr } = await runCli(["replay", id, "second", "third"], {
      fetch,
      clock: relay.clock,
    });
    expect([status, JSON.parse(stdout)]).toEqual([1, { replayed: [{ id, targets: ["ci-bot"] }] }]);
    expect(stderr).toMatch(/^Not replayed: second third\ngitlab-hook-relay: .* answers 502/);
  });

  test("ends with 1 if the event has no target to go to", async () => {
    const id = await relay.add({}, "{}", []);
    const { status, stdout } = await run(["replay", id], true);
    expect([status, stdout]).toEqual([
      1,
      `${id} -> no target: it was matched with none, name one with --to\n`,
    ]);
  });

  test("replays an event to the targets of --to", async () => {
    const id = await relay.add({}, "{}", ["ci-bot"]);
    const { stdout } = await run(["replay", id, "--to", "audit", "--to", "ci-bot"]);
    expect(JSON.parse(stdout)).toEqual({ replayed: [{ id, targets: ["audit", "ci-bot"] }] });
  });

  test("ends with 1 and the relay's words for an event that is not there", async () => {
    const { status, stderr } = await run(["replay", "01kf0000000000000000000000"]);
    expect(status).toBe(1);
    expect(stderr).toContain("there is no such event");
  });
});

describe("replays", () => {
  test("lists, shows, pauses, resumes and cancels", async () => {
    expect((await run(["replays"], true)).stdout).toBe("No replay job is kept.\n");
    await relay.add({}, "{}", ["ci-bot"]);
    const { id } = JSON.parse((await run(["replay", "--kind", "push", "--to", "ci-bot"])).stdout);
    const table = (await run(["replays", "list"], true)).stdout;
    expect(table).toMatch(/^STARTED \(UTC\) +ID +BY +WHAT +STATE\n/);
    expect(table).toContain(
      `${id}  token  1 event to ci-bot: 1 delivery  running: 0 of 1 delivery delivered, 1 to go`,
    );
    for (const [action, state] of [
      ["show", "running"],
      ["pause", "paused"],
      ["resume", "running"],
      ["cancel", "cancelled"],
    ] as const) {
      expect(JSON.parse((await run(["replays", action, id])).stdout)).toMatchObject({ id, state });
      expect((await run(["replays", "show", id], true)).stdout).toContain(`${state}: 0 of`);
    }
    expect((await run(["replays", "show", id], true)).stdout).toContain(
      "cancelled: 0 of 1 delivery delivered, 1 cancelled before their turn",
    );
    expect(await run(["replays", "resume", id])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("it is cancelled") as string,
    });
    expect((await run(["replays", "pause"])).status).toBe(2);
    expect((await run(["replays", "show", "none"])).status).toBe(1);
  });
});

describe("targets", () => {
  test("preview shows whether a target gets an event, why not, and what would be sent", async () => {
    relay.close();
    const bot = { type: "http", url: "http://127.0.0.1:9/hooks", headers: { "X-Key": "s3cret-value" } };
    const targets = { "ci-bot": { ...bot, events: ["push"] }, audit: { ...bot, events: ["issue"] } };
    relay = createAdminFixture({ settings: { targets } });
    const id = await relay.add({ kind: "push" }, '{"object_kind":"push"}');
    const shown = await run(["targets", "preview", "ci-bot", "--event", id], true);
    expect(shown.status).toBe(0);
    expect(shown.stdout).toContain(`ci-bot gets ${id}\n\nPOST http://127.0.0.1:9/hooks\n`);
    expect(shown.stdout).toContain('\n\n{"object_kind":"push"}\n');
    expect(shown.stdout).not.toContain("s3cret-value");
    expect((await run(["targets", "preview", "audit", "--event", id], true)).stdout).toContain(
      `audit does not get ${id}:\n  events: `,
    );
    const json = JSON.parse((await run(["targets", "preview", "ci-bot", "--event", id])).stdout) as object;
    expect(json).toMatchObject({ target: "ci-bot", event: id, gets: true });
  });

  test("move ends with 1 if nothing is kept under the name", async () => {
    for (const [moved, status, stderr] of [
      [3, 0, ""],
      [0, 1, "nothing is kept for old-bto: targets lists the names for which there is something\n"],
    ] as const) {
      const fetch: typeof globalThis.fetch = async () => Response.json({ moved });
      const result = await runCli(["targets", "move", "old-bto", "ci-bot"], { fetch });
      expect(result).toMatchObject({ status, stderr, stdout: `${JSON.stringify({ moved }, null, 2)}\n` });
    }
  });

  test("lists, pauses and resumes", async () => {
    expect((await run(["targets"], true)).stdout).toMatch(/ci-bot +delivering/);
    expect((await run(["targets", "pause", "ci-bot"], true)).stdout).toContain("ci-bot is paused");
    expect((await run(["targets"], true)).stdout).toMatch(/ci-bot +paused/);
    expect(JSON.parse((await run(["targets", "resume", "ci-bot"])).stdout)).toMatchObject({ paused: false });
  });

  test.each([
    [["targets", "pause"], 2, "needs the name"],
    [["targets", "move", "a"], 2, "needs two names"],
    [["targets", "preview", "ci-bot"], 2, "needs --event ID"],
    [["targets", "preview", "nope", "--event", "x"], 1, 'no target "nope"'],
    [["targets", "pause", "nope"], 1, 'no target "nope"; known: ci-bot, audit'],
    [["targets", "explode"], 2, 'action must be one of list, pause, resume, move, preview, not "explode"'],
  ])("%j ends with %i", async (argv, status, text) => {
    expect(await run(argv)).toMatchObject({ status, stderr: expect.stringContaining(text) as string });
  });
});

test("targets: one without an address has an empty cell", async () => {
  const target = {
    name: "seen",
    type: "log",
    address: null,
    enabled: false,
    waiting: 0,
    sending: 0,
    dead: 0,
    breaker: "closed",
    attemptsLastTenMinutes: 2,
    failedLastTenMinutes: 2,
    paused: false,
    lastError: null,
  };
  const off = { ...target, name: "off", failedLastTenMinutes: 0 };
  const fetch: typeof globalThis.fetch = async () => Response.json({ targets: [target, off], orphans: [] });
  const { status, stdout } = await runCli(["targets", "--output", "text"], { fetch });
  expect([status, stdout]).toEqual([
    0,
    expect.stringMatching(/^seen +2 of 2 attempts failed +0 +0\noff +switched off +0 +0$/m),
  ]);
});

describe("relayApi()", () => {
  test.each([
    [["events"]],
    [["events", "01m8zk4v9w2q7t5c3x1b6n0hfd"]],
    [["replay", "--state", "dead"]],
    [["replay", "--state", "dead", "--dry-run"]],
    [["replay", "01m8zk4v9w2q7t5c3x1b6n0hfd"]],
    [["replays"]],
    [["replays", "show", "x"]],
    [["targets", "pause", "x"]],
    [["targets", "move", "x", "y"]],
    [["targets", "preview", "x", "--event", "y"]],
    [["tail"]],
  ])("%j refuses JSON of something else in one line", async (argv) => {
    for (const body of [{}, [], null, { events: [{}], replays: [{}], id: 7 }]) {
      const fetch: typeof globalThis.fetch = async () => Response.json(body);
      const { status, stdout, stderr } = await runCli([...argv, "--output", "text"], { fetch });
      expect([status, stdout]).toEqual([1, ""]);
      expect(stderr).toMatch(
        /^(following .*\n)?gitlab-hook-relay: .* does not speak as the relay does; is --url right\?\n$/,
      );
    }
  });

  test("takes the answers of a relay of an earlier version, without the fields that are new", async () => {
    await relay.add({}, "{}", ["ci-bot"]);
    expect(await run(["replay", "--all"])).toMatchObject({ status: 0 });
    const isNew = new Set(["movedTo", "enabled", "cancelled"]);
    const fetch: typeof globalThis.fetch = async (...request) => {
      const answer: unknown = await (await fetchOf(relay)(...request)).json();
      const earlier = JSON.stringify(answer, (key, value: unknown) => (isNew.has(key) ? undefined : value));
      return new Response(earlier, { headers: { "content-type": "application/json" } });
    };
    for (const argv of [["events"], ["targets"], ["replays"]]) {
      const { status, stdout, stderr } = await runCli([...argv, "--output", "text"], { fetch });
      expect([argv, status, stderr]).toEqual([argv, 0, ""]);
      expect(stdout).not.toBe("");
    }
  });

  test("says what is missing or wrong, and never the token", async () => {
    const cases: [Parameters<typeof runCli>[1], readonly string[], number, string][] = [
      [{ env: {} }, [], 2, "admin token is missing"],
      [{}, ["--url", "http://me:wrong-token@localhost"], 2, "must not hold credentials"],
      [{}, ["--url", "localhost"], 2, "must be an http or https address"],
      [{}, [], 1, "cannot reach the relay at http://127.0.0.1:8080: connect ECONNREFUSED"],
      [{ fetch: fetchOf(relay) }, ["--token", "wrong-token"], 1, "refuses the token"],
      [
        { fetch: async () => new Response("<html>", { status: 502 }) },
        [],
        1,
        "does not speak as the relay does",
      ],
      [
        { fetch: async () => Response.json({ targets: 3 }) },
        [],
        1,
        "answers 200 and does not speak as the relay does",
      ],
      [{ fetch: async () => new Response("ok") }, [], 1, "answers 200 and does not speak as the relay does"],
      [{}, ["--token-file", "/nope"], 2, 'cannot read --token-file "/nope"'],
    ];
    for (const [changes, argv, status, text] of cases) {
      const result = await runCli(["targets", ...argv], changes);
      expect(result).toMatchObject({ status, stderr: expect.stringContaining(text) as string });
      expect(result.stderr).not.toContain("wrong-token");
    }
  });

  test("finds the token of a relay on this machine in its data folder, and asks no other for it", async () => {
    const env = { RELAY_DATA_DIR: "/d" };
    const readFile = (path: string): string =>
      path === "/d/admin-token" ? `${relay.config.admin.token}\n` : "";
    const changes = { env, readFile, fetch: fetchOf(relay) };
    expect((await runCli(["targets"], changes)).status).toBe(0);
    expect((await runCli(["targets", "--url", "https://hooks.acme.dev"], changes)).status).toBe(2);
  });
});
