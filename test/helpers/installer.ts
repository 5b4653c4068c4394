/** Runs the whole installer in the test's own process, against a simulator, with files in memory. */
import { runCli } from "../../component/cli/cli.ts";
import { createTransport, type Transport } from "../../lib/gitlab/transport.ts";
import type { InstallReport } from "../../component/report/report.ts";
import { stretchKey } from "../../lib/secrets.ts";
import { systemClock, type Clock } from "../../lib/clock.ts";
import type { Hook } from "../simulator/hook.ts";
import type { Simulator } from "../simulator/simulator.ts";
import { createScaledClock } from "../simulator/scaled-clock.ts";

export const RELAY_URL = "https://hooks.acme.dev/webhooks/gitlab";
export const SECRET = "a-secret-token-for-tests";

export interface InstallerRun {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Of report.json; throws where none was written. */
  readonly report: InstallReport;
  readonly files: ReadonlyMap<string, string>;
}

export interface InstallerOptions {
  readonly command?: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Kept between runs: state file and reports. */
  readonly files?: Map<string, string>;
  readonly clock?: Clock;
  /** Sees and may change what happens around each request. */
  readonly transport?: Transport;
}

/** Back-offs pass quickly; limits need `systemClock`, because dates in answers are real. */
const quick = createScaledClock(40);

const keys = new Map<string, Buffer>();

/** The program's own, remembered: a test file runs the program hundreds of times with the same few secrets. */
function rememberedKey(secrets: readonly string[]): Buffer {
  const name = JSON.stringify(secrets);
  const key = keys.get(name) ?? stretchKey(secrets);
  keys.set(name, key);
  return key;
}

/** The real one, shared by all runs of a test file. */
export const transport = createTransport();

export async function runInstaller(
  sim: Pick<Simulator, "url" | "token"> | null,
  options: InstallerOptions = {},
): Promise<InstallerRun> {
  const files = options.files ?? new Map<string, string>();
  let stdout = "";
  let stderr = "";
  const status = await runCli({
    argv: [options.command ?? "install", ...(options.args ?? [])],
    env: {
      ...(sim === null ? {} : { HOOKS_GITLAB_URL: sim.url, HOOKS_GITLAB_TOKEN: sim.token.value }),
      HOOKS_GROUP: "acme",
      HOOKS_URL: RELAY_URL,
      HOOKS_REPORT_DIR: "report",
      GITLAB_WEBHOOK_SECRET: SECRET,
      ...options.env,
    },
    version: "0.0.0-test",
    clock: options.clock ?? quick,
    random: Math.random,
    stretchKey: rememberedKey,
    transport: options.transport ?? transport,
    files: {
      read: (path) => Promise.resolve(files.get(path) ?? null),
      write: (path, text) => Promise.resolve(void files.set(path, text)),
    },
    readFile: (path) => {
      const text = files.get(path);
      if (text === undefined) throw new Error("no such file");
      return text;
    },
    stdout: (text) => {
      stdout += text;
    },
    stderr: (text) => {
      stderr += text;
    },
    onSecrets: () => {},
    onEnd: () => {},
  });
  const json = files.get("report/report.json") ?? "";
  return {
    status,
    stdout,
    stderr,
    files,
    get report() {
      return JSON.parse(json) as InstallReport;
    },
  };
}

export const realTime = systemClock;

/** Hooks of ours on a project or group. */
export function ours({ hooks }: { readonly hooks: readonly Hook[] }): Hook[] {
  return hooks.filter((hook) => hook.url.startsWith(RELAY_URL));
}
