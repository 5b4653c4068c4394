/** The whole command against the simulated GitLab, with receivers of the test's own. */
import { afterEach, describe, expect, test } from "vitest";
import { createScaledClock } from "../../simulator/scaled-clock.ts";
import type { Hook } from "../../simulator/hook.ts";
import type { Project } from "../../simulator/model.ts";
import type { SimulatorOptions } from "../../simulator/options.ts";
import { createSimulator, type Simulator } from "../../simulator/simulator.ts";
import type { Transport } from "../../../lib/gitlab/transport.ts";
import type { Clock } from "../../../lib/clock.ts";
import { deriveSecretToken, deriveSigningToken } from "../../../lib/secrets.ts";
import { decodeSigningToken, verify } from "../../../lib/signature.ts";
import { httpServer, type Received } from "../../helpers/http-server.ts";
import { SECRET, runInstaller, transport, type InstallerOptions } from "../../helpers/installer.ts";
import {
  createJumpClock,
  hookOf,
  placeOf,
  pushes,
  range,
  runRecover,
  type RecoverRun,
} from "../../helpers/recovery.ts";

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

interface Receiver {
  readonly url: string;
  readonly posts: Received[];
  /** Status of the next answers to webhooks. */
  status: number;
  /** 200: a relay that answers `known` from what it took; 404: somebody else's program. */
  knows: 200 | 404;
  /** Ids that it says it has beside those it took. */
  readonly has: Set<string>;
  questions: number;
}

/** A receiver in the manner of the relay: takes, recognises repetitions, answers which ids it has. */
async function receiver(): Promise<Receiver> {
  const posts: Received[] = [];
  const state = { posts, status: 503, knows: 200 as 200 | 404, has: new Set<string>(), questions: 0 };
  const server = await httpServer((request, response) => {
    const answer = (status: number, body: unknown): void =>
      void response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    if (request.path.endsWith("/known")) {
      state.questions++;
      if (state.knows === 404) return answer(404, {});
      const { ids } = JSON.parse(request.body.toString()) as { ids: string[] };
      return answer(200, { known: ids.filter((id) => state.has.has(id)) });
    }
    posts.push(request);
    if (state.status >= 300) return answer(state.status, {});
    const key = request.headers["idempotency-key"] ?? "";
    const repeated = typeof key === "string" && state.has.has(key);
    if (typeof key === "string" && key !== "") state.has.add(key);
    return answer(repeated ? 200 : 202, {
      status: repeated ? "duplicate" : "accepted",
      id: key === "" ? `made-${posts.length}` : key,
    });
  });
  closing.push(() => server.close());
  return Object.assign(state, { url: `${server.url}/webhooks/gitlab` });
}

interface Scene {
  readonly sim: Simulator;
  readonly projects: Project[];
  readonly relay: Receiver;
  readonly env: Record<string, string>;
  readonly files: Map<string, string>;
  recover(options?: InstallerOptions): Promise<RecoverRun>;
}

/** Hooks are installed and the receiver answers 503 to everything. */
async function scene(
  count: number,
  options: SimulatorOptions & { readonly clock?: Clock } = {},
  env: Record<string, string> = {},
): Promise<Scene> {
  const relay = await receiver();
  const sim = await createSimulator({ tier: "free", ...options });
  closing.push(() => sim.close());
  const { projects } = sim.seed.tree({ projects: count });
  const all = { HOOKS_URL: relay.url, HOOKS_STATE_FILE: "state.json", ...env };
  const installed = await runInstaller(sim, { env: { ...all, HOOKS_STATE_FILE: "" } });
  expect([installed.status, installed.stderr]).toEqual([0, ""]);
  const files = new Map<string, string>();
  const clock = options.clock === undefined ? {} : { clock: options.clock };
  return {
    sim,
    projects,
    relay,
    env: all,
    files,
    recover: (more = {}) => runRecover(sim, { files, ...clock, ...more, env: { ...all, ...more.env } }),
  };
}

function sequences(relay: Receiver, from = 0): number[] {
  return relay.posts
    .slice(from)
    .map((post) => (JSON.parse(post.body.toString()) as { sequence: number }).sequence);
}

