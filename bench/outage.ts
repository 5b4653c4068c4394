/**
 * The relay heals by itself, at length: an outage in real time under a steady rate of events over many projects, with hooks that GitLab
 * switches off, and no person afterwards. One command:
 *
 *   npx tsx bench/outage.ts [--minutes 10] [--rate 20] [--projects 200]
 *
 * Prints how long it took from the relay's start until all that GitLab logged was delivered, beside the floor that GitLab's limits
 * allow. Exit status 1 if an event of the log is missing, came twice or out of its project's order, or a hook is not executable.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { hookOf, pushes } from "../test/helpers/recovery.ts";
import { killRelays } from "../test/helpers/relay-process.ts";
import { runInstaller, SECRET } from "../test/helpers/installer.ts";
import { stageRelay, type Closing } from "../test/helpers/relay-stage.ts";
import { createSimulator } from "../test/simulator/simulator.ts";

const { values: options } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    rate: { type: "string", default: "20" },
    projects: { type: "string", default: "200" },
  },
});
const [minutes, rate, count] = [Number(options.minutes), Number(options.rate), Number(options.projects)];
/** Requests a minute that GitLab answers one user, as on GitLab.com. */
const REQUESTS_A_MINUTE = 2000;

const closing: Closing = [];
const sim = await createSimulator({ tier: "free", budget: { requests: REQUESTS_A_MINUTE } });
closing.push(() => sim.close());
const { group, projects } = sim.seed.tree({ projects: count });
const recovery = { url: sim.url, tokens: [sim.token.value], group: group.path };
const stage = await stageRelay(closing, { GITLAB_WEBHOOK_SECRET: SECRET }, { recovery });
const installed = await runInstaller(sim, { env: { HOOKS_URL: stage.url } });
if (installed.status !== 0) throw new Error(installed.stderr);

const first = await stage.start();
const [someProject] = projects;
if (someProject === undefined) throw new Error("--projects must be 1 at least");
await stage.target.arrived((await pushes(sim, someProject, [0])).keys);
// Its first note of the time is written by then.
await sleep(6000);
first.child.kill("SIGKILL");
await first.exited;
sim.settings.autoDisable = true;

const logged = new Map<string, number>();
const sequences = new Map<number, number>();
let unlogged = 0;
const events = Math.round(minutes * 60 * rate);
const began = performance.now();
for (let sent = 0; sent < events; sent += 1) {
  const project = projects[sent % projects.length]!;
  const sequence = (sequences.get(project.id) ?? 0) + 1;
  sequences.set(project.id, sequence);
  const report = await sim.trigger(project, "push", { payload: { sequence } });
  for (const { key } of report.delivered) logged.set(key, project.id);
  unlogged += report.dropped.length;
  const ahead = ((sent + 1) * 1000) / rate - (performance.now() - began);
  if (ahead > 0) await sleep(ahead);
}
const off = projects.filter((project) => sim.inspect(hookOf(project))["alertStatus"] !== "executable").length;
console.log(
  `${minutes} min without the relay: ${events} events over ${count} projects, ${logged.size} logged as failed, ${unlogged} not sent by hooks that were off (${off} at the end)`,
);

sim.counters.reset();
const startedAt = performance.now();
const second = await stage.start();
await second.line("recovery.ended");
await stage.target.arrived(logged.keys());
const seconds = (performance.now() - startedAt) / 1000;
const total = Object.values(sim.counters.report().byRoute)
  .flatMap((answers) => Object.values(answers))
  .reduce((a, b) => a + b, 0);

const arrivals = new Map<string, number>();
const lastOf = new Map<number, number>();
let disordered = 0;
for (const { key, projectId, sequence } of stage.target.arrivals) {
  if (!logged.has(key)) continue;
  arrivals.set(key, (arrivals.get(key) ?? 0) + 1);
  if ((sequence ?? 0) <= (lastOf.get(projectId) ?? 0)) disordered += 1;
  lastOf.set(projectId, sequence ?? 0);
}
const missing = [...logged.keys()].filter((key) => !arrivals.has(key)).length;
const doubled = [...arrivals.values()].filter((times) => times > 1).length;
const asleep = projects.filter(
  (project) => sim.inspect(hookOf(project))["alertStatus"] !== "executable",
).length;
const floor = Math.max(0, Math.ceil(total / REQUESTS_A_MINUTE) - 1) * 60;
console.log(
  `delivered in ${seconds.toFixed(1)} s after the start, of which 15 s for deliveries under way; ${total} requests to GitLab, for which its limit of ${REQUESTS_A_MINUTE} a minute asks at least ${floor} s`,
);
console.log(
  `missing ${missing}, doubled ${doubled}, out of order ${disordered}, hooks not executable ${asleep}`,
);
await killRelays();
for (const close of closing.toReversed()) await close();
process.exitCode = missing + doubled + disordered + asleep === 0 ? 0 : 1;
