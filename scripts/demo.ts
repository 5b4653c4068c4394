/**
 * `npm run demo`: the whole story on loopback, with real processes. A simulated GitLab with 250 projects, the installer, the
 * relay, and a target that fails now and then; the relay is killed in the middle and comes back. Exit status 0 only if every push
 * reached the target. `--keep` leaves everything running to look around.
 */
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { stringify } from "yaml";
import { createGitLab, type GitLab, type Sent } from "./demo/gitlab.ts";
import { createProcesses, freePort, type Program } from "./demo/processes.ts";
import { createTarget } from "./demo/target.ts";

const PROJECTS = 250;
const SUBGROUPS = 12;
/** Far more than anything takes: a busy machine is no failure. */
const WAIT_SECONDS = 90;

interface Report {
  readonly complete: boolean;
  readonly summary: Readonly<Record<"projects" | "created" | "updated" | "unchanged" | "failed", number>>;
  readonly requests: { readonly total: number };
}

const started = performance.now();
const folder = mkdtempSync(join(tmpdir(), "hook-relay-demo-"));
const processes = createProcesses(folder);
const target = await createTarget();
const relayUrl = `http://127.0.0.1:${await freePort()}`;
const masterSecret = randomBytes(32).toString("base64");

function chapter(title: string): void {
  console.log(`\n[${((performance.now() - started) / 1000).toFixed(1).padStart(4)} s] ${title}`);
}
function line(text: string): void {
  console.log(`         ${text}`);
}

const adminTokenFile = join(folder, "data", "admin-token");

async function until(what: string, happened: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = Date.now() + WAIT_SECONDS * 1000; Date.now() < end; await pause(25)) {
    if (await happened()) return;
  }
  throw new Error(`Waited ${WAIT_SECONDS} s in vain: ${what}`);
}

async function startGitLab(): Promise<{ readonly url: string; readonly token: string }> {
  const args = [
    "--options",
    JSON.stringify({ tier: "free", endpointLimits: false }),
    "--tree",
    JSON.stringify({ group: "acme", projects: PROJECTS, subgroups: SUBGROUPS }),
    "--until-eof",
  ];
  const { process: child } = processes.start("gitlab", "test/simulator/main.ts", args, {});
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  const [first] = (await once(lines, "line")) as [string];
  lines.close();
  return JSON.parse(first) as { url: string; token: string };
}

/** Starts the relay on the same folder and port as before; resolves when it is ready. */
async function startRelay(): Promise<Program> {
  const config = join(folder, "relay.yaml");
  const events = {
    type: "http",
    url: target.url,
    retry: { baseSeconds: 0.2, capSeconds: 1, maxAttempts: 1000 },
    breaker: { failures: 20, cooldownSeconds: 1 },
  };
  writeFileSync(config, stringify({ queue: { fs: { minFreeBytes: 0 } }, targets: { "ci-bot": events } }));
  const program = processes.start("relay", "relay/main.ts", ["--config", config], {
    PORT: new URL(relayUrl).port,
    RELAY_DATA_DIR: join(folder, "data"),
    GITLAB_WEBHOOK_MASTER_SECRET: masterSecret,
  });
  await until("the relay is ready", async () => {
    if (program.process.exitCode !== null) throw new Error("The relay did not start");
    const answer = await fetch(`${relayUrl}/readyz`).catch(() => null);
    return answer?.ok === true;
  });
  return program;
}

async function install(
  gitlab: { readonly url: string; readonly token: string },
  ...args: string[]
): Promise<Report> {
  const reports = join(folder, "reports");
  const settings = {
    HOOKS_GITLAB_URL: gitlab.url,
    HOOKS_GITLAB_TOKEN: gitlab.token,
    HOOKS_GROUP: "acme",
    HOOKS_URL: `${relayUrl}/webhooks/gitlab`,
    HOOKS_EVENTS: "push,merge_requests",
    HOOKS_REPORT_DIR: reports,
    GITLAB_WEBHOOK_MASTER_SECRET: masterSecret,
  };
  const status = await processes.start("installer", "component/main.ts", ["install", ...args], settings)
    .ended;
  if (status !== 0) throw new Error(`The installer ended with status ${status}`);
  return JSON.parse(readFileSync(join(reports, "report.json"), "utf8")) as Report;
}

interface Pushes {
  /** Every webhook that GitLab fired, by key, with its latest status. */
  readonly all: Map<string, Sent>;
  acknowledged(): readonly Sent[];
  missed(): readonly Sent[];
}

function createPushes(): Pushes {
  const all = new Map<string, Sent>();
  const ok = ({ status }: Sent): boolean => status !== null && status >= 200 && status < 300;
  return {
    all,
    acknowledged: () => [...all.values()].filter(ok),
    missed: () => [...all.values()].filter((sent) => !ok(sent)),
  };
}