describe("--mode", () => {
  test("auto: resends while the limit of five lasts, replays the rest, oldest first", async () => {
    const { sim, projects, relay, recover } = await scene(1);
    await pushes(sim, projects[0] as Project, range(1, 8));
    relay.status = 202;
    const before = relay.posts.length;
    const run = await recover();
    expect(run.status).toBe(0);
    expect(sequences(relay, before)).toEqual(range(1, 8));
    const { deliveries } = placeOf(run, "acme/project-1").hooks[0]!;
    expect(deliveries.map((d) => d.by)).toEqual([
      ...range(0, 5).map(() => "resend"),
      ...range(0, 3).map(() => "replay"),
    ]);
    expect(deliveries[0]).toMatchObject({
      kind: "push",
      project: "acme/project-1",
      status: "503",
      outcome: "recovered",
      redacted: true,
    });
  });

  test("replay: nothing is written in GitLab; the request is GitLab's own, with a mark", async () => {
    const { sim, projects, relay, recover } = await scene(1);
    await pushes(sim, projects[0] as Project, [1]);
    const original = relay.posts[0] as Received;
    relay.status = 202;
    sim.counters.reset();
    expect((await recover({ args: ["--mode", "replay"] })).status).toBe(0);
    expect(sim.counters.writes).toBe(0);
    const replayed = relay.posts[1] as Received;
    const withoutMails = original.body.toString().replaceAll("owner@example.com", "[REDACTED]");
    expect(JSON.parse(replayed.body.toString())).toEqual(JSON.parse(withoutMails));
    expect(replayed.headers).toMatchObject({ "x-relay-recovered": "replay", "x-gitlab-token": SECRET });
    for (const name of [
      "idempotency-key",
      "webhook-id",
      "x-gitlab-event",
      "x-gitlab-event-uuid",
      "x-gitlab-instance",
      "content-type",
    ]) {
      if (name !== "webhook-id" || original.headers[name] !== undefined)
        expect([name, replayed.headers[name]]).toEqual([name, original.headers[name]]);
    }
  });

  test("resend: waits for GitLab's minute as far as --time-limit goes, then stops with 75", async () => {
    const clock = createScaledClock(40);
    const { sim, projects, relay, recover, files } = await scene(2, { clock });
    for (const project of projects) await pushes(sim, project, range(1, 12));
    relay.status = 202;
    sim.counters.reset();
    const before = relay.posts.length;
    const first = await recover({ args: ["--mode=resend", "--time-limit=100"] });
    expect([first.status, first.report.complete]).toEqual([75, false]);
    expect(first.report.summary).toMatchObject({ missed: 24, recovered: 20, outstanding: 4, failed: 0 });
    expect(JSON.parse(files.get("state.json") ?? "")).toMatchObject({ version: 1 });
    expect(sim.counters.report().rejected).toBe(0);
    const second = await recover({ args: ["--mode=resend", "--time-limit=200"] });
    expect([second.status, second.report.summary.recovered]).toEqual([0, 4]);
    expect(relay.posts.length - before).toBe(24);
    const perProject = projects.map(({ id }) =>
      relay.posts
        .slice(before)
        .map((p) => JSON.parse(p.body.toString()) as { project_id: number; sequence: number })
        .filter((p) => p.project_id === id)
        .map((p) => p.sequence),
    );
    expect(perProject).toEqual([range(1, 12), range(1, 12)]);
  });

  test("resend: without a time limit the run does not wait; the next one goes on", async () => {
    const jump = createJumpClock();
    const { sim, projects, relay, recover } = await scene(1, { clock: jump });
    await pushes(sim, projects[0] as Project, range(1, 7));
    relay.status = 202;
    const first = await recover({ args: ["--mode=resend"] });
    expect([first.status, first.report.stoppedBy, first.report.summary.recovered]).toEqual([
      75,
      "rate-limit",
      5,
    ]);
    expect(first.report.results[0]?.reason).toContain("the next one goes on");
    sim.nextMinute();
    jump.jump(61_000);
    const second = await recover({ args: ["--mode=resend"] });
    expect([second.status, second.report.summary.recovered]).toEqual([0, 2]);
  });

  test("places that wait for the limit are not forgotten where the run ends before the others", async () => {
    const jump = createJumpClock();
    const { sim, projects, relay, recover } = await scene(3, { clock: jump });
    for (const project of projects) await pushes(sim, project, range(1, 6));
    relay.status = 202;
    const before = relay.posts.length;
    const args = ["--mode=resend", "--chunk-size=1", "--concurrency=1"];
    const first = await recover({ args: [...args, "--max-requests=14"] });
    expect([first.status, first.report.stoppedBy]).toEqual([75, "max-requests"]);
    expect(first.report.summary.recovered).toBeGreaterThan(5);
    const statuses: number[] = [];
    while (statuses.at(-1) !== 0 && statuses.length < 4) {
      sim.nextMinute();
      jump.jump(61_000);
      statuses.push((await recover({ args })).status);
    }
    expect(statuses.at(-1)).toBe(0);
    expect(relay.posts.length - before).toBe(18);
    const of = (id: number): number[] =>
      relay.posts
        .slice(before)
        .map((post) => JSON.parse(post.body.toString()) as { project_id: number; sequence: number })
        .filter((post) => post.project_id === id)
        .map((post) => post.sequence);
    expect(projects.map((project) => of(project.id))).toEqual(projects.map(() => range(1, 6)));
  });

  test("a limit that others have used up is waited for, or gone around", async () => {
    const { sim, projects, relay, recover } = await scene(1);
    await pushes(sim, projects[0] as Project, range(1, 3));
    relay.status = 202;
    sim.settings.endpointLimits = { ...sim.settings.endpointLimits!, hookResend: 1 };
    const run = await recover();
    expect(run.status).toBe(0);
    const { deliveries } = placeOf(run, "acme/project-1").hooks[0]!;
    expect(deliveries.map((d) => d.by)).toEqual(["resend", "replay", "replay"]);
  });
});

