/**
 * Runs `recover` as a child of the relay, with the relay's own settings as its environment: nothing of it stands in a command line,
 * which other users of the machine can read. A child that the relay leaves behind ends by itself, at its time limit; running it
 * again does no harm, since the relay recognises what it has.
 */
import { spawn } from "node:child_process";
import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { messageOf } from "../../lib/errors.ts";
import type { GitlabSettings } from "../config/gitlab.ts";
import type { RecoverySettings } from "../config/recovery.ts";
import { NO_COUNTS, sinceOption, type RecoveryRun, type RecoveryRunner } from "./runner.ts";

/** Characters of the program's own words that are kept. */
const MAX_TEXT = 2000;
const REPORT = "report.json";

const report = z.object({
  complete: z.boolean(),
  stoppedBy: z.string().nullable(),
  summary: z.object({
    missed: z.number(),
    recovered: z.number(),
    alreadyDelivered: z.number(),
    outstanding: z.number(),
    unrecoverable: z.number(),
    unloggedWindows: z.number(),
  }),
});

export interface ChildDeps {
  /** Program and first arguments, such as `[node, installer.js]`. */
  readonly command: readonly string[];
  /** What the child inherits: proxies, certificates. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where it keeps its state and its report. */
  readonly folder: string;
  readonly recovery: RecoverySettings & { readonly group: string };
  /** Its webhook secrets, asked for each run: a rotation must not leave the child behind. */
  readonly gitlab: () => GitlabSettings;
  /** Hides secrets in what the child says. */
  readonly mask: (text: string) => string;
}

export function createChildRunner(deps: ChildDeps): RecoveryRunner {
  return {
    async run(since, signal) {
      try {
        await mkdir(deps.folder, { recursive: true, mode: 0o700 });
        // A run that ends before it reports must not be taken for the one before it.
        await rm(join(deps.folder, REPORT), { force: true });
        const { status, said } = await ended(deps, since, signal);
        return await outcomeOf(deps, status, said);
      } catch (error) {
        return { outcome: "failed", text: deps.mask(messageOf(error)), ...NO_COUNTS };
      }
    },
  };
}

interface Ended {
  /** Null: a signal ended it. */
  readonly status: number | null;
  /** The end of what it wrote to standard error. */
  readonly said: string;
}

function ended(deps: ChildDeps, since: number, signal: AbortSignal): Promise<Ended> {
  const [program, ...args] = deps.command;
  const child = spawn(program as string, [...args, "recover"], {
    env: environment(deps, since),
    stdio: ["ignore", "ignore", "pipe"],
    signal,
    killSignal: "SIGTERM",
  });
  let said = "";
  child.stderr.setEncoding("utf8");
  child.stderr.on("data", (text: string) => {
    said = (said + text).slice(-MAX_TEXT);
  });
  return new Promise((resolve, reject) => {
    child.once("error", (error) => (signal.aborted ? resolve({ status: null, said }) : reject(error)));
    child.once("close", (status) => resolve({ status, said }));
  });
}

function environment(deps: ChildDeps, since: number): Record<string, string> {
  const { recovery, folder } = deps;
  const gitlab = deps.gitlab();
  const inherited = Object.entries(deps.env).filter(
    (entry): entry is [string, string] =>
      entry[1] !== undefined && !/^(HOOKS|CI|GITLAB|RELAY)_/.test(entry[0]),
  );
  const own = {
    HOOKS_GITLAB_URL: recovery.url,
    HOOKS_GITLAB_TOKEN: recovery.tokens.join(","),
    HOOKS_GROUP: recovery.group,
    HOOKS_URL: recovery.webhookUrl ?? "",
    HOOKS_SINCE: sinceOption(since),
    HOOKS_TIME_LIMIT: String(recovery.timeLimitSeconds),
    HOOKS_STATE_FILE: join(folder, "state.json"),
    HOOKS_REPORT_DIR: folder,
    GITLAB_WEBHOOK_SECRET: gitlab.secretTokens[0] ?? "",
    GITLAB_WEBHOOK_SIGNING_TOKEN: gitlab.signingTokens[0] ?? "",
    GITLAB_WEBHOOK_MASTER_SECRET: gitlab.masterSecret,
  };
  return Object.fromEntries([...inherited, ...Object.entries(own).filter(([, value]) => value !== "")]);
}

/** Exit statuses are those of docs/recovery.md. */
async function outcomeOf(deps: ChildDeps, status: number | null, said: string): Promise<RecoveryRun> {
  const words = deps.mask(said.trim().split("\n").at(-1) ?? "");
  if (status === 2) return { outcome: "refused", text: words, ...NO_COUNTS };
  if (status === null) return { outcome: "limited", text: "it was ended with the relay", ...NO_COUNTS };
  const text = await readFile(join(deps.folder, REPORT), "utf8").catch(() => null);
  if (text === null) return { outcome: "failed", text: words, ...NO_COUNTS };
  const { summary, stoppedBy } = report.parse(JSON.parse(text));
  const counts = {
    missed: summary.missed,
    delivered: summary.recovered + summary.alreadyDelivered,
    outstanding: summary.outstanding,
    unrecoverable: summary.unrecoverable,
    unlogged: summary.unloggedWindows,
  };
  switch (status) {
    case 0:
      return { outcome: "complete", text: `${counts.delivered} of ${counts.missed} delivered`, ...counts };
    case 75:
      return { outcome: "limited", text: `stopped by ${stoppedBy ?? "GitLab"}`, ...counts };
    default:
      return {
        outcome: "failed",
        text: words === "" ? `${counts.outstanding} deliveries are still missed` : words,
        ...counts,
      };
  }
}
