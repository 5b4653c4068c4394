/**
 * Where the relay's settings come from: relay.yaml, the environment, and the files that NAME_FILE variables name. Decides for the
 * start, for --check and --print-config, and for each reload.
 */
import { isDeepStrictEqual } from "node:util";
import { stringify } from "yaml";
import { ConfigError, messageOf, systemCode, type Problem } from "../../lib/errors.ts";
import { object, own, type Json } from "../../lib/json.ts";
import { MASK } from "../../lib/log.ts";
import { maskPattern } from "../../lib/mask-patterns.ts";
import { readVariable, type Env } from "../../lib/env.ts";
import { readSettings, type EnvBinding } from "../../lib/settings.ts";
import { parseSettingsFile, type SettingsFile } from "../../lib/settings-file.ts";
import { maskedSettings, secretValues } from "../../lib/settings-secrets.ts";
import { targetSchema } from "../targets/registry.ts";
import { correctedSettings } from "./corrected.ts";
import { configSchema, ENV_BINDINGS, type Config } from "./schema.ts";

export const DEFAULT_FILE = "./relay.yaml";

const BINDINGS: readonly EnvBinding[] = [
  ...ENV_BINDINGS,
  {
    name: "RELAY_TARGET_URL",
    path: ["targets", "default", "url"],
    as: "text",
    also: [{ path: ["targets", "default", "type"], value: "http" }],
    instead: ["targets", "default"],
  },
];

export interface SettingsInput {
  /** Value of --config; it wins over RELAY_CONFIG. */
  readonly file: string | null;
  readonly env: Env;
  /** Text of a file; throws if it cannot be read. */
  readonly readFile: (path: string) => string;
  /** The last good settings: what they were read from must not vanish. @default none */
  readonly previous?: LoadedSettings;
}

export interface LoadedSettings {
  readonly config: Config;
  /** The settings file; null if there is none. */
  readonly file: string | null;
  /** Every file that was looked at, with its text; null if it was not there. A change in any of them is a change of settings. */
  readonly inputs: ReadonlyMap<string, string | null>;
  /** `file:line:column` of a setting by its dotted path; null: not in the file. */
  readonly placeOf: (path: string) => string | null;
}

/** The problems with their places in the file. */
export function withPlaces(
  problems: readonly Problem[],
  { placeOf }: Pick<LoadedSettings, "placeOf">,
): Problem[] {
  return problems.map((problem) => {
    const place = placeOf(problem.path);
    return place === null ? problem : { ...problem, place };
  });
}

/** The files that a failed attempt looked at come with the error, so that their next change can be waited for. */
export interface LoadFailure extends Pick<LoadedSettings, "inputs" | "placeOf"> {
  readonly error: ConfigError;
  /** Those that have no problem of their own, so that what no schema sees of them can be told together with the error. */
  readonly targets: Config["targets"];
}

export type LoadResult =
  | { readonly ok: true; readonly settings: LoadedSettings }
  | ({ readonly ok: false } & LoadFailure);

/** Reads and checks everything; all problems come in one ConfigError. */
export function loadRelaySettings(input: SettingsInput): LoadResult {
  const inputs = new Map<string, string | null>();
  const readFile = (path: string): string => {
    inputs.set(path, null);
    const text = input.readFile(path);
    inputs.set(path, text);
    return text;
  };
  try {
    const file = readSettingsFile({ ...input, readFile });
    refuseLoss(file, input.previous);
    const sources = { file, env: input.env, bindings: BINDINGS, readFile, corrected: correctedSettings };
    const { settings: config, problems, tree } = readSettings(configSchema, sources);
    const placeOf = (path: string): string | null =>
      file === null ? null : parseSettingsFile(file).placeOf(path.split("."));
    if (config !== null) return { ok: true, settings: { config, file: file?.path ?? null, inputs, placeOf } };
    const targets = soundTargets(tree, problems);
    return { ok: false, error: new ConfigError(problems), inputs, placeOf, targets };
  } catch (error) {
    if (error instanceof ConfigError) return { ok: false, error, inputs, placeOf: () => null, targets: {} };
    throw error;
  }
}

function soundTargets(tree: Json, problems: readonly Problem[]): Config["targets"] {
  const sound = Object.entries(object(tree["targets"])).flatMap(([name, written]) => {
    if (problems.some(({ path }) => path.startsWith(`targets.${name}.`))) return [];
    const { data } = targetSchema.safeParse(written);
    return data === undefined ? [] : [[name, data] as const];
  });
  return Object.fromEntries(sound);
}