describe("what the receiver already has", () => {
  test("is neither resent nor replayed: only its answer had not reached GitLab", async () => {
    const { sim, projects, relay, recover } = await scene(1);
    const { keys } = await pushes(sim, projects[0] as Project, range(1, 3));
    relay.status = 202;
    relay.has.add(keys[1] as string);
    const before = relay.posts.length;
    const run = await recover();
    expect(run.report.summary).toMatchObject({ missed: 3, recovered: 2, alreadyDelivered: 1 });
    expect(sequences(relay, before)).toEqual([1, 3]);
  });

  test("ids are asked for in questions of 500", async () => {
    const { sim, projects, relay, recover } = await scene(1);
    sim.fillLog(hookOf(projects[0] as Project), { count: 1001, status: () => "internal error" });
    relay.status = 202;
    const run = await recover({ args: ["--mode=replay"] });
    expect([relay.questions, run.report.summary.recovered]).toEqual([3, 1001]);
  });

  test("a second run finds nothing and writes nothing, with its state file or without it", async () => {
    const { sim, projects, relay, recover } = await scene(2);
    for (const project of projects) await pushes(sim, project, range(1, 7));
    relay.status = 202;
    await recover();
    const posts = relay.posts.length;
    sim.counters.reset();
    const second = await recover();
    expect([second.status, second.report.summary.missed]).toEqual([0, 0]);
    const third = await recover({ files: new Map() });
    expect([third.status, third.report.summary]).toEqual([
      0,
      expect.objectContaining({ missed: 4, alreadyDelivered: 4, recovered: 0 }),
    ]);
    expect([sim.counters.writes, relay.posts.length]).toEqual([0, posts]);
  });

  test("a receiver that is not ours gets the bodies; the state file remembers them", async () => {
    const { sim, projects, relay, recover, files } = await scene(1);
    relay.knows = 404;
    await pushes(sim, projects[0] as Project, range(1, 9));
    relay.status = 204;
    const before = relay.posts.length;
    const first = await recover({ args: ["--mode=replay"] });
    expect([first.status, first.report.summary.recovered]).toEqual([0, 9]);
    expect(sequences(relay, before)).toEqual(range(1, 9));
    const second = await recover({ args: ["--mode=replay"] });
    expect([second.status, second.report.summary.missed]).toEqual([0, 0]);
    expect(relay.posts.length - before).toBe(9);
    // A run that ended in between has left what it did in the file as well.
    relay.status = 503;
    await pushes(sim, projects[0] as Project, range(10, 4));
    relay.status = 204;
    const posts = relay.posts.length;
    let left = 2;
    const third = await recover({
      args: ["--mode=replay"],
      transport: (url, sent) =>
        "x-relay-recovered" in sent.headers && left-- <= 0
          ? Promise.reject(new Error("gone"))
          : transport(url, sent),
    });
    expect([third.status, third.report.summary.recovered, third.report.summary.outstanding]).toEqual([
      1, 2, 2,
    ]);
    expect(Object.values((JSON.parse(files.get("state.json") ?? "") as { logs: object }).logs)).toEqual([
      expect.objectContaining({ settled: expect.any(Array) }),
    ]);
    const fourth = await recover({ args: ["--mode=replay"] });
    expect([fourth.status, fourth.report.summary.recovered]).toEqual([0, 2]);
    expect(sequences(relay, posts)).toEqual(range(10, 4));
  });
});

