/**
 * Command line and environment -> checked configuration, every problem at once. The command line wins over the environment;
 * what is empty counts as not set, because CI passes on unset variables as empty ones.
 */
import { parseArgs } from "node:util";
import { ConfigError, messageOf, type Problem } from "../../lib/errors.ts";
import { decodeSigningToken } from "../../lib/signature.ts";
import { splitSecrets } from "../../lib/secrets.ts";
import { readVariable, type Env } from "../../lib/settings.ts";
import {
  COMMANDS,
  OPTIONS,
  SECRETS,
  optionsSchema,
  type Command,
  type Config,
  type OptionRow,
} from "./config.ts";

export interface Sources {
  readonly env: Env;
  /** Reads the file that a NAME_FILE variable names; throws where it cannot. */
  readonly readFile: (path: string) => string;
}

export interface CommandLine {
  readonly command: string | null;
  readonly help: boolean;
  readonly version: boolean;
  /** Texts of the options, by option name. */
  readonly given: ReadonlyMap<string, string>;
  readonly problems: readonly Problem[];
}

/** Reads argv without judging values. */
export function readCommandLine(argv: readonly string[]): CommandLine {
  const byName = new Map(OPTIONS.map((row) => [row.name, row]));
  const types = Object.fromEntries(
    OPTIONS.map((row) => [
      row.name,
      { type: row.type === "boolean" ? ("boolean" as const) : ("string" as const) },
    ]),
  );
  const { tokens } = parseArgs({
    args: [...argv],
    options: { ...types, help: { type: "boolean", short: "h" }, version: { type: "boolean" } },
    strict: false,
    tokens: true,
    allowPositionals: true,
  });
  const given = new Map<string, string>();
  const problems: Problem[] = [];
  const words: string[] = [];
  const flags = new Set<string>();
  let boolean: string | null = null;
  for (const token of tokens) {
    const before: string | null = boolean;
    boolean = null;
    if (token.kind === "option-terminator") continue;
    if (token.kind === "positional") {
      if (before !== null && /^(true|false)$/.test(token.value)) given.set(before, token.value);
      else words.push(token.value);
      continue;
    }
    const row = byName.get(token.name) ?? negated(byName, token.name);
    if (token.name === "help" || token.name === "version") flags.add(token.name);
    else if (row === undefined) problems.push({ path: token.rawName, message: "unknown option" });
    else if (row.type !== "boolean") {
      if (token.value === undefined) problems.push({ path: token.rawName, message: "needs a value" });
      else given.set(row.name, token.value);
    } else if (row.name !== token.name) given.set(row.name, "false");
    else {
      given.set(row.name, token.value ?? "true");
      if (token.value === undefined) boolean = row.name;
    }
  }
  for (const word of words.slice(1)) problems.push({ path: "", message: `unexpected argument "${word}"` });
  return {
    command: words[0] ?? null,
    help: flags.has("help"),
    version: flags.has("version"),
    given,
    problems,
  };
}

function negated(byName: ReadonlyMap<string, OptionRow>, name: string): OptionRow | undefined {
  const row = name.startsWith("no-") ? byName.get(name.slice(3)) : undefined;
  return row?.type === "boolean" ? row : undefined;
}

/** One text as the type of its option; what does not parse stays text, for the schema to refuse. */
export function valueOf(row: Pick<OptionRow, "type">, text: string): unknown {
  switch (row.type) {
    case "text":
    case "choice":
      return text;
    case "number":
      return /^\s*-?\d+(\.\d+)?\s*$/.test(text) ? Number(text) : text;
    case "boolean":
      // Blanks around it do not count: the component's template has one behind each boolean, to make it text.
      return /^\s*(true|1|yes|on)\s*$/i.test(text)
        ? true
        : /^\s*(false|0|no|off)\s*$/i.test(text)
          ? false
          : text;
    case "list":
      return listOf(text);
    default:
      return row.type satisfies never;
  }
}

