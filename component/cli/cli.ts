/**
 * Arguments and environment -> command -> exit status. Everything of the outside world comes in as an argument, so that a test
 * runs the whole program in its own process; main.ts hands in the real one.
 */
import { ConfigError } from "../../lib/errors.ts";
import { createLog, createSecrets, type Log, type Secrets } from "../../lib/log.ts";
import { didYouMean, isCommand, readCommandLine } from "../options/command-line.ts";
import type { InstallerConfig } from "../options/config.ts";
import { loadConfig } from "../options/load.ts";
import { COMMANDS, type Command } from "../options/row.ts";
import { SECRETS } from "../options/table.ts";
import { createCursorStore, createLevelStore } from "../hooks/cursor.ts";
import { createBudget, RunStopped, type Budget, type Wait } from "../../lib/gitlab/budget.ts";
import { createGitLab, type GitLab } from "../gitlab/client.ts";
import { createSender } from "../../lib/gitlab/sender.ts";
import { oneLine } from "../../lib/one-line.ts";
import { proxyProblems, proxySecrets } from "../../lib/proxy.ts";
import { stretchKey } from "../../lib/secrets.ts";
import { unexpectedText } from "../../lib/unexpected.ts";
import { helpText } from "./help.ts";
import { install } from "../hooks/install.ts";
import type { InstallDeps } from "../hooks/run.ts";
import { Output } from "./output.ts";
import { publish } from "./publish.ts";
import { wantedLines } from "./wanted.ts";
import type { Context } from "../report/context.ts";
import { reportFiles } from "../report/files.ts";
import { hasDrift, INSTALL_RENDERING, summariseResults, type InstallReport } from "../report/report.ts";
import type { HookResult } from "../hooks/result.ts";
import { filterMark } from "../hooks/round-name.ts";
import type { RoundOutcome } from "../hooks/outcome.ts";
import type { RunConfig } from "../hooks/round.ts";
import type { World } from "./world.ts";
import { uninstall } from "../hooks/uninstall.ts";

const EXIT = { done: 0, failed: 1, usage: 2, drift: 3, resumable: 75 } as const;

/** What is told of a run while it works; set once the command has its output. */
interface Listeners {
  onWait: (wait: Wait | null) => void;
}

interface Run {
  readonly listeners: Listeners;
  readonly world: World;
  readonly config: InstallerConfig;
  readonly secrets: Secrets;
  readonly log: Log;
  readonly budget: Budget;
  readonly gitlab: GitLab;
}

/** The commands; each returns its exit status. What a run may not need is loaded where it is needed: jobs run in small containers. */
const RUN: Readonly<Record<Command, (run: Run) => Promise<number>>> = {
  install: (run) =>
    hooksCommand(run, "install", async (deps) => {
      const withUrl = { ...deps, config: { ...deps.config, url: String(run.config.url) } };
      if (run.config.level !== "instance") return install(withUrl);
      const { installOnInstance } = await import("../hooks/instance-level.ts");
      return installOnInstance(withUrl, { hasGroup: run.config.group !== null });
    }),
  uninstall: (run) =>
    hooksCommand(run, "uninstall", async (deps) => {
      if (run.config.level !== "instance") return uninstall(deps);
      const { uninstallFromInstance } = await import("../hooks/instance-level.ts");
      return uninstallFromInstance(deps, { hasGroup: run.config.group !== null });
    }),
  async recover(run) {
    const { recoverCommand } = await import("./recover.ts");
    const { outcome, report } = await recoverCommand({ ...run, mask: run.secrets.mask });
    const { failed, outstanding } = report.summary;
    return statusOf(outcome, run.config, { failed, drift: outstanding > 0 });
  },
  schedule: scheduleCommand,
};

/** Runs the program. @returns its exit status */
export async function runCli(world: World): Promise<number> {
  const line = readCommandLine(world.argv);
  if (line.version) {
    world.stdout(`${world.version}\n`);
    return EXIT.done;
  }
  const command = isCommand(line.command) ? line.command : null;
  if (line.help) {
    world.stdout(helpText(world.version, command));
    return EXIT.done;
  }
  if (command === null) {
    const problem =
      line.command === null
        ? "no command given"
        : `unknown command "${line.command}"${didYouMean(line.command, COMMANDS)}`;
    world.stderr(`${problem}; commands: ${COMMANDS.join(", ")}; --help explains them\n`);
    return EXIT.usage;
  }
  const secrets = createSecrets();
  world.onSecrets(secrets.mask);
  secrets.add(proxySecrets(world.env));
  for (const row of SECRETS) secrets.add((world.env[row.env] ?? "").split(",").map((s) => s.trim()));
  try {
    const config = loadConfig(command, line, world);
    if (config.dryRunForced) {
      world.stderr("this pipeline belongs to a merge request: a dry run, whatever the settings say\n");
    }
    return await RUN[command](createRun(world, config, secrets));
  } catch (error) {
    if (!(error instanceof ConfigError)) {
      world.stderr(`gitlab-hook-relay: ${unexpectedText(error, secrets.mask)}\n`);
      return EXIT.failed;
    }
    for (const { path, message } of error.problems) {
      world.stderr(secrets.mask(path === "" ? `${message}\n` : `${path}: ${message}\n`));
    }
    world.stderr(`gitlab-hook-relay ${command} --help explains the options\n`);
    return EXIT.usage;
  }
}