describe("secrets", () => {
  const master = "a-master-secret-for-tests";

  test("with a master secret each hook gets its own token and a fresh signature", async () => {
    const { sim, projects, relay, recover } = await scene(
      2,
      {},
      { GITLAB_WEBHOOK_MASTER_SECRET: master, GITLAB_WEBHOOK_SECRET: "" },
    );
    for (const project of projects) await pushes(sim, project, [1]);
    relay.status = 202;
    const before = relay.posts.length;
    expect((await recover({ args: ["--mode=replay"] })).status).toBe(0);
    const host = new URL(sim.url).host;
    for (const post of relay.posts.slice(before)) {
      const hookKey = post.path.split("/").at(-1) as string;
      expect(post.headers["x-gitlab-token"]).toBe(deriveSecretToken(master, host, hookKey));
      const key = decodeSigningToken(deriveSigningToken(master, host, hookKey)) as Uint8Array;
      const signed = {
        id: String(post.headers["webhook-id"]),
        timestamp: String(post.headers["webhook-timestamp"]),
        signature: String(post.headers["webhook-signature"]),
      };
      expect(signed.id).toBe(post.headers["idempotency-key"]);
      expect(verify([key], signed, post.body, { receivedAt: Date.now(), toleranceSeconds: 30_000 })).toBe(
        "valid",
      );
    }
  });

  test("with a signing token alone the request is signed anew and carries no token", async () => {
    const token = `whsec_${Buffer.alloc(32, 3).toString("base64")}`;
    const { sim, projects, relay, recover } = await scene(
      1,
      {},
      { GITLAB_WEBHOOK_SIGNING_TOKEN: token, GITLAB_WEBHOOK_SECRET: "" },
    );
    await pushes(sim, projects[0] as Project, [1]);
    relay.status = 202;
    expect((await recover({ args: ["--mode=replay"] })).status).toBe(0);
    const { headers, body } = relay.posts.at(-1) as Received;
    expect(headers["x-gitlab-token"]).toBeUndefined();
    const signed = {
      id: String(headers["webhook-id"]),
      timestamp: String(headers["webhook-timestamp"]),
      signature: String(headers["webhook-signature"]),
    };
    expect(
      verify([decodeSigningToken(token) as Uint8Array], signed, body, {
        receivedAt: Date.now(),
        toleranceSeconds: 30_000,
      }),
    ).toBe("valid");
  });

  test("headers that the hooks were installed with are sent again", async () => {
    const env = { HOOKS_CUSTOM_HEADERS: "X-Gateway-Key: of-the-gateway-77" };
    const { sim, projects, relay, recover } = await scene(1, {}, env);
    await pushes(sim, projects[0] as Project, [1]);
    relay.status = 202;
    const run = await recover({ args: ["--mode=replay"] });
    expect(relay.posts.at(-1)?.headers["x-gateway-key"]).toBe("of-the-gateway-77");
    for (const text of [run.stdout, run.stderr, ...run.files.values()]) {
      for (const secret of ["of-the-gateway-77", SECRET, sim.token.value]) expect(text).not.toContain(secret);
    }
  });

  test("the job sends nothing to an address that only claims to be ours; GitLab still resends", async () => {
    const { sim, projects, relay, recover, env } = await scene(1);
    const thief = await receiver();
    thief.status = 202;
    const project = projects[0] as Project;
    const { description } = hookOf(project);
    const copy = sim.model.addHook(project, thief.url);
    sim.change(copy, { description, flags: ["push_events"] });
    thief.status = 503;
    await pushes(sim, project, [1]);
    thief.status = 202;
    relay.status = 202;
    for (const HOOKS_URL of [relay.url, ""]) {
      const run = await recover({ args: ["--mode=replay"], env: { ...env, HOOKS_URL } });
      expect(run.status).toBe(1);
      expect(run.report.results[0]?.reason).toMatch(/not that of --url|not installed with the secrets/);
    }
    expect([thief.posts.length, thief.questions]).toEqual([1, 0]);
    expect(sequences(relay, 1)).toEqual([1]);
    expect((await recover()).status).toBe(0);
    expect(thief.posts.map((post) => post.headers["x-relay-recovered"])).toEqual([undefined, undefined]);
  });
});