/** `a, b`, `["a", "b"]` (as GitLab renders array inputs in variables), or a JSON object as `key: value` items. */
function listOf(text: string): string[] {
  if (/^\s*[[{]/.test(text)) {
    try {
      const parsed: unknown = JSON.parse(text);
      if (Array.isArray(parsed)) return parsed.map(itemText);
      return Object.entries(parsed as object).map(([key, value]) => `${key}: ${itemText(value)}`);
    } catch {
      // Not JSON after all: a glob may begin with a bracket or a brace.
    }
  }
  return text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
}

function itemText(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

export function isCommand(text: string | null): text is Command {
  return COMMANDS.includes(text as Command);
}

/** Throws ConfigError with every problem; a value is never part of a problem's text where it may be a secret. */
export function loadConfig(command: Command, line: CommandLine, sources: Sources): Config {
  const problems: Problem[] = [...line.problems];
  const read = (name: string): string | undefined => {
    try {
      return readVariable(name, sources);
    } catch (error) {
      problems.push({ path: name, message: messageOf(error) });
      return undefined;
    }
  };
  const values: Record<string, unknown> = {};
  for (const row of OPTIONS) {
    const known = row.commands.includes(command);
    if (!known && line.given.has(row.name)) {
      problems.push({ path: `--${row.name}`, message: `is not an option of ${command}` });
    }
    if (!known) continue;
    const direct = line.given.get(row.name);
    const text =
      direct === undefined || direct === "" ? (read(row.env) ?? fallback(row, sources.env)) : direct;
    if (text !== undefined) values[row.key] = valueOf(row, text);
    else if (row.required?.includes(command)) problems.push({ path: labelOf(row), message: "is required" });
  }
  const parsed = optionsSchema.safeParse(values);
  if (!parsed.success) problems.push(...parsed.error.issues.map(problemOf));
  const secret = Object.fromEntries(SECRETS.map((row) => [row.key, splitSecrets(read(row.env) ?? "")]));
  const gitlabTokens = [...new Set(secret["gitlabToken"])];
  if (gitlabTokens.length === 0) problems.push({ path: "HOOKS_GITLAB_TOKEN", message: "is required" });
  problems.push(...secretProblems(secret));
  if (problems.length > 0 || !parsed.success) throw new ConfigError(problems);
  return {
    ...parsed.data,
    gitlabTokens,
    secrets: {
      secretToken: secret["secretToken"]?.[0] ?? null,
      signingToken: secret["signingToken"]?.[0] ?? null,
      masterSecret: secret["masterSecret"]?.[0] ?? null,
    },
  };
}

function fallback(row: OptionRow, env: Env): string | undefined {
  const text = row.fallback === undefined ? undefined : env[row.fallback];
  return text === "" ? undefined : text;
}

/** `--chunk-size (HOOKS_CHUNK_SIZE)`: both names, since either may have been used. */
function labelOf(row: OptionRow): string {
  return `--${row.name} (${row.env})`;
}

function problemOf(issue: { readonly path: readonly PropertyKey[]; readonly message: string }): Problem {
  const row = OPTIONS.find((r) => r.key === issue.path[0]);
  return {
    path: row === undefined ? issue.path.map(String).join(".") : labelOf(row),
    message: issue.message,
  };
}

function secretProblems(secret: Readonly<Record<string, readonly string[]>>): Problem[] {
  const problems: Problem[] = [];
  const check = (key: string, wrong: (value: string) => boolean, message: string): void => {
    const env = SECRETS.find((row) => row.key === key)?.env ?? key;
    if (secret[key]?.some(wrong)) problems.push({ path: env, message });
  };
  const badSigning = (value: string): boolean => decodeSigningToken(value)?.length !== 32;
  check("signingToken", badSigning, "must be whsec_ followed by base64 of 32 bytes");
  for (const key of ["gitlabToken", "secretToken"]) {
    // A line break would end the header that carries the value.
    check(key, (value) => /[\r\n]/.test(value), "must not contain a line break");
  }
  return problems;
}