function readSettingsFile(input: SettingsInput): { path: string; text: string } | null {
  const named = input.file ?? namedByEnvironment(input);
  const path = named ?? DEFAULT_FILE;
  try {
    return { path, text: input.readFile(path) };
  } catch (error) {
    if (named === null && systemCode(error) === "ENOENT") return null;
    throw new ConfigError([{ path, message: `cannot read the settings: ${messageOf(error)}` }]);
  }
}

/** A file that is emptied or removed while the relay runs is a mistake: nothing says that all of it is to go. */
function refuseLoss(file: { path: string; text: string } | null, previous?: LoadedSettings): void {
  if (previous === undefined || previous.file === null) return;
  const path = previous.file;
  const before = previous.inputs.get(path) ?? "";
  if (file === null) throw new ConfigError([{ path, message: `is gone; ${CURE}` }]);
  if (isBlank({ path, text: file.text }) && !isBlank({ path, text: before }))
    throw new ConfigError([{ path, message: `is empty; ${CURE}` }]);
}

const CURE = "put it back, or restart the relay to run without it";

/** Comments alone say nothing either, nor does `null` or `{}`. */
function isBlank(file: SettingsFile): boolean {
  const { tree, problems } = parseSettingsFile(file);
  return problems.length === 0 && Object.keys(tree).length === 0;
}

function namedByEnvironment(input: SettingsInput): string | null {
  try {
    return readVariable("RELAY_CONFIG", input) ?? null;
  } catch (error) {
    throw new ConfigError([{ path: "RELAY_CONFIG", message: messageOf(error) }]);
  }
}

/** The settings in force as YAML, fit to be shown: secrets, credentials in URLs and what looks like one are masked. */
export function printedSettings(config: Config): string {
  const text = stringify(maskedSettings(configSchema, config));
  return config.mask.patterns.map(maskPattern).reduce((left, shape) => shape.replaceAll(left, MASK), text);
}

/** What the log must never show. */
export function secretsOf(config: Config): string[] {
  return secretValues(configSchema, config);
}

/** Settings that only a restart changes, by path; empty if nothing of the kind differs. */
export function restartPaths(present: Config, next: Config): string[] {
  const differing = (path: string, a: unknown, b: unknown): string[] => {
    if (!isObject(a) || !isObject(b)) return a === b ? [] : [path];
    return Object.keys(a).flatMap((key) => differing(`${path}.${key}`, a[key], b[key]));
  };
  return [
    ...differing("server.host", present.server.host, next.server.host),
    ...differing("server.port", present.server.port, next.server.port),
    ...differing("server.basePath", present.server.basePath, next.server.basePath),
    ...differing(
      "log",
      { ...present.log, level: null, format: null },
      { ...next.log, level: null, format: null },
    ),
    ...(loses(present.admin.token, next.admin.token) ? ["admin.token"] : []),
    ...recoveryPaths(present, next),
    ...differing("activity.enabled", present.activity.enabled, next.activity.enabled),
    ...differing("queue", { ...present.queue, retain: null }, { ...next.queue, retain: null }),
  ];
}

/** Access that was asked for is not dropped by the way: an edit that lost a line would open or lock out. */
function loses(present: string, next: string): boolean {
  return present !== "" && next === "";
}

/** `next`, with what cannot change at run time as it is now. */
export function withoutRestart(present: Config, next: Config): Config {
  const { host, port, basePath } = present.server;
  return {
    ...next,
    admin: loses(present.admin.token, next.admin.token)
      ? { ...next.admin, token: present.admin.token }
      : next.admin,
    server: { ...next.server, host, port, basePath },
    queue: { ...present.queue, retain: next.queue.retain },
    log: { ...present.log, level: next.log.level, format: next.log.format },
    recovery: present.recovery,
    instances: withRecoveriesOf(present, next.instances),
    activity: { ...next.activity, enabled: present.activity.enabled },
  };
}

function recoveryPaths(present: Config, next: Config): string[] {
  const names = Object.keys({ ...present.instances, ...next.instances });
  const places: [string, unknown, unknown][] = [
    ["recovery", present.recovery, next.recovery],
    ...names.map((name): [string, unknown, unknown] => [
      `instances.${name}.recovery`,
      own(present.instances, name)?.recovery,
      own(next.instances, name)?.recovery,
    ]),
  ];
  return places.flatMap(([path, before, after]) => (isDeepStrictEqual(before, after) ? [] : [path]));
}

function withRecoveriesOf(present: Config, next: Config["instances"]): Config["instances"] {
  return Object.fromEntries(
    Object.entries(next).map(([name, { recovery: _waits, ...rest }]) => {
      const recovery = own(present.instances, name)?.recovery;
      return [name, recovery === undefined ? rest : { ...rest, recovery }];
    }),
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