describe("hooks that GitLab switched off", () => {
  test.each([
    [4, "temporarily_disabled"],
    [40, "disabled"],
  ])("after %i failures (%s) a test delivery wakes them first", async (failures) => {
    const { sim, projects, relay, recover } = await scene(1, { autoDisable: true });
    const hook = hookOf(projects[0] as Project);
    await pushes(sim, projects[0] as Project, range(1, 4));
    sim.change(hook, { recentFailures: failures, disabledUntil: Date.now() + 3_600_000 });
    relay.status = 202;
    const before = relay.posts.length;
    const run = await recover();
    expect(run.status).toBe(0);
    expect(run.report.summary).toMatchObject({ recovered: 4, woken: 1 });
    expect(sequences(relay, before).slice(1)).toEqual(range(1, 4));
    expect(sim.inspect(hook)["alertStatus"]).toBe("executable");
    const sent = sim.counters.log
      .filter((r) => r.method === "POST" && /test|resend/.test(r.route))
      .map((r) => r.status);
    expect(sent).toEqual([201, 201, 201, 201, 201]);
  });

  test("an empty project wakes its hook with GitLab's sample push, and what was missed follows", async () => {
    const { sim, projects, relay, recover } = await scene(1, { autoDisable: true });
    const project = projects[0] as Project;
    await pushes(sim, project, range(1, 4));
    sim.model.updateProject(project, { content: new Set() });
    relay.status = 202;
    const run = await recover();
    expect([run.status, run.report.summary.recovered, run.report.summary.woken]).toEqual([0, 4, 1]);
  });
});

