/**
 * The program around the relay: options, settings, start, reload, stop. What belongs to the process comes in as `Host`, so that
 * tests run the whole program without one.
 */
import { sleep, type Clock } from "../../lib/clock.ts";
import { ConfigError, UpstreamError, messageOf, problemText, type Problem } from "../../lib/errors.ts";
import { createLog, createSecrets, silentLog, type Log } from "../../lib/log.ts";
import type { Env } from "../../lib/env.ts";
import { unknownVariables } from "../../lib/variables.ts";
import { secretAdvice, signatureAdvice } from "../config/advice.ts";
import type { Config } from "../config/schema.ts";
import type { Check } from "../queue/queue.ts";
import { firstFiles, refuseUnanswered } from "./answering-files.ts";
import { banner, lineView, type Places } from "./console.ts";
import { targetProblems } from "../targets/registry.ts";
import { logLibraryWords, type LibraryConsole } from "./library-words.ts";
import { openLogFiles, type LogFiles } from "./log-files.ts";
import type { CreateStorage } from "../storage/open.ts";
import { HELP, parseOptions } from "./options.ts";
import { explainRules } from "../routing/reachable.ts";
import {
  loadRelaySettings,
  printedSettings,
  secretsOf,
  withPlaces,
  type LoadFailure,
  type LoadedSettings,
} from "../config/load.ts";
import type { Relay } from "./relay.ts";
import { startRelay } from "./start.ts";
import { watchSettings, type SettingsWatch, type WatchDeps } from "../config/watch.ts";

/** Exit status for what the operator can cure. */
export const EXIT_CONFIG = 2;
/** Milliseconds that files of the log get at the end: a folder that hangs must not keep the process. */
const LOG_FILES_MS = 2000;
/** Exit status for what may pass. */
const EXIT_FAILED = 1;

export interface Host extends Pick<WatchDeps, "readText" | "notify"> {
  readonly argv: readonly string[];
  readonly env: Env;
  readonly version: string;
  readonly clock: Clock;
  readonly random: () => number;
  readonly createStorage: CreateStorage;
  /** Program and first arguments of the installer. */
  readonly installer: readonly string[];
  /** Text of a file; throws if it cannot be read. */
  readonly readFile: (path: string) => string;
  /** Whether a person reads standard output. */
  readonly isTerminal: boolean;
  /** Where libraries write to. */
  readonly console: LibraryConsole;
  /** Both get whole lines, with their line ends. */
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
}

export interface Running {
  readonly relay: Relay;
  readonly log: Log;
  /** Reads the settings now, changed or not, and makes every target anew. */
  reload(): Promise<void>;
  /** Ends everything in order. */
  stop(reason: string): Promise<void>;
}

/** Resolves with an exit status if there is nothing to run, or with the running relay. Rejects only on a bug. */
export async function runProgram(host: Host): Promise<number | Running> {
  try {
    const options = parseOptions(host.argv);
    if (options.action === "help") return say(host, HELP);
    if (options.action === "version") return say(host, `${host.version}\n`);
    await refuseUnanswered(firstFiles(options.file, host.env), host);
    const source = { file: options.file, env: host.env, readFile: host.readFile };
    const loaded = loadRelaySettings(source);
    if (!loaded.ok) throw await withTargetProblems(host, loaded);
    if (options.action === "print-config") return say(host, printedSettings(loaded.settings.config));
    if (options.action === "check") return await check(host, loaded.settings);
    return await run(host, loaded.settings, (previous) => loadRelaySettings({ ...source, previous }));
  } catch (error) {
    if (error instanceof ConfigError) {
      host.stderr(problemList(error.problems));
      return EXIT_CONFIG;
    }
    // The storage does not answer: nothing that the settings could cure.
    if (!(error instanceof UpstreamError)) throw error;
    host.stderr(problemList([{ path: "", message: error.message }]));
    return EXIT_FAILED;
  }
}

async function run(host: Host, settings: LoadedSettings, load: WatchDeps["load"]): Promise<Running> {
  const { clock } = host;
  const secrets = createSecrets();
  secrets.add(secretsOf(settings.config));
  const files = await logFiles(host, settings.config);
  let view = lineView(settings.config, host);
  const write = (line: string): void => {
    host.stdout(view(line));
    files?.write(line);
  };
  const log = createLog({ level: settings.config.log.level, secrets, write });
  logLibraryWords(host.console, log);
  let watch: SettingsWatch | null = null;
  let started: Relay | null = null;
  const relay = await startRelay(settings.config, {
    clock,
    log,
    secrets,
    random: host.random,
    env: host.env,
    readText: host.readText,
    version: host.version,
    createStorage: host.createStorage,
    installer: host.installer,
    settingsProblems: () => (watch?.refused() ?? []).map(problemText),
    checks: () => [settingsCheck(watch, started)],
  });
  started = relay;
  watch = watchSettings(settings, {
    clock,
    log,
    load,
    readText: host.readText,
    notify: host.notify,
    async apply(next, options) {
      await relay.apply(next.config, options);
      view = lineView(next.config, host);
      log.info("settings.reloaded", { file: next.file, ...summary(relay) });
      warnOfSecrets(log, relay.config());
    },
  });
  log.info("relay.started", {
    version: host.version,
    settings: settings.file ?? "none: defaults and environment",
    ...summary(relay),
  });
  warnOfSecrets(log, settings.config);
  log.info("relay.listening", { url: relay.url, webhooks: `${relay.url}/webhooks/gitlab` });
  log.info("relay.dashboard", {
    url: relay.url,
    token: relay.adminTokenPlace() ?? "RELAY_ADMIN_TOKEN (admin.token)",
  });
  // A credential: for the person at the terminal, not for the log and its files.
  if (host.isTerminal) host.stdout(`\n${banner(placesOf(relay, host))}\n`);
  log.info("relay.try", { note: "sends a first event", command: firstEvent(relay) });
  return {
    relay,
    log,
    reload: () => (watch as SettingsWatch).look({ isForced: true }),
    async stop(reason) {
      log.info("relay.stopping", { reason });
      watch?.close();
      await relay.stop();
      log.info("relay.stopped");
      if (files !== null) await Promise.race([files.close(), sleep(clock, LOG_FILES_MS)]);
    },
  };
}

