/**
 * What a run of `recover` costs where nothing has failed: 1,000 hooks with 10,000 rows each in GitLab's log. The first run reads
 * what `--since` asks for, every later one at most a page a hook.
 *
 *   npx tsx bench/recover.ts
 */
import { fileURLToPath } from "node:url";
import { createTransport } from "../lib/gitlab/transport.ts";
import { runCli } from "../component/cli/cli.ts";
import type { RecoveryReport } from "../component/recover/report.ts";
import { systemClock } from "../lib/clock.ts";
import { createSimulator, type Simulator } from "../test/simulator/simulator.ts";
import { report, rows, type Measured } from "./lib.ts";

const HOOKS = 1000;
const ROWS = 10_000;
const DEEP_HOOKS = 4;
const ROUNDS = 3;
/** A row each minute: 10,000 of them are just under seven days. */
const STEP_MS = 60_000;
const RELAY_URL = "https://hooks.acme.dev/webhooks/gitlab";

interface Run {
  readonly seconds: number;
  readonly report: RecoveryReport;
  readonly hookPages: readonly number[];
}

const transport = createTransport();

async function recover(sim: Simulator, files: Map<string, string>, args: readonly string[]): Promise<Run> {
  let out = "";
  sim.counters.reset();
  const begun = performance.now();
  const status = await runCli({
    argv: ["recover", "--output=json", "--state-file=state.json", ...args],
    env: {
      HOOKS_GITLAB_URL: sim.url,
      HOOKS_GITLAB_TOKEN: sim.token.value,
      HOOKS_GROUP: "acme",
      HOOKS_URL: RELAY_URL,
      GITLAB_WEBHOOK_SECRET: "a-secret-for-the-benchmark",
    },
    version: "bench",
    clock: systemClock,
    random: Math.random,
    transport,
    files: {
      read: (path) => Promise.resolve(files.get(path) ?? null),
      write: (path, text) => Promise.resolve(void files.set(path, text)),
    },
    readFile: (path) => {
      throw new Error(`no file ${path}`);
    },
    stdout: (text) => {
      out += text;
    },
    stderr: () => {},
    onSecrets: () => {},
    onEnd: () => {},
  });
  const seconds = (performance.now() - begun) / 1000;
  const result = JSON.parse(out) as RecoveryReport;
  if (status !== 0 || result.summary.missed !== 0 || sim.counters.writes !== 0)
    throw new Error(`status ${status}, ${result.summary.missed} missed, ${sim.counters.writes} writes`);
  const pages = new Map<string, number>();
  for (const { route, path } of sim.counters.log) {
    if (route === "GET /projects/:id/hooks/:hook_id/events") pages.set(path, (pages.get(path) ?? 0) + 1);
  }
  return { seconds, report: result, hookPages: [...pages.values()] };
}

async function main(): Promise<void> {
  const now = Date.now();
  const sim = await createSimulator({ tier: "free", requestLogSize: 100_000 });
  const { projects } = sim.seed.tree({ projects: HOOKS, subgroups: 20 });
  const hooks = projects.map((project) => sim.model.addHook(project, RELAY_URL));
  for (const hook of hooks) sim.fillLog(hook, { count: ROWS, stepMs: STEP_MS, newestAt: now });
  const deep = projects
    .slice(0, DEEP_HOOKS)
    .map((project) => project.id)
    .join(",");
  const whole = await recover(sim, new Map(), ["--projects", deep, "--concurrency=4"]);

  const files = new Map<string, string>();
  const first = await recover(sim, files, ["--since=1h"]);
  const later: Run[] = [];
  for (let round = 1; round <= ROUNDS; round++) later.push(await recover(sim, files, []));
  const measured: Measured[] = [
    { name: "the whole log, a hook", unit: "pages", values: whole.hookPages },
    { name: "first run (--since 1h), a hook", unit: "pages", values: first.hookPages },
    { name: "later run, a hook", unit: "pages", values: later.flatMap((run) => run.hookPages) },
    { name: "first run (--since 1h), requests", unit: "requests", values: [first.report.requests.total] },
    { name: "later run, requests", unit: "requests", values: later.map((run) => run.report.requests.total) },
    { name: "first run (--since 1h), time", unit: "s", values: [first.seconds] },
    { name: "later run, time", unit: "s", values: later.map((run) => run.seconds) },
  ];
  const most = Math.max(...later.flatMap((run) => run.hookPages));
  if (most > 1) throw new Error(`a later run read ${most} pages of one hook`);
  report(
    "recover",
    rows(measured, () => null),
    {
      hooks: HOOKS,
      rowsPerHook: ROWS,
      mostPagesOfOneHookInALaterRun: most,
      writes: 0,
      stateFileBytes: files.get("state.json")?.length ?? 0,
    },
  );
  await sim.close();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