describe("the receiver in trouble", () => {
  test.each([
    ["a log-in page", "text/html", "<!DOCTYPE html><title>Sign in</title>"],
    ["somebody else's JSON", "application/json", '{"ok":true}'],
    ["an accepted event without an id", "application/json", '{"status":"accepted"}'],
    ["an id without a word of what became of it", "application/json", '{"status":"queued","id":"1"}'],
    ["nothing", "application/json", ""],
  ])("a 2xx with %s delivers nothing, and the report says what it was", async (_, type, page) => {
    const { sim, projects, recover } = await scene(1);
    await pushes(sim, projects[0] as Project, range(1, 2));
    const run = await recover({
      args: ["--mode=replay"],
      transport: (url, sent) =>
        url.href.startsWith(sim.url)
          ? transport(url, sent)
          : Promise.resolve({ status: 200, headers: { "content-type": type }, text: page }),
    });
    expect([run.status, run.report.summary.recovered, run.report.summary.outstanding]).toEqual([1, 0, 2]);
    expect(run.stdout).toContain("answered this job with 200, but not as the relay does");
  });

  test("as long as it is down everything stays outstanding, and GitLab is not made to fail over and over", async () => {
    const { sim, projects, relay, recover } = await scene(3);
    for (const project of projects) await pushes(sim, project, range(1, 6));
    sim.counters.reset();
    const run = await recover();
    expect([run.status, run.report.summary.outstanding, run.report.summary.failed]).toEqual([1, 18, 3]);
    expect(sim.counters.writes).toBe(3);
    expect(run.report.results[0]?.reason).toContain("503");
    relay.status = 202;
    const next = await recover();
    expect([next.status, next.report.summary.recovered]).toEqual([0, 18]);
  });

  test("an event that it refuses for its own sake is given up, the others are not", async () => {
    const { sim, projects, relay, recover } = await scene(1);
    await pushes(sim, projects[0] as Project, range(1, 7));
    relay.status = 413;
    const run = await recover();
    expect([run.status, run.report.summary.unrecoverable]).toEqual([0, 7]);
    const reasons = placeOf(run, "acme/project-1").hooks[0]?.deliveries.map((d) => d.reason);
    expect(new Set(reasons)).toEqual(new Set(["the receiver refused it again with 413"]));
    expect((await recover()).report.summary.missed).toBe(0);
  });

  test("that does not accept this job's secrets still gets what GitLab resends", async () => {
    const { sim, projects, relay, recover } = await scene(1);
    await pushes(sim, projects[0] as Project, range(1, 6));
    relay.status = 202;
    const wrong: Transport = (url, sent) =>
      "x-relay-recovered" in sent.headers
        ? Promise.resolve({ status: 401, headers: {}, text: "{}" })
        : transport(url, sent);
    const run = await recover({ transport: wrong });
    expect([run.status, run.report.summary.recovered, run.report.stoppedBy]).toEqual([75, 5, "rate-limit"]);
  });

  test("out of this job's reach GitLab alone resends", async () => {
    const { sim, projects, relay, recover } = await scene(1);
    await pushes(sim, projects[0] as Project, range(1, 3));
    relay.status = 202;
    const inside: Transport = (url, sent) =>
      url.href.startsWith(relay.url)
        ? Promise.reject(Object.assign(new Error("connect"), { code: "ECONNREFUSED" }))
        : transport(url, sent);
    const run = await recover({ transport: inside });
    expect([run.status, run.report.summary.recovered]).toEqual([0, 3]);
    const replayed = await recover({ transport: inside, files: new Map(), args: ["--mode=replay"] });
    expect(replayed.report.summary.missed).toBe(0);
  });

  test("an answer of GitLab that was lost is looked for in the log before anything is sent again", async () => {
    const { sim, projects, relay, recover } = await scene(1);
    await pushes(sim, projects[0] as Project, [1]);
    relay.status = 202;
    relay.knows = 404;
    const before = relay.posts.length;
    sim.faults.add({
      method: "POST",
      route: "/projects/:id/hooks/:hook_id/events/:log_id/resend",
      action: { kind: "status-after", status: 502 },
    });
    const run = await recover();
    expect([run.status, run.report.summary.recovered, relay.posts.length - before]).toEqual([0, 1, 1]);
  });

  test("an address that has changed since cannot be resent to", async () => {
    const { sim, projects, relay, recover } = await scene(1);
    const project = projects[0] as Project;
    await pushes(sim, project, range(1, 2));
    sim.change(hookOf(project), { url: `${relay.url}?moved=1` });
    relay.status = 202;
    const env = { HOOKS_URL: `${relay.url}?moved=1` };
    const resent = await recover({ args: ["--mode=resend"], env });
    expect([resent.status, resent.report.summary.outstanding]).toEqual([1, 2]);
    expect(resent.report.results[0]?.reason).toContain("address of the hook has changed");
    expect((await recover({ env })).report.summary.recovered).toBe(2);
  });
});