function createRun(world: World, config: InstallerConfig, secrets: Secrets): Run {
  const problems = proxyProblems(world.env);
  if (problems.length > 0) throw new ConfigError(problems);
  const { secretToken, signingToken, masterSecret } = config.secrets;
  const hookSecrets = [secretToken, signingToken, masterSecret].filter((s) => s !== null);
  secrets.add([...config.gitlabTokens, ...hookSecrets, ...Object.values(config.customHeaders)]);
  const log = createLog({ level: "info", secrets, write: world.stderr });
  const { clock, random } = world;
  const listeners: Listeners = { onWait: () => {} };
  const budget = createBudget({
    onWait: (wait) => listeners.onWait(wait),
    tokens: config.gitlabTokens,
    clock,
    maxRequests: config.maxRequests,
    timeLimitSeconds: config.timeLimit,
  });
  world.onEnd(() => budget.stop("time-limit"));
  const send = createSender({ transport: world.transport, clock, random, budget, mask: secrets.mask });
  return {
    world,
    config,
    secrets,
    log,
    listeners,
    budget,
    gitlab: createGitLab(String(config.gitlabUrl), send),
  };
}

/** What is named in the place of a group if there is none. */
const INSTANCE = "(instance)";

type Deps = Parameters<typeof uninstall>[0] & Pick<InstallDeps, "stretchKey">;

async function hooksCommand(
  run: Run,
  command: Command,
  work: (deps: Deps) => Promise<RoundOutcome>,
): Promise<number> {
  const { world, secrets, budget, gitlab, log } = run;
  const config: RunConfig = {
    ...run.config,
    gitlabUrl: String(run.config.gitlabUrl),
    // Only the instance's own hook is without a group.
    group: run.config.group ?? INSTANCE,
  };
  const terminal = config.output === "json" ? null : (world.terminal ?? null);
  const stdout = terminal === null ? world.stdout : (text: string): void => terminal.write(text);
  const output = new Output({
    say: (text) => (config.output === "json" ? world.stderr : stdout)(secrets.mask(text)),
    folds: (world.env["CI"] ?? "") !== "",
    now: () => world.clock.now(),
    monotonic: () => world.clock.monotonic(),
    terminal,
  });
  run.listeners.onWait = (wait) => output.wait(wait);
  const results: HookResult[] = [];
  const notices: string[] = [];
  const plan = config.dryRun ? "-plan" : "";
  const round = `${new URL(config.gitlabUrl).host}/${config.group}#${command}${plan}${filterMark(config)}`;
  const where = run.config.group === null ? config.gitlabUrl : `${config.group} on ${config.gitlabUrl}`;
  output.begin(
    `gitlab-hook-relay ${world.version}: ${command} ${where}${config.dryRun ? " (dry run)" : ""}`,
    command === "install" && config.dryRun ? wantedLines(config) : [],
  );
  const outcome = await work({
    config,
    gitlab,
    budget,
    random: world.random,
    stretchKey: world.stretchKey ?? stretchKey,
    cursors: createCursorStore({ path: config.stateFile, round, files: world.files, log }),
    levels: createLevelStore({
      path: config.stateFile,
      round: `${new URL(config.gitlabUrl).host}/${config.group}`,
      files: world.files,
      log,
    }),
    report: (result) => {
      results.push(result);
      output.result(result);
    },
    notice: (text) => {
      notices.push(text);
      output.notice(text);
    },
    progress: (done, total) => output.progress(done, total),
  });
  const report: InstallReport = {
    complete: outcome.complete,
    level: outcome.level,
    stoppedBy: outcome.complete || outcome.trouble !== null ? null : budget.stopped,
    summary: summariseResults(results, outcome.remaining),
    requests: budget.counts,
    results,
  };
  const reachedNone = results.length === 0 && report.stoppedBy === "max-requests";
  const stopNote = reachedNone
    ? `no project was reached within --max-requests ${config.maxRequests}: each run needs some requests before its first project, so that runs like this one never get anywhere`
    : budget.stopNote;
  if (stopNote !== null) {
    notices.push(stopNote);
    output.notice(stopNote);
  }
  const trouble = outcome.trouble?.message ?? null;
  const { gitlabUrl, group, dryRun } = config;
  const context: Context = {
    command,
    group,
    gitlabUrl,
    dryRun,
    notices,
    trouble,
    job: world.env["HOOKS_AS"] ?? "",
  };
  output.end(report, context);
  await publish({ world, config, mask: secrets.mask }, reportFiles(INSTALL_RENDERING, report, context));
  return statusOf(outcome, config, { failed: report.summary.failed, drift: hasDrift(report.summary) });
}

function statusOf(
  outcome: RoundOutcome,
  config: InstallerConfig,
  { failed, drift }: { readonly failed: number; readonly drift: boolean },
): number {
  if (outcome.trouble !== null) return outcome.trouble.status;
  if (!outcome.complete) return EXIT.resumable;
  if (failed > 0) return EXIT.failed;
  return config.dryRun && config.failOnDrift && drift ? EXIT.drift : EXIT.done;
}

async function scheduleCommand({ world, config, gitlab, secrets, budget }: Run): Promise<number> {
  const { gitlabUrl, project, ref } = config;
  const say = (line: string): void => world.stdout(secrets.mask(`${line}\n`));
  const { schedule } = await import("../schedule/schedule.ts");
  try {
    return await schedule({
      config: { ...config, gitlabUrl: String(gitlabUrl), project: String(project), ref: String(ref) },
      gitlab,
      say,
    });
  } catch (error) {
    if (!(error instanceof RunStopped)) throw error;
    say(`! ${oneLine(budget.stopNote ?? error.message)}`);
    return EXIT.resumable;
  }
}
