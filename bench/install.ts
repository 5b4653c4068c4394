/**
 * The installer against the simulator: requests and time for 1,000 projects beside a naive loop, a budget that does not last for
 * one run, ten thousand projects at 50 ms, and the accidents after which there must be exactly one hook each.
 *
 *   npx tsx bench/install.ts [ROUNDS] [--base COMMIT]        default 3; about three minutes on an idle machine
 *
 * `--base COMMIT`: with ten thousand projects that build takes turns with this one, ROUNDS times. `ONLY=ten-thousand` leaves the rest out.
 * `INSTALLER=dist/installer.js`, after `npm run build`: the build, which the component's image runs, in place of the sources.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { InstallReport } from "../component/report/report.ts";
import type { CounterReport } from "../test/simulator/counters.ts";
import type { FaultRule } from "../test/simulator/faults.ts";
import type { SimulatorOptions } from "../test/simulator/options.ts";
import type { TreeInput } from "../test/simulator/seed.ts";
import { checkOutBase } from "./base.ts";
import { median, report as publish, rows, startChild, type Measured } from "./lib.ts";

const { values: given, positionals } = parseArgs({
  options: { base: { type: "string" } },
  allowPositionals: true,
});
const ROUNDS = Number(positionals[0] ?? 3);
const ONLY_TEN_THOUSAND = process.env["ONLY"] === "ten-thousand";
const base = given.base === undefined ? null : checkOutBase(["--base", given.base]);
const RELAY = "https://hooks.acme.dev/webhooks/gitlab";
const SECRET = "bench-secret-token";
const PROJECTS = 1_000;
const MANY = 10_000;
const LATENCY_MS = 50;
const CONCURRENCY = 8;
const BUDGET = 600;
const MB = 1024 * 1024;

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "install-bench-"));

interface Sim {
  readonly url: string;
  readonly token: string;
  control(method: string, route: string, body?: unknown): Promise<unknown>;
  counters(): Promise<CounterReport>;
  /** Hooks of ours on each project. */
  hooks(): Promise<number[]>;
  stop(): Promise<void>;
}

async function startSim(options: SimulatorOptions, tree: TreeInput): Promise<Sim> {
  const all = { tier: "free", endpointLimits: false, ...options };
  const args = [
    path("../test/simulator/main.ts"),
    "--options",
    JSON.stringify(all),
    "--tree",
    JSON.stringify(tree),
  ];
  const child = await startChild(args, { core: 1 });
  const url = String(child.ready["url"]);
  async function control(method: string, route: string, body?: unknown): Promise<unknown> {
    const headers = { "content-type": "application/json" };
    const init = body === undefined ? { method } : { method, headers, body: JSON.stringify(body) };
    return (await fetch(`${url}/__sim/${route}`, init)).json();
  }
  return {
    url,
    token: String(child.ready["token"]),
    control,
    counters: () => control("GET", "counters") as Promise<CounterReport>,
    async hooks() {
      const found = (await control("GET", "hooks?group=acme")) as { parentId: number; url: string }[];
      const byProject = new Map<number, number>();
      for (const hook of found) {
        if (hook.url === RELAY) byProject.set(hook.parentId, (byProject.get(hook.parentId) ?? 0) + 1);
      }
      return [...byProject.values()];
    },
    stop: () => child.stop(),
  };
}

interface Run {
  readonly status: number | null;
  readonly report: InstallReport | null;
  readonly seconds: number;
  readonly peakRssMb: number;
  /** Seconds of processor time in the program itself, the kernel's left out. */
  readonly userSeconds: number;
}

/** Ticks of /proc/<pid>/stat in a second. */
const TICKS = 100;
const OURS = process.env["INSTALLER"] ?? path("../component/main.ts");

function startInstaller(
  sim: Sim,
  args: readonly string[],
  program = OURS,
): { child: ChildProcess; done: Promise<Run> } {
  const reports = join(folder, "report");
  const loader = program.endsWith(".ts") ? ["--import", "tsx"] : [];
  const command = ["-c", "0", process.execPath, ...loader, program, "install"];
  const began = performance.now();
  const child = spawn("taskset", [...command, "--report-dir", reports, ...args], {
    stdio: ["ignore", "ignore", "inherit"],
    env: {
      PATH: process.env["PATH"],
      HOOKS_GITLAB_URL: sim.url,
      HOOKS_GITLAB_TOKEN: sim.token,
      HOOKS_GROUP: "acme",
      HOOKS_URL: RELAY,
      HOOKS_CONCURRENCY: String(CONCURRENCY),
      GITLAB_WEBHOOK_SECRET: SECRET,
    },
  });
  let peakRssMb = 0;
  let userSeconds = 0;
  const watch = setInterval(() => {
    peakRssMb = Math.max(peakRssMb, peakOf(child.pid));
    userSeconds = Math.max(userSeconds, userSecondsOf(child.pid));
  }, 50);
  const done = once(child, "exit").then(([status]): Run => {
    clearInterval(watch);
    const killed = status === null;
    const text = killed ? "null" : readFileSync(join(reports, "report.json"), "utf8");
    return {
      status: status as number | null,
      report: JSON.parse(text) as InstallReport | null,
      seconds: (performance.now() - began) / 1000,
      peakRssMb,
      userSeconds,
    };
  });
  return { child, done };
}