describe("what cannot be recovered, or not wholly", () => {
  test("bodies that were too big for GitLab's log are named, and not sent as they are there", async () => {
    const { sim, projects, relay, recover } = await scene(1, { oversizeLogBytes: 2000 });
    await sim.trigger(projects[0] as Project, "push", { payload: { sequence: 1, filler: "x".repeat(3000) } });
    relay.status = 202;
    const before = relay.posts.length;
    const run = await recover();
    expect(run.status).toBe(0);
    expect(run.report.summary).toMatchObject({ unrecoverable: 1, recovered: 0 });
    expect(placeOf(run, "acme/project-1").hooks[0]?.deliveries[0]?.reason).toMatch(/^oversize/);
    expect(relay.posts.length).toBe(before);
    expect((await recover()).report.summary.missed).toBe(0);
  });

  test("redacted e-mail addresses: recovered, and marked", async () => {
    const { sim, projects, relay, recover } = await scene(1);
    await sim.trigger(projects[0] as Project, "push", { payload: { user_email: "ada@example.com" } });
    relay.status = 202;
    const run = await recover();
    expect(run.report.summary).toMatchObject({ recovered: 1, redacted: 1 });
    expect(placeOf(run, "acme/project-1").hooks[0]?.deliveries[0]).toMatchObject({
      redacted: true,
      outcome: "recovered",
    });
    expect(run.stdout).toContain("[REDACTED]");
  });

  test("failed test deliveries do no harm", async () => {
    const { sim, projects, relay, recover } = await scene(1);
    const project = projects[0] as Project;
    const hook = hookOf(project);
    const token = { "private-token": sim.token.value };
    const tested = await fetch(`${sim.url}/api/v4/projects/${project.id}/hooks/${hook.id}/test/push_events`, {
      method: "POST",
      headers: token,
    });
    expect(tested.status).toBe(422);
    await pushes(sim, project, [1]);
    relay.status = 202;
    const run = await recover();
    expect([run.status, run.report.summary.recovered]).toEqual([0, 2]);
  });
});

describe("places", () => {
  test("--projects: these alone, without listing the group", async () => {
    const { sim, projects, relay, recover } = await scene(3);
    for (const project of projects) await pushes(sim, project, [1]);
    relay.status = 202;
    sim.counters.reset();
    const args = ["--projects", `acme/project-1,${projects[1]?.id}`];
    const run = await recover({ args, env: { HOOKS_GROUP: "" } });
    expect([run.status, run.report.summary.recovered]).toEqual([0, 2]);
    expect(run.report.results.map((p) => p.projectId)).toEqual([projects[0]?.id, projects[1]?.id]);
    expect(sim.counters.count("GET /groups/:id/projects")).toBe(0);
  });

  test("neither group nor projects: refused with 2", async () => {
    const { recover } = await scene(1);
    const run = await recover({ env: { HOOKS_GROUP: "" } });
    expect([run.status, run.stderr]).toEqual([2, expect.stringContaining("--projects")]);
  });

  test("a group hook is recovered in the group, and projects are not visited", async () => {
    const { sim, projects, relay, recover } = await scene(3, { tier: "premium" });
    for (const project of projects) await pushes(sim, project, [1]);
    relay.status = 202;
    sim.counters.reset();
    const run = await recover();
    expect(run.report.level).toBe("group");
    expect(run.report.results).toEqual([
      expect.objectContaining({ projectId: null, path: "acme", recovered: 3 }),
    ]);
    expect(run.report.results[0]?.hooks[0]?.deliveries.map((d) => d.project)).toEqual(
      projects.map((p) => p.fullPath),
    );
    expect(sim.counters.count("GET /projects/:id/hooks")).toBe(0);
  });

  test("projects without a hook of ours and those of others are left alone", async () => {
    const { sim, projects, relay, recover } = await scene(2);
    const project = projects[0] as Project;
    const other = sim.seed.foreignHook(project) as Hook;
    sim.fillLog(other, { count: 30, status: () => "500" });
    projects[1]?.hooks.splice(0);
    relay.status = 202;
    const run = await recover();
    expect([run.status, run.report.summary.missed, run.report.summary.skipped]).toEqual([0, 0, 1]);
  });

  test("a GitLab before 17.3 has no log in its API, which is said", async () => {
    const { sim, recover } = await scene(1, { version: "17.2.0" });
    const run = await recover();
    expect(run.status).toBe(1);
    expect(run.report.results[0]?.reason).toContain("17.3");
    expect(sim.counters.writes).toBe(1);
  });

  test("17.3 cannot resend and gives no ids: bodies are replayed, joined by the event's UUID", async () => {
    const { sim, projects, relay, recover } = await scene(1, { version: "17.3.0" });
    await pushes(sim, projects[0] as Project, range(1, 3));
    relay.status = 202;
    relay.knows = 404;
    const before = relay.posts.length;
    const run = await recover();
    expect([run.status, run.report.summary.recovered]).toEqual([0, 3]);
    expect(sequences(relay, before)).toEqual(range(1, 3));
    expect(run.report.results[0]?.hooks[0]?.deliveries[0]?.id).toBeNull();
    expect((await recover()).report.summary.missed).toBe(0);
  });
});

