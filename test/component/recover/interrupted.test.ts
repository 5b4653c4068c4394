/** Runs that end half-way: kill -9, limits. The next run completes them, and what comes twice is counted. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "vitest";
import type { RecoveryReport } from "../../../component/recover/report.ts";
import { httpServer } from "../../helpers/http-server.ts";
import { realTime, runInstaller, SECRET } from "../../helpers/installer.ts";
import { pushes, range, runRecover } from "../../helpers/recovery.ts";
import { killRelays } from "../../helpers/relay-process.ts";
import { stageRelay, type Closing } from "../../helpers/relay-stage.ts";
import type { Project } from "../../simulator/model.ts";
import { createSimulator, type Simulator } from "../../simulator/simulator.ts";

const MAIN = fileURLToPath(new URL("../../../component/main.ts", import.meta.url));
const PROJECTS = 10;
const EACH = 20;

const closing: Closing = [];
const children = new Set<ChildProcess>();
afterEach(async () => {
  for (const child of children) child.kill("SIGKILL");
  await killRelays();
  for (const close of closing.splice(0).toReversed()) await close();
});

interface Missing {
  readonly sim: Simulator;
  readonly keys: readonly string[];
}

/** Hooks at this address, and 200 deliveries that nobody took. */
async function missing(url: string, secrets: Readonly<Record<string, string>>): Promise<Missing> {
  const sim = await createSimulator({ tier: "free" });
  closing.push(() => sim.close());
  const { projects } = sim.seed.tree({ projects: PROJECTS });
  const installed = await runInstaller(sim, {
    env: { HOOKS_URL: url, GITLAB_WEBHOOK_SECRET: "", ...secrets },
  });
  expect(installed.status).toBe(0);
  const sent = await Promise.all(projects.map((project: Project) => pushes(sim, project, range(1, EACH))));
  return { sim, keys: sent.flatMap((s) => s.keys) };
}

interface Started {
  readonly child: ChildProcess;
  readonly ended: Promise<number>;
}

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "recover-"));
  closing.push(() => rm(path, { recursive: true, force: true }));
  return path;
}

function start(
  sim: Simulator,
  url: string,
  home: string,
  secrets: Readonly<Record<string, string>>,
  args: readonly string[] = [],
): Started {
  const state = ["--state-file", join(home, "state.json"), "--report-dir", join(home, "report")];
  const child = spawn(
    process.execPath,
    ["--import", "tsx", MAIN, "recover", "--mode=replay", "--concurrency=4", ...state, ...args],
    {
      env: {
        PATH: process.env["PATH"] ?? "",
        HOOKS_GITLAB_URL: sim.url,
        HOOKS_GITLAB_TOKEN: sim.token.value,
        HOOKS_GROUP: "acme",
        HOOKS_URL: url,
        ...secrets,
      },
      stdio: "ignore",
    },
  );
  children.add(child);
  const ended = once(child, "close").then(([status]) => {
    children.delete(child);
    return status === null ? -1 : (status as number);
  });
  return { child, ended };
}

async function reportIn(home: string): Promise<RecoveryReport> {
  return JSON.parse(await readFile(join(home, "report/report.json"), "utf8")) as RecoveryReport;
}

/** The relay's word that it has an event. */
function accept(response: ServerResponse, key: string | string[] | undefined): void {
  response
    .writeHead(202, { "content-type": "application/json" })
    .end(JSON.stringify({ status: "accepted", id: String(key) }));
}

function ordered(
  arrivals: readonly { readonly projectId: number; readonly sequence: number | null }[],
): boolean {
  const last = new Map<number, number>();
  return arrivals.every(({ projectId, sequence }) => {
    const isNext = (sequence ?? 0) > (last.get(projectId) ?? 0);
    last.set(projectId, sequence ?? 0);
    return isNext;
  });
}