function placesOf(relay: Relay, host: Host): Places {
  return {
    version: host.version,
    webhooks: `${relay.url}/webhooks/gitlab`,
    dashboard: relay.loginUrl,
    secret: relay.secretFile() ?? "the one in the settings",
    command: firstEvent(relay),
  };
}

function warnOfSecrets(log: Log, config: Config): void {
  for (const { path, message } of secretAdvice(config))
    log.warn("settings.suspicious", { setting: path, error: message });
}

/** The daily files of the settings; null if there are to be none. Rejects with a ConfigError if the folder cannot be made. */
async function logFiles(host: Host, { log: { dir, keepDays } }: Config): Promise<LogFiles | null> {
  if (dir === "") return null;
  await refuseUnanswered([dir], host);
  const onTrouble = (message: string): void => host.stderr(`${message}\n`);
  try {
    return await openLogFiles({ dir, keepDays, now: () => host.clock.now(), onTrouble });
  } catch (error) {
    throw new ConfigError([{ path: "log.dir", message: `cannot be used: ${messageOf(error)}` }]);
  }
}

function say(host: Host, text: string): number {
  host.stdout(text);
  return 0;
}

async function check(host: Host, settings: LoadedSettings): Promise<number> {
  const problems = await problemsOfTargets(host, settings, settings.config.targets);
  if (problems.length > 0) throw new ConfigError(problems);
  return say(host, checked(settings, host.env));
}

/** The error of the settings, and what the schema does not see of the targets that it has nothing to say of: all at once. */
async function withTargetProblems(host: Host, failure: LoadFailure): Promise<ConfigError> {
  const more = await problemsOfTargets(host, failure, failure.targets);
  return new ConfigError([...failure.error.problems, ...more]);
}

/** Makes what a start would make, and lets go of it again. */
async function problemsOfTargets(
  { clock, env, readText }: Host,
  loaded: Pick<LoadedSettings, "placeOf">,
  targets: Config["targets"],
): Promise<Problem[]> {
  const deps = { clock, log: silentLog, env, readText };
  return withPlaces(await targetProblems(targets, deps), loaded);
}

/** Valid settings may still hold what does nothing or is weak, which shows in no other way. */
function checked(settings: LoadedSettings, env: Env): string {
  const { config, file } = settings;
  const advice = [...explainRules(config), ...secretAdvice(config), ...signatureAdvice(config)];
  const variables = unknownVariables(env).map(({ name, nearest }) => ({
    path: name,
    message: `is unknown and has no effect; did you mean ${nearest}?`,
  }));
  const findings = [...withPlaces(advice, settings), ...variables].map(
    (problem) => `  - ${problemText(problem)}\n`,
  );
  const valid = `The settings are valid (${file ?? "no file, environment only"}).\n`;
  return findings.length === 0 ? valid : `${valid}Worth a look:\n${findings.join("")}`;
}

/** Settings that were refused do not make the relay unfit: it works on with the last good ones. */
function settingsCheck(watch: SettingsWatch | null, relay: Relay | null): Check {
  const refused = watch?.refused()?.length ?? 0;
  const waiting = relay?.waitingForRestart() ?? [];
  const facts = [
    ...(refused === 0
      ? []
      : [
          `changed settings were refused (${refused} ${refused === 1 ? "problem" : "problems"}, see the log); the last good ones are in force`,
        ]),
    ...(watch?.isUnanswered() === true
      ? ["the settings' files do not answer; the last ones read are in force"]
      : []),
    ...(waiting.length === 0 ? [] : [`a restart is needed for ${waiting.join(", ")}`]),
  ];
  return { name: "settings", ok: true, detail: facts.join("; ") || "in force as written" };
}

function summary(relay: Relay): Record<string, unknown> {
  const config = relay.config();
  const { gitlab } = config;
  const instances = Object.keys(config.instances);
  return {
    ...relay.place,
    targets: Object.keys(config.targets),
    secretTokens: gitlab.secretTokens.length,
    signingTokens: gitlab.signingTokens.length,
    hookSecrets: gitlab.masterSecret !== "",
    allowList: config.server.allowedIps.length,
    ...(instances.length === 0 ? {} : { instances }),
  };
}

/** Without double quotes, so that it can be copied out of a JSON line. */
function firstEvent(relay: Relay): string {
  const file = relay.secretFile();
  const token = file === null ? "$TOKEN" : `$(cat ${file})`;
  return `curl -i -H X-Gitlab-Token:${token} -H 'X-Gitlab-Event: Push Hook' -d '{}' ${relay.url}/webhooks/gitlab`;
}

/** Every problem on a line of its own. */
function problemList(problems: readonly Problem[]): string {
  return `gitlab-hook-relay cannot start:\n${problems.map((problem) => `  - ${problemText(problem)}\n`).join("")}`;
}
