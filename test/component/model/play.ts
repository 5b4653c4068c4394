/** Plays a history against the real installer and says what it broke. */
import type { Transport } from "../../../lib/gitlab/transport.ts";
import { runInstaller, transport as real, type InstallerRun } from "../../helpers/installer.ts";
import { IdleClock } from "../../helpers/idle-clock.ts";
import type { Hook } from "../../simulator/hook.ts";
import type { Project } from "../../simulator/model.ts";
import { RELAYS, createCompany, eligible, firing, ourHooks, type Company } from "./company.ts";
import type { Change, RunStep, Step } from "./steps.ts";

const SECRETS: Readonly<Record<RunStep["secret"], Readonly<Record<string, string>>>> = {
  none: { GITLAB_WEBHOOK_SECRET: "" },
  shared: { GITLAB_WEBHOOK_SECRET: "the-shared-secret-1" },
  rotated: { GITLAB_WEBHOOK_SECRET: "the-shared-secret-2" },
  master: { GITLAB_WEBHOOK_SECRET: "", GITLAB_WEBHOOK_MASTER_SECRET: "the-master-secret" },
};

/** What a step, or the end of a history, violated; nothing: all is well. */
export type Violation = string;

/** Plays the steps and two healthy runs after them. @returns what was violated first; null: nothing */
export async function play(history: readonly Step[]): Promise<Violation | null> {
  const company = await createCompany();
  const files = new Map<string, string>();
  try {
    for (const [index, step] of history.entries()) {
      const violation = await playStep(company, files, step);
      if (violation !== null) return `step ${index + 1}: ${violation}`;
    }
    return await converges(company, files, history);
  } finally {
    await company.sim.close();
  }
}

async function playStep(company: Company, files: Map<string, string>, step: Step): Promise<Violation | null> {
  if (step.step !== "run") {
    makeChange(company, step);
    return null;
  }
  const before = snapshot(company);
  if (step.forgetful) files.clear();
  for (const rule of step.faults) company.sim.faults.add(rule);
  const runs = [step, ...(step.twin ? [step] : [])].map((one) => runStep(company, files, one));
  const ended = (await Promise.all(runs)).filter((run) => run !== null);
  company.sim.faults.clear();
  return violationOf(company, step, before, ended);
}

function makeChange({ sim, projects, group, team, outside }: Company, change: Change): void {
  switch (change.step) {
    case "licence":
      Object.assign(sim.settings, { tier: change.tier, unlicensedStatus: change.unlicensedStatus });
      return;
    case "archive":
    case "unarchive": {
      const project = projects[change.project];
      if (project) sim.model.updateProject(project, { archived: change.step === "archive" });
      return;
    }
    case "move": {
      const project = projects[change.project];
      if (project) sim.model.moveProject(project, { group: { group, team, outside }[change.to] });
      return;
    }
    case "new-project":
      projects.push(sim.seed.project(team, `app-${projects.length}`));
      return;
    default:
      change satisfies never;
  }
}

/** One process of the installer. @returns null where it was killed */
async function runStep(
  company: Company,
  files: Map<string, string>,
  step: RunStep,
): Promise<InstallerRun | null> {
  const clock = new IdleClock();
  let kill = (): void => {};
  const killed = new Promise<null>((resolve) => {
    kill = () => {
      clock.stop();
      resolve(null);
    };
  });
  let sent = 0;
  /** What GitLab executes although the process that asked for it is gone. */
  const underWay = new Set<Promise<unknown>>();
  const transport: Transport = async (url, request) => {
    sent++;
    const dies = step.killed !== null && sent >= step.killed.after;
    if (dies && (sent > step.killed.after || !step.killed.executed)) {
      kill();
      return new Promise(() => {});
    }
    // Nothing of the process is left that could give it up, and GitLab executes it to its end.
    const answer = real(url, dies ? { ...request, signal: new AbortController().signal } : request);
    const ended = answer.catch(() => null).finally(() => underWay.delete(ended));
    underWay.add(ended);
    if (!dies) return clock.during(answer);
    await ended;
    kill();
    return new Promise(() => {});
  };
  const own = new Map(files);
  const run = runInstaller(
    { url: company.sim.url, token: company.sim.token },
    {
      command: step.command,
      args: [
        `--level=${step.level}`,
        "--state-file=state.json",
        ...(step.command === "install" ? ["--concurrency=1"] : []),
        ...(step.dryRun ? ["--dry-run"] : []),
      ],
      env: {
        HOOKS_URL: RELAYS[step.relay],
        HOOKS_GITLAB_TOKEN: step.tokens.map((name) => company.tokens[name]).join(","),
        ...SECRETS[step.secret],
      },
      files: own,
      clock,
      transport,
    },
  );
  const ended = await Promise.race([run, killed]);
  await Promise.all(underWay);
  const state = own.get("state.json");
  if (state !== undefined && !step.dryRun) files.set("state.json", state);
  return ended;
}