describe("kill -9 of the job", { timeout: 240_000 }, () => {
  const signing = `whsec_${Buffer.alloc(32, 5).toString("base64")}`;
  test.each([
    ["a master secret", { GITLAB_WEBHOOK_MASTER_SECRET: "a-master-secret-for-tests" }],
    ["a signing token", { GITLAB_WEBHOOK_SIGNING_TOKEN: signing }],
  ])("our relay, %s: once per event at the target, in order", async (_, secrets) => {
    const stage = await stageRelay(closing, secrets);
    const { sim, keys } = await missing(stage.url, secrets);
    await stage.start();
    const home = await folder();
    for (const share of [0.2, 0.6]) {
      const run = start(sim, stage.url, home, secrets);
      await stage.target.counted(Math.floor(keys.length * share));
      run.child.kill("SIGKILL");
      expect(await run.ended).toBe(-1);
    }
    const run = start(sim, stage.url, home, secrets);
    expect(await run.ended).toBe(0);
    await stage.target.arrived(keys);
    const { arrivals } = stage.target;
    expect(arrivals.map((a) => a.key).sort()).toEqual([...keys].sort());
    expect(ordered(arrivals)).toBe(true);
    const { summary } = await reportIn(home);
    expect(summary).toMatchObject({ outstanding: 0, unrecoverable: 0, failed: 0 });
    expect(summary.recovered).toBeLessThan(keys.length);

    const again = start(sim, stage.url, home, secrets);
    expect(await again.ended).toBe(0);
    expect((await reportIn(home)).summary).toMatchObject({ missed: 0, recovered: 0 });
    expect(arrivals).toHaveLength(keys.length);
  });

  test("a receiver that remembers no ids: at most what was under way comes twice", async () => {
    const posts: { key: string; projectId: number; sequence: number }[] = [];
    const waiting: { count: number; resolve: () => void }[] = [];
    let isUp = false;
    const server = await httpServer((request, response) => {
      if (!isUp || request.path.endsWith("/known")) return void response.writeHead(isUp ? 404 : 503).end();
      const payload = JSON.parse(request.body.toString()) as { project_id: number; sequence: number };
      posts.push({
        key: String(request.headers["idempotency-key"]),
        projectId: payload.project_id,
        sequence: payload.sequence,
      });
      accept(response, request.headers["idempotency-key"]);
      for (const { count, resolve } of waiting) if (posts.length >= count) resolve();
    });
    closing.push(() => server.close());
    const secrets = { GITLAB_WEBHOOK_SECRET: SECRET };
    const { sim, keys } = await missing(`${server.url}/hooks`, secrets);
    isUp = true;
    const home = await folder();
    const kills = [0.25, 0.5, 0.75];
    for (const share of kills) {
      const run = start(sim, `${server.url}/hooks`, home, secrets);
      await new Promise<void>((resolve) => waiting.push({ count: Math.floor(keys.length * share), resolve }));
      run.child.kill("SIGKILL");
      await run.ended;
    }
    expect(await start(sim, `${server.url}/hooks`, home, secrets).ended).toBe(0);
    expect(new Set(posts.map((p) => p.key))).toEqual(new Set(keys));
    const twice = posts.length - keys.length;
    expect(twice).toBeLessThanOrEqual(kills.length * 4);
    const posted = posts.length;
    expect(await start(sim, `${server.url}/hooks`, home, secrets).ended).toBe(0);
    expect(posts.length).toBe(posted);
  });
});

describe("limits", () => {
  async function receiver(): Promise<{ url: string; keys: string[]; up: () => void }> {
    const keys: string[] = [];
    let isUp = false;
    const server = await httpServer((request, response) => {
      if (!isUp || request.path.endsWith("/known")) return void response.writeHead(isUp ? 404 : 503).end();
      keys.push(String(request.headers["idempotency-key"]));
      accept(response, request.headers["idempotency-key"]);
    });
    closing.push(() => server.close());
    return { url: `${server.url}/hooks`, keys, up: () => (isUp = true) };
  }

  test.each([
    ["max-requests", ["--max-requests", "14"], 75],
    ["time-limit", ["--time-limit", "1.5", "--concurrency=1"], 75],
  ])("%s: runs end with 75 until everything is delivered, once", async (reason, args, status) => {
    const target = await receiver();
    const secrets = { GITLAB_WEBHOOK_SECRET: SECRET };
    const { sim, keys } = await missing(target.url, secrets);
    target.up();
    if (reason === "time-limit") sim.settings.latencyMs = 100;
    const files = new Map<string, string>();
    const env = { HOOKS_URL: target.url, HOOKS_STATE_FILE: "state.json" };
    const statuses: number[] = [];
    let recovered = 0;
    while (statuses.at(-1) !== 0 && statuses.length < 60) {
      const clock = reason === "time-limit" ? { clock: realTime } : {};
      const run = await runRecover(sim, {
        env,
        files,
        args: ["--mode=replay", "--chunk-size=4", ...args],
        ...clock,
      });
      statuses.push(run.status);
      recovered += run.report.summary.recovered;
      if (run.status !== 0) expect(run.report).toMatchObject({ complete: false, stoppedBy: reason });
    }
    expect(statuses.length).toBeGreaterThan(1);
    expect(new Set(statuses)).toEqual(new Set([status, 0]));
    expect(recovered).toBe(keys.length);
    expect([...target.keys].sort()).toEqual([...keys].sort());
  });

  test("rate limit: the run stops before GitLab has to refuse, and the next one goes on", async () => {
    const target = await receiver();
    const secrets = { GITLAB_WEBHOOK_SECRET: SECRET };
    const { sim, keys } = await missing(target.url, secrets);
    target.up();
    const files = new Map<string, string>();
    const env = { HOOKS_URL: target.url, HOOKS_STATE_FILE: "state.json" };
    sim.settings.budget = { requests: 15 };
    let runs = 0;
    for (let status = 75; status === 75 && runs < 20; runs++) {
      sim.nextMinute();
      sim.counters.reset();
      const run = await runRecover(sim, { env, files, clock: realTime, args: ["--concurrency=2"] });
      status = run.status;
      expect(run.report.requests.rejected).toBe(0);
      expect(sim.counters.report().whileClosed).toBe(0);
    }
    expect(runs).toBeGreaterThan(2);
    expect([...target.keys].sort()).toEqual([...keys].sort());
  });
});
