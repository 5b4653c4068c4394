import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createAdminFixture, type AdminFixture } from "../../../helpers/admin.ts";

interface Replay {
  readonly id: string;
  readonly state: string;
  readonly createdBy: string;
  readonly filter: Readonly<Record<string, unknown>>;
  readonly targets: readonly string[] | null;
  readonly rate: number | null;
  readonly matched: { readonly text: string; readonly events: number; readonly deliveries: number };
  readonly progress: Readonly<Record<string, number>>;
}

let relay: AdminFixture;

const post = async (path: string, body: unknown = {}): Promise<Response> =>
  relay.api(`/api/v1/${path}`, { method: "POST", body: JSON.stringify(body) });
const start = async (body: unknown): Promise<Replay> => {
  const answer = await post("replays", body);
  expect(answer.status).toBe(202);
  return (await answer.json()) as Replay;
};
const refusalOf = async (answer: Response): Promise<[status: number, code: string, message: string]> => {
  const { error } = (await answer.json()) as { error: { code: string; message: string } };
  return [answer.status, error.code, error.message];
};

beforeEach(async () => {
  relay = createAdminFixture();
  for (let n = 0; n < 3; n++) await relay.add({ projectPath: "acme/shop" }, "{}", ["ci-bot", "audit"]);
  for (let n = 0; n < 2; n++) await relay.settle("ci-bot", "dead");
  await relay.settle("ci-bot", "done");
});
afterEach(() => relay.close());

describe("POST /replays", () => {
  test("starts a job for what failed, at the targets that failed, and says where it is", async () => {
    const answer = await post("replays", { project: "acme/**", rate: 5 });
    expect(answer.status).toBe(202);
    const job = (await answer.json()) as Replay;
    expect(answer.headers.get("location")).toBe(`/api/v1/replays/${job.id}`);
    expect(job).toMatchObject({
      state: "running",
      createdBy: "token",
      endedAt: null,
      filter: { project: "acme/**" },
      targets: null,
      rate: 5,
      matched: {
        text: "2 events to ci-bot: 2 deliveries",
        events: 2,
        deliveries: 2,
        byTarget: { "ci-bot": 2 },
      },
      progress: { queued: 0, remaining: 2 },
    });
    expect(relay.wakes).toBe(1);
    expect(await (await relay.api(`/api/v1/replays/${job.id}`)).json()).toEqual(job);
    expect(await (await relay.api("/api/v1/replays")).json()).toEqual({ replays: [job] });
    expect(relay.lines.map(({ event }) => event)).toContain("replay.started");
    expect(relay.audit.entries.at(-1)).toMatchObject({ action: "POST /api/v1/replays", status: 202 });
  });

  test("refuses an empty parameter of the query", async () => {
    const answer = await post("replays?state=dead&target=", {});
    expect((await refusalOf(answer))[2]).toMatch(/target is empty/);
  });

  test("takes named targets, and filters of the query, too", async () => {
    const answer = await relay.api("/api/v1/replays?kind=push", {
      method: "POST",
      body: '{"targets":["audit"]}',
    });
    expect(await answer.json()).toMatchObject({
      targets: ["audit"],
      matched: { text: "3 events to audit: 3 deliveries" },
    });
  });

  test("fixes a range of time when it starts", async () => {
    const { filter } = await start({ range: "1h" });
    expect(filter).toEqual({ from: new Date(relay.clock.now() - 3_600_000).toISOString() });
  });

  test("wants a filter, or all: true", async () => {
    expect((await refusalOf(await post("replays")))[2]).toMatch(/name at least one filter/);
    expect((await refusalOf(await post("replays", { targets: ["audit"] })))[0]).toBe(400);
    expect((await start({ all: true })).matched.deliveries).toBe(2);
  });

  test.each([
    [{ kind: "push", rate: 0 }, /rate must be a whole number/],
    [{ kind: "push", rate: "5" }, /rate must be a whole number/],
    [{ kind: "push", all: 1 }, /all must be true or false/],
    [{ kind: "push", dryRun: "yes" }, /dryRun must be true or false/],
    [{ kind: "push", targets: ["gone"] }, /no target "gone"/],
    [{ target: "gone" }, /no target "gone"/],
    [{ state: "odd" }, /state must be one of/],
    [{ surprise: 1 }, /no field "surprise"/],
    [{ state: "dead", target: "" }, /target is empty: give it a value, or leave it out/],
    [{ all: true, kind: [] }, /kind is empty/],
    [{ all: true, project: ["", " "] }, /project is empty/],
  ])("refuses %j", async (body, message) => {
    const [status, code, text] = await refusalOf(await post("replays", body));
    expect([status, code]).toEqual([400, "bad_request"]);
    expect(text).toMatch(message);
  });

  test("with dryRun counts, shows a sample, and starts nothing", async () => {
    const answer = await post("replays", { target: "ci-bot", dryRun: true });
    expect(answer.status).toBe(200);
    const { matched, sample } = (await answer.json()) as { matched: unknown; sample: unknown[] };
    expect(matched).toMatchObject({ text: "2 events to ci-bot: 2 deliveries", isWhole: true });
    expect(sample).toHaveLength(2);
    expect(await (await relay.api("/api/v1/replays")).json()).toEqual({ replays: [] });
  });

  test("starts no job if nothing fits, and says so", async () => {
    const answer = await post("replays", { kind: "release", targets: ["audit"] });
    expect([answer.status, await answer.json()]).toEqual([
      200,
      {
        matched: { text: "no delivery fits", events: 0, deliveries: 0, byTarget: {}, isWhole: true },
        sample: [],
      },
    ]);
    expect(await (await relay.api("/api/v1/replays")).json()).toEqual({ replays: [] });
    expect(relay.lines.map(({ event }) => event)).not.toContain("replay.started");
  });

  test("refuses more jobs than may be at a time", async () => {
    for (let n = 0; n < 20; n++) await start({ kind: "push" });
    const [status, code] = await refusalOf(await post("replays", { kind: "push" }));
    expect([status, code]).toEqual([409, "too_many_replays"]);
  });
});