/** Peak memory of a process so far, as Linux counts it; 0 where it is gone or the system does not say. */
function peakOf(pid: number | undefined): number {
  try {
    const match = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
    return (Number(match?.[1] ?? 0) * 1024) / MB;
  } catch {
    return 0;
  }
}

/** The same for its processor time. */
function userSecondsOf(pid: number | undefined): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[11]) / TICKS;
  } catch {
    return 0;
  }
}

const install = (sim: Sim, ...args: string[]): Promise<Run> => startInstaller(sim, args).done;

async function naive(sim: Sim): Promise<{ created: number; failed: number; seconds: number }> {
  const job = { host: sim.url, token: sim.token, group: "acme", url: RELAY, secret: SECRET };
  const child = await startChild([path("servers/naive-install.ts"), JSON.stringify(job)], { core: 0 });
  await child.stop();
  return child.ready as { created: number; failed: number; seconds: number };
}

const requestsOf = (run: Run): number => run.report?.requests.total ?? Number.NaN;
const figures = new Map<string, { unit: string; values: number[] }>();

function note(name: string, unit: string, value: number): void {
  const figure = figures.get(name) ?? { unit, values: [] };
  figure.values.push(value);
  figures.set(name, figure);
}

async function thousand(): Promise<void> {
  const ours = await startSim({}, { projects: PROJECTS, subgroups: 12 });
  const first = await install(ours);
  note("install all: requests", "requests", requestsOf(first));
  note("install all: time", "s", first.seconds);
  const second = await install(ours);
  note("nothing to change: requests", "requests", requestsOf(second));
  note("nothing to change: time", "s", second.seconds);
  await ours.stop();
  const theirs = await startSim({}, { projects: PROJECTS, subgroups: 12 });
  for (const phase of ["install all", "nothing to change"]) {
    await theirs.control("DELETE", "counters");
    const { seconds } = await naive(theirs);
    note(`naive loop, ${phase}: requests`, "requests", (await theirs.counters()).total);
    note(`naive loop, ${phase}: time`, "s", seconds);
  }
  await theirs.stop();
}

async function underLimit(): Promise<Record<string, unknown>> {
  const sim = await startSim({ budget: { requests: BUDGET } }, { projects: PROJECTS, subgroups: 12 });
  const state = join(folder, "limited.json");
  const rejected: number[] = [];
  let status: number | null = 75;
  while (status === 75 && rejected.length < 20) {
    await sim.control("POST", "next-minute");
    const run = await install(sim, "--state-file", state, "--time-limit", "30");
    rejected.push(run.report?.requests.rejected ?? Number.NaN);
    status = run.status;
  }
  const counters = await sim.counters();
  const hooks = await sim.hooks();
  await sim.stop();
  const few = { projects: 120, subgroups: 3 };
  const peer = await startSim({ budget: { requests: 120 } }, few);
  const { created, failed } = await naive(peer);
  const peerRejected = (await peer.counters()).rejected;
  await peer.stop();
  return {
    runs: rejected.length,
    runsThatTheBudgetAllows: Math.ceil((2 * PROJECTS + PROJECTS / 100) / BUDGET),
    rejectedByRun: rejected,
    requestsWhileTheGateWasClosed: counters.whileClosed,
    projectsWithAHook: hooks.length,
    mostHooksOnAProject: Math.max(...hooks),
    naiveLoop: { projects: few.projects, budget: 120, created, failed, rejected: peerRejected },
  };
}

/** One build with ten thousand projects: all are installed, then all are looked at again at 50 ms. @param name begins its figures */
async function tenThousandWith(
  program: string,
  name: string,
): Promise<{ sim: Sim; first: Run; second: Run }> {
  const sim = await startSim({}, { projects: MANY, subgroups: 40 });
  const first = await startInstaller(sim, [], program).done;
  await sim.control("PATCH", "settings", { latencyMs: LATENCY_MS });
  const second = await startInstaller(sim, [], program).done;
  note(`${name}, install all: peak RSS`, "MB", first.peakRssMb);
  note(`${name}, install all: user CPU`, "s", first.userSeconds);
  note(`${name}, nothing to change: peak RSS`, "MB", second.peakRssMb);
  note(`${name}, nothing to change: user CPU`, "s", second.userSeconds);
  note(`${name} at 50 ms: time`, "s", second.seconds);
  note(`${name} at 50 ms: requests x latency / concurrency`, "s", idealOf(second));
  return { sim, first, second };
}

