import { afterEach, beforeEach, describe, expect, test } from "vitest";
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
    expect((await run(["events", id], true)).stdout).toContain("x-gitlab-event  Push Hook");
    expect((await run(["events", id, "--body"])).stdout).toBe('{"a": 1}');
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

  test("replays the dead letters of a target, after a dry run that changes nothing", async () => {
    await relay.add({}, "{}", ["ci-bot"]);
    await relay.settle("ci-bot", "dead");
    const argv = ["replay", "--state", "dead", "--target", "ci-bot"];
    expect(JSON.parse((await run([...argv, "--dry-run"])).stdout)).toEqual({ wouldReplay: 1, more: false });
    expect((await run(argv, true)).stdout).toBe("1 event replayed.\n");
    expect((await run(argv, true)).stdout).toBe("0 events replayed.\n");
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

describe("targets", () => {
  test("lists, pauses and resumes", async () => {
    expect((await run(["targets"], true)).stdout).toMatch(/ci-bot +delivering/);
    expect((await run(["targets", "pause", "ci-bot"], true)).stdout).toContain("ci-bot is paused");
    expect((await run(["targets"], true)).stdout).toMatch(/ci-bot +paused/);
    expect(JSON.parse((await run(["targets", "resume", "ci-bot"])).stdout)).toMatchObject({ paused: false });
  });

  test.each([
    [["targets", "pause"], 2, "needs the name"],
    [["targets", "move", "a"], 2, "needs two names"],
    [["targets", "pause", "nope"], 1, 'no target "nope"'],
    [["targets", "explode"], 2, "Allowed choices"],
  ])("%j ends with %i", async (argv, status, text) => {
    expect(await run(argv)).toMatchObject({ status, stderr: expect.stringContaining(text) as string });
  });
});

describe("relayApi()", () => {
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