describe("--dry-run", () => {
  test("lists what was missed by project, kind and time; writes and remembers nothing", async () => {
    const { sim, projects, relay, recover, files } = await scene(2, { autoDisable: true });
    const { keys } = await pushes(sim, projects[0] as Project, range(1, 4));
    sim.counters.reset();
    relay.status = 202;
    const posts = relay.posts.length;
    const run = await recover({ args: ["--dry-run"] });
    expect(run.status).toBe(0);
    for (const key of keys)
      expect(run.stdout).toMatch(new RegExp(`\\d{4}-\\d\\d-\\d\\dT\\S+Z push acme/project-1 ${key}: 503`));
    expect(run.report.summary).toMatchObject({ missed: 4, outstanding: 4, recovered: 0, woken: 0 });
    expect([sim.counters.writes, relay.posts.length, files.has("state.json")]).toEqual([0, posts, false]);
    expect((await recover({ args: ["--dry-run", "--fail-on-drift"] })).status).toBe(3);
    expect((await recover()).report.summary.recovered).toBe(4);
    expect((await recover({ args: ["--dry-run", "--fail-on-drift"] })).status).toBe(0);
  });
});

describe("--until", () => {
  test("deliveries that were first tried later are left alone", async () => {
    const { sim, projects, relay, recover } = await scene(1);
    sim.fillLog(hookOf(projects[0] as Project), { count: 40, stepMs: 60_000, status: () => "500" });
    relay.status = 202;
    const clock = createJumpClock();
    const args = ["--since", "1d", "--mode=replay"];
    const { missed } = (await recover({ args: [...args, "--dry-run"], clock })).report.summary;
    const early = (await recover({ args: [...args, "--until", "19m"], clock })).report;
    expect(early.until).toMatch(/Z$/);
    expect(early.summary.recovered).toBeGreaterThan(missed / 3);
    expect(early.summary.recovered).toBeLessThan((2 * missed) / 3);
    const rest = (await recover({ args, clock })).report;
    expect(early.summary.recovered + rest.summary.recovered).toBe(missed);
  });

  test("before --since is exit 2", async () => {
    const { recover } = await scene(1);
    const run = await recover({ args: ["--since", "1h", "--until", "2h"] });
    expect(run.status).toBe(2);
    expect(run.stderr).toMatch(/--until .*must be later than --since, which is 1h/);
  });
});

describe("--since", () => {
  test("older rows do not count, and older pages are not read", async () => {
    const { sim, projects, relay, recover } = await scene(1);
    sim.fillLog(hookOf(projects[0] as Project), { count: 1000, stepMs: 60_000, status: () => "500" });
    relay.status = 202;
    const run = await recover({ args: ["--since", "90m", "--mode=replay"], clock: createJumpClock() });
    expect(run.report.summary.missed).toBeGreaterThanOrEqual(89);
    expect(run.report.summary.missed).toBeLessThanOrEqual(91);
    expect(run.report.requests.pages).toBe(5);
  });
});