function idealOf(run: Run): number {
  return (requestsOf(run) * LATENCY_MS) / 1000 / CONCURRENCY;
}

async function tenThousand(): Promise<Record<string, unknown>> {
  let result: Record<string, unknown> = {};
  for (let round = 0; round < (base === null ? 1 : ROUNDS); round++) {
    const { sim, first, second } = await tenThousandWith(OURS, "10,000 projects");
    const job = { host: sim.url, token: sim.token, loops: CONCURRENCY, count: 2_000 };
    const bare = await startChild([path("servers/bare-loop.ts"), JSON.stringify(job)], { core: 0 });
    await bare.stop();
    await sim.stop();
    const bareMs = Number(bare.ready["milliseconds"]);
    const ourMs = (second.seconds * 1000 * CONCURRENCY) / requestsOf(second);
    result = {
      requests: requestsOf(second),
      timeOverIdeal: second.seconds / idealOf(second),
      millisecondsPerRequest: ourMs,
      ofABareLoop: bareMs,
      timeOverBareLoop: ourMs / bareMs,
      created: first.report?.summary.created,
    };
    if (base === null) continue;
    const theirs = await tenThousandWith(
      join(base.folder, "component/main.ts"),
      `${base.commit}: 10,000 projects`,
    );
    await theirs.sim.stop();
  }
  return base === null ? result : { ...result, beside: besideBase(base.commit) };
}

/** What this build needs of what the other one needs. */
function besideBase(commit: string): Record<string, number> {
  const at = (name: string): number => median(figures.get(name)?.values ?? []);
  const ratio = (what: string): number =>
    at(`10,000 projects, ${what}`) / at(`${commit}: 10,000 projects, ${what}`);
  return {
    "peak RSS, install all (wanted: at most 0.85)": ratio("install all: peak RSS"),
    "peak RSS, nothing to change (wanted: at most 0.85)": ratio("nothing to change: peak RSS"),
    "user CPU, install all (wanted: at most 1)": ratio("install all: user CPU"),
    "user CPU, nothing to change (wanted: at most 1)": ratio("nothing to change: user CPU"),
  };
}

/** 25 hooks of others on each project, a 500 now and then, lost answers, kill -9 in the middle. */
async function accidents(): Promise<Record<string, unknown>> {
  const count = 300;
  const sim = await startSim({ latencyMs: 5 }, { projects: count, subgroups: 6, foreignHooks: 25 });
  const route = "/projects/:id/hooks";
  const faults: FaultRule[] = [
    { method: "POST", route, skip: 20, times: 5, action: { kind: "lose-answer" } },
    { method: "POST", route, skip: 40, times: 5, action: { kind: "status-after", status: 502 } },
    { method: "GET", route, skip: 60, times: 5, action: { kind: "status", status: 500 } },
  ];
  for (const fault of faults) await sim.control("POST", "faults", fault);
  const killed = startInstaller(sim, ["--state-file", join(folder, "killed.json")]);
  while ((await sim.hooks()).length < count / 2) await new Promise((resolve) => setTimeout(resolve, 50));
  killed.child.kill("SIGKILL");
  await killed.done;
  const whenKilled = (await sim.hooks()).length;
  const after = await install(sim, "--state-file", join(folder, "killed.json"));
  const hooks = await sim.hooks();
  await sim.stop();
  return {
    projects: count,
    withAHookWhenKilled: whenKilled,
    nextRun: after.status,
    withAHook: hooks.length,
    mostOnAProject: Math.max(...hooks),
  };
}

try {
  const small = ONLY_TEN_THOUSAND ? 0 : ROUNDS;
  for (let round = 0; round < small; round++) await thousand();
  const limited = ONLY_TEN_THOUSAND ? null : await underLimit();
  const large = await tenThousand();
  const accident = ONLY_TEN_THOUSAND ? null : await accidents();
  const measured: Measured[] = [...figures].map(([name, { unit, values }]) => ({ name, unit, values }));
  const peerOf = (name: string): string | null => {
    if (figures.has(`naive loop, ${name}`)) return `naive loop, ${name}`;
    return name === "10,000 projects at 50 ms: time"
      ? "10,000 projects at 50 ms: requests x latency / concurrency"
      : null;
  };
  publish("install", rows(measured, peerOf), {
    wanted: {
      installAll: `at most ${2 * PROJECTS + PROJECTS / 100 + 5} requests`,
      nothingToChange: `at most ${PROJECTS + PROJECTS / 100 + 5} requests`,
      underLimit: "rejected by run at most 8, none while the gate is closed, all hooks, none twice",
      tenThousand:
        "time at most 1.05 times the ideal (on a machine whose bare loop needs 50 ms a request), RSS at most 200 MB",
      accidents: "exactly one hook each",
    },
    underLimit: limited,
    tenThousand: large,
    accidents: accident,
  });
} finally {
  rmSync(folder, { recursive: true, force: true });
}