async function installHooks(
  address: { readonly url: string; readonly token: string },
  gitlab: GitLab,
): Promise<number[]> {
  chapter("The installer plans");
  const plan = await install(address, "--dry-run");
  line(`${plan.summary.created} of ${plan.summary.projects} projects lack the hook; nothing is changed yet`);

  chapter("The installer works");
  const first = await install(address);
  const ours = (await gitlab.hooks()).filter((hook) => hook.url.startsWith(relayUrl));
  const homes = new Set(ours.map((hook) => hook.parentId));
  line(`${first.summary.created} hooks made with ${first.requests.total} requests`);
  line(`${homes.size} projects have a hook of ours, ${ours.length - homes.size} have two`);

  chapter("The installer looks again");
  const second = await install(address);
  line(`${second.summary.unchanged} hooks unchanged, with ${second.requests.total} requests and no write`);
  if (ours.length !== PROJECTS || homes.size !== PROJECTS || second.summary.unchanged !== PROJECTS) {
    throw new Error("Not every project has exactly one healthy hook");
  }
  return [...homes];
}

async function story(): Promise<boolean> {
  chapter("A GitLab, a relay, and a target that refuses every fifth delivery");
  const [address, firstRelay] = await Promise.all([startGitLab(), startRelay()]);
  const gitlab = createGitLab(address.url, address.token);
  line(
    `GitLab ${address.url}: group acme, ${PROJECTS} projects in ${SUBGROUPS} nested subgroups (simulated)`,
  );
  line(`relay  ${relayUrl}: its queue is a folder, each hook has a secret of its own`);
  line(`dashboard: ${relayUrl}/ (log in with the token in ${adminTokenFile})`);
  const projects = await installHooks(address, gitlab);

  const pushes = createPushes();
  const remember = (sent: Sent): void => void pushes.all.set(sent.key, sent);
  const allDelivered = (): boolean => pushes.acknowledged().every(({ key }) => target.taken.has(key));

  chapter("People push");
  const begun = performance.now();
  await gitlab.push(projects, 1, remember);
  const seconds = (performance.now() - begun) / 1000;
  line(
    `${pushes.all.size} pushes, ${pushes.acknowledged().length} acknowledged in ${seconds.toFixed(1)} s, on disk before the answer`,
  );
  await until("all pushes are delivered", allDelivered);
  line(`${target.taken.size} delivered, although the target refused ${target.refused()} times`);

  chapter("The target goes down, people go on pushing, and the relay is killed (kill -9)");
  target.setDown(true);
  const before = pushes.all.size;
  const half = before + projects.length;
  let killed: Promise<unknown> | null = null;
  await gitlab.push(projects, 2, (sent) => {
    remember(sent);
    if (killed === null && pushes.all.size >= half) {
      firstRelay.process.kill("SIGKILL");
      killed = firstRelay.ended;
    }
  });
  await killed;
  const kept = pushes.acknowledged().filter(({ key }) => !target.taken.has(key)).length;
  const missed = pushes.missed();
  line(
    `${pushes.all.size - before} pushes: ${kept} acknowledged and not delivered yet, ${missed.length} met a dead relay`,
  );

  chapter("The relay comes back");
  const back = performance.now();
  await startRelay();
  line(`ready after ${((performance.now() - back) / 1000).toFixed(1)} s`);
  for (const sent of await gitlab.resend(missed)) remember(sent);
  line(
    `GitLab never tries again by itself: ${missed.length} deliveries resent from its log, ${pushes.missed().length} still missing`,
  );

  chapter("The target comes back");
  target.setDown(false);
  await until("everything is delivered", allDelivered);

  const lost = [...pushes.all.keys()].filter((key) => !target.taken.has(key)).length;
  const repeated = [...target.taken.values()].reduce((sum, times) => sum + times - 1, 0);
  chapter("The count");
  line(`pushes fired by GitLab       ${String(pushes.all.size).padStart(6)}`);
  line(`acknowledged by the relay    ${String(pushes.acknowledged().length).padStart(6)}`);
  line(`delivered to the target      ${String(target.taken.size).padStart(6)}`);
  line(`refused by it on the way     ${String(target.refused()).padStart(6)}`);
  line(`delivered more than once     ${String(repeated).padStart(6)}   (after the crash, with the same id)`);
  line(`lost                         ${String(lost).padStart(6)}`);
  return lost === 0 && target.taken.size === pushes.all.size;
}

async function clean(): Promise<void> {
  target.close();
  await processes.endAll();
  rmSync(folder, { recursive: true, force: true });
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.once(signal, () => void clean().then(() => process.exit(process.exitCode ?? 130)));
}

try {
  const complete = await story();
  console.log(complete ? "\nNothing was lost." : "\nSOMETHING WAS LOST.");
  process.exitCode = complete ? 0 : 1;
  if (process.argv.includes("--keep")) {
    console.log(
      `\nEverything goes on running. Dashboard: ${relayUrl}/ (token: ${adminTokenFile}). Ctrl-C ends it.`,
    );
    await once(process, "SIGINT");
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  for (const name of ["relay", "installer"]) {
    const log = join(folder, `${name}.log`);
    console.error(`--- last lines of ${name}.log`);
    console.error(readFileSync(log, { encoding: "utf8", flag: "a+" }).split("\n").slice(-15).join("\n"));
  }
  process.exitCode = 1;
} finally {
  await clean();
}