describe("POST /replays/:id/pause, resume and cancel", () => {
  test("change the state, twice as well as once", async () => {
    const { id } = await start({ kind: "push" });
    for (const [verb, state] of [
      ["pause", "paused"],
      ["pause", "paused"],
      ["resume", "running"],
      ["cancel", "cancelled"],
      ["cancel", "cancelled"],
    ]) {
      const answer = await post(`replays/${id}/${verb}`);
      expect([answer.status, await answer.json()]).toMatchObject([200, { id, state }]);
    }
    expect(relay.audit.entries.at(-1)).toMatchObject({
      subject: id,
      action: "POST /api/v1/replays/:id/cancel",
    });
    const [status, code, message] = await refusalOf(await post(`replays/${id}/resume`));
    expect([status, code, message]).toEqual([
      409,
      "replay_state",
      `Cannot resume replay job ${id}: it is cancelled`,
    ]);
  });

  test("of a job that there is not are 404", async () => {
    for (const verb of ["pause", "resume", "cancel"])
      expect((await refusalOf(await post(`replays/none/${verb}`)))[0]).toBe(404);
    expect((await relay.api("/api/v1/replays/none")).status).toBe(404);
  });
});

describe("POST /events/replay and POST /dead/replay", () => {
  test("start a job each, whose events or deliveries they count, and none if nothing fits", async () => {
    const dead = (await (await post("dead/replay")).json()) as { job: string };
    expect(dead).toEqual({ replayed: 2, job: expect.any(String) });
    expect((await relay.queue.replayJobs.get(dead.job))?.plan).toMatchObject({
      createdBy: "token",
      filter: { state: "dead" },
      targets: null,
    });
    const body = { kind: "push", targets: ["audit", "ci-bot"] };
    const some = (await (await post("events/replay", body)).json()) as { job: string };
    expect(some).toEqual({ replayed: 3, more: false, job: expect.any(String) });
    expect((await relay.queue.replayJobs.get(some.job))?.plan).toMatchObject({
      filter: { kind: "push" },
      targets: ["audit", "ci-bot"],
      expected: { deliveries: 6 },
    });
    expect(await (await post("dead/replay", { kind: "note" })).json()).toEqual({ replayed: 0 });
    expect(await (await post("events/replay", { kind: "note" })).json()).toEqual({
      replayed: 0,
      more: false,
    });
    expect(await relay.queue.replayJobs.list()).toHaveLength(2);
  });

  test("say that there are more events where counting took too long", async () => {
    const { count } = relay.queue.replayJobs;
    relay.queue.replayJobs.count = async (set, budgetMs) => ({
      ...(await count(set, budgetMs)),
      isWhole: false,
    });
    expect(await (await post("events/replay", { kind: "push" })).json()).toMatchObject({ more: true });
    expect(await (await post("events/replay", { kind: "push", dryRun: true })).json()).toEqual({
      wouldReplay: 2,
      more: true,
    });
  });

  test("refuse a target that there is not", async () => {
    const [status, , message] = await refusalOf(await post("dead/replay", { target: "gone" }));
    expect([status, message]).toEqual([400, expect.stringContaining('no target "gone"')]);
  });
});
