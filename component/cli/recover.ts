/**
 * The command `recover` around the recovery itself: its state file, its log lines, its reports and its exit status.
 */
import { ConfigError } from "../../lib/errors.ts";
import type { Log } from "../../lib/log.ts";
import { oneLine } from "../../lib/one-line.ts";
import type { InstallerConfig } from "../options/config.ts";
import type { Budget } from "../../lib/gitlab/budget.ts";
import type { GitLab } from "../gitlab/client.ts";
import type { Context } from "../report/context.ts";
import { reportFiles } from "../report/files.ts";
import { sectionEnd, sectionStart } from "../report/job-log.ts";
import { publish } from "./publish.ts";
import { filterMark } from "../hooks/round-name.ts";
import type { RoundOutcome } from "../hooks/outcome.ts";
import type { RunConfig } from "../hooks/round.ts";
import type { World } from "./world.ts";
import { openMemory } from "../recover/memory.ts";
import { createReceiver } from "../recover/receiver.ts";
import { recover } from "../recover/recover.ts";
import { finalTable, findings, placeLines, RECOVERY_RENDERING } from "../report/recover-render.ts";
import { placeReport, summarise, type PlaceReport, type RecoveryReport } from "../recover/report.ts";

export interface RecoverRun {
  readonly world: World;
  readonly config: InstallerConfig;
  readonly mask: (text: string) => string;
  readonly log: Log;
  readonly budget: Budget;
  readonly gitlab: GitLab;
}

export interface Recovered {
  readonly outcome: RoundOutcome;
  readonly report: RecoveryReport;
}

const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Wall clock that `--since` or `--until` means: a span before now, or a date. */
function timeMs(text: string, now: number): number {
  const span = /^(\d+)([smhd])$/.exec(text);
  return span === null ? Date.parse(text) : now - Number(span[1]) * (UNIT_MS[span[2] as string] as number);
}

/** Runs the command. Throws ConfigError if an option is missing or the reports cannot be written. */
export async function recoverCommand(run: RecoverRun): Promise<Recovered> {
  const { world, budget, gitlab } = run;
  if (run.config.group === null && run.config.projects.length === 0) {
    throw new ConfigError([
      { path: "--group (HOOKS_GROUP)", message: "is required, or --projects (HOOKS_PROJECTS)" },
    ]);
  }
  const names = run.config.group ?? run.config.projects.join(", ");
  const config: RunConfig = { ...run.config, gitlabUrl: String(run.config.gitlabUrl), group: names };
  const { host } = new URL(config.gitlabUrl);
  const line = (text: string): void =>
    (config.output === "json" ? world.stderr : world.stdout)(run.mask(`${text}\n`));
  const folds = (world.env["CI"] ?? "") !== "";
  const seconds = (): number => Math.floor(world.clock.now() / 1000);
  const since = timeMs(config.since, world.clock.now());
  const until = config.until === null ? null : timeMs(config.until, world.clock.now());
  if (until !== null && until <= since) {
    throw new ConfigError([
      { path: "--until (HOOKS_UNTIL)", message: `must be later than --since, which is ${config.since}` },
    ]);
  }
  const results: PlaceReport[] = [];
  const notices: string[] = [];
  let pages = 0;

  line(
    `gitlab-hook-relay ${world.version}: recover ${names} on ${config.gitlabUrl}${config.dryRun ? " (dry run)" : ""}`,
  );
  if (folds) line(sectionStart({ name: "hooks_recover", title: "Missed deliveries" }, seconds()));
  const receiver = createReceiver({
    transport: world.transport,
    clock: world.clock,
    secrets: config.secrets,
    customHeaders: config.customHeaders,
    gitlabUrl: config.gitlabUrl,
  });
  const memory = await openMemory({
    path: config.stateFile,
    round: `${host}/${names}#recover${filterMark(config)}`,
    host,
    files: world.files,
    clock: world.clock,
    log: run.log,
    readOnly: config.dryRun,
  });
  const outcome = await recover({
    config,
    gitlab,
    budget,
    clock: world.clock,
    random: world.random,
    memory,
    receiver,
    since,
    until,
    report(result, work) {
      const place = placeReport(result, work);
      results.push(place);
      pages += work?.pages ?? 0;
      for (const text of placeLines(place, config)) line(text);
    },
    notice(text) {
      notices.push(text);
      line(`* ${text}`);
    },
  });
  if (folds) line(sectionEnd("hooks_recover", seconds()));
  const report: RecoveryReport = {
    complete: outcome.complete,
    level: outcome.level,
    stoppedBy: outcome.complete || outcome.trouble !== null ? null : budget.stopped,
    mode: config.mode,
    since: new Date(since).toISOString(),
    until: until === null ? null : new Date(until).toISOString(),
    summary: summarise(results, outcome.remaining),
    requests: { ...budget.counts, pages, receiver: receiver.requests },
    results,
  };
  for (const text of [...(budget.stopNote === null ? [] : [budget.stopNote]), ...findings(report)]) {
    notices.push(text);
    line(`* ${text}`);
  }
  const trouble = outcome.trouble?.message ?? null;
  const { gitlabUrl, dryRun } = config;
  const context: Context = {
    command: "recover",
    group: names,
    gitlabUrl,
    dryRun,
    notices,
    trouble,
    job: world.env["HOOKS_AS"] ?? "",
  };
  if (trouble !== null) line(`! ${oneLine(trouble)}`);
  // Where nothing was reached, a table of zeros says nothing.
  if (trouble === null || results.length > 0) line(finalTable(report, context));
  await publish({ world, config, mask: run.mask }, reportFiles(RECOVERY_RENDERING, report, context));
  return { outcome, report };
}