interface Snapshot {
  readonly foreign: string;
  /** Hooks of ours that had a secret. */
  readonly secret: ReadonlySet<Hook>;
  readonly all: string;
  /** Hooks that fire, by project. */
  readonly firing: ReadonlyMap<Project, number>;
}

function snapshot(company: Company): Snapshot {
  const { sim, foreign } = company;
  return {
    foreign: JSON.stringify([...foreign].map((hook) => sim.inspect(hook))),
    secret: new Set(ourHooks(company).filter((hook) => hook.token !== null)),
    all: JSON.stringify(ourHooks(company).map((hook) => sim.inspect(hook))),
    firing: new Map(eligible(company).map((p) => [p, firing(company, p).length])),
  };
}

function foreignStand({ group, projects, foreign }: Company): boolean {
  const standing = [group, ...projects].flatMap((place) => place.hooks).filter((hook) => foreign.has(hook));
  return standing.length === foreign.size;
}

const NAMES_DOUBLES = /twice|beside|both levels|duplicate|doubl|parent group/i;

function violationOf(
  company: Company,
  step: RunStep,
  before: Snapshot,
  runs: readonly InstallerRun[],
): Violation | null {
  const after = snapshot(company);
  if (after.foreign !== before.foreign || !foreignStand(company)) return "a hook of others was changed";
  if (step.dryRun && after.all !== before.all) return "a dry run changed something";
  const bare = ourHooks(company).find((hook) => before.secret.has(hook) && hook.token === null);
  if (bare) return `hook ${bare.id} of ${bare.level} ${bare.parentId} lost its secret`;
  if (step.command === "uninstall") return null;
  for (const [project, count] of after.firing) {
    const earlier = before.firing.get(project) ?? 0;
    if (count === 0 && earlier > 0) return `${project.fullPath} had a hook that fires and has none`;
    const doubled = count > 1 && count > earlier;
    const silent =
      runs.length === 1 && runs.every((run) => run.status === 0 && !NAMES_DOUBLES.test(run.stdout));
    if (doubled && silent)
      return `${project.fullPath} has ${count} hooks that fire, and exit 0 without a word`;
  }
  return null;
}

/** What is well again after two healthy runs: the owner's token, the secrets, no trouble; the third has nothing to do. */
async function converges(
  company: Company,
  files: Map<string, string>,
  history: readonly Step[],
): Promise<Violation | null> {
  const { tier } = company.sim.settings;
  const last = history.findLast((step) => step.step === "run");
  const licensed = tier === "premium" || tier === "ultimate";
  // Without a licence the level that the operator had asked for cannot be had: people then ask for another one.
  const isImpossible = last?.level === "group" && !licensed;
  const level = last === undefined || isImpossible ? "auto" : last.level;
  const healthy: RunStep = {
    step: "run",
    command: "install",
    tokens: ["owner"],
    secret: last === undefined || last.secret === "none" ? "shared" : last.secret,
    level,
    relay: 0,
    dryRun: false,
    faults: [],
    killed: null,
    twin: false,
    forgetful: false,
  };
  for (const turn of [1, 2]) {
    const before = snapshot(company);
    const run = await runStep(company, files, healthy);
    if (run === null) return "a healthy run was killed";
    const violation = violationOf(company, healthy, before, [run]);
    if (violation !== null) return `healthy run ${turn}: ${violation}`;
    if (turn === 2 && run.status !== 0)
      return `healthy run 2 ended with ${run.status}: ${run.stdout.slice(-600)}${run.stderr.slice(-300)}`;
  }
  for (const project of eligible(company)) {
    const hooks = firing(company, project);
    if (hooks.length !== 1)
      return `after two healthy runs ${project.fullPath} has ${hooks.length} hooks of ours that fire`;
    if (hooks[0]?.token === null)
      return `after two healthy runs the hook of ${project.fullPath} has no secret`;
  }
  company.sim.counters.reset();
  await runStep(company, files, healthy);
  const { writes } = company.sim.counters;
  return writes === 0 ? null : `a third healthy run wrote ${writes} times`;
}
