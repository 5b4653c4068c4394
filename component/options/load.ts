/**
 * Command line and environment -> checked configuration, every problem at once. The command line wins over the environment;
 * what is empty counts as not set, because CI passes on unset variables as empty ones.
 */
import { ConfigError, messageOf, type Problem } from "../../lib/errors.ts";
import { splitSecrets } from "../../lib/secrets.ts";
import { readVariable, type Env } from "../../lib/env.ts";
import { decodeSigningToken } from "../../lib/signature.ts";
import { unknownVariables } from "../../lib/variables.ts";
import type { CommandLine } from "./command-line.ts";
import { optionsSchema, type InstallerConfig } from "./config.ts";
import { inMergeRequest } from "./pipeline.ts";
import type { Command } from "./row.ts";
import { labelOf, OPTIONS, SECRETS, type OptionRow, type SecretRow } from "./table.ts";
import { unexpandedText, unexpandedVariable } from "./unexpanded.ts";
import { readOptionValue, type ListNotation, type Reading } from "./values.ts";

export interface Sources {
  readonly env: Env;
  /** Reads the file that a NAME_FILE variable names; throws if it cannot. */
  readonly readFile: (path: string) => string;
}

/** Throws ConfigError with every problem; a value is never part of a problem's text where it may be a secret. */
export function loadConfig(command: Command, line: CommandLine, sources: Sources): InstallerConfig {
  const problems: Problem[] = [...line.problems, ...unknownNames(sources.env)];
  const read = (name: string): string | undefined => {
    try {
      return readVariable(name, sources);
    } catch (error) {
      problems.push({ path: name, message: messageOf(error) });
      return undefined;
    }
  };
  const notation = listNotation(sources.env);
  const values: Record<string, unknown> = {};
  const missing: OptionRow[] = [];
  for (const row of OPTIONS) {
    const texts = (line.given.get(row.name) ?? []).filter((text) => text !== "");
    if (!row.commands.includes(command)) {
      if (line.given.has(row.name)) {
        problems.push({ path: `--${row.name}`, message: `is not an option of ${command}` });
      }
      continue;
    }
    if (texts.length === 0) {
      texts.push(...[read(row.env) ?? standIn(row, sources.env) ?? []].flat());
      const problem = fileProblem(row, sources);
      if (problem !== null) problems.push(problem);
    }
    if (texts.length > 0) {
      const reading = readTexts(row, texts, notation);
      if ("problem" in reading) problems.push({ path: labelOf(row), message: reading.problem });
      else {
        values[row.key] = reading.value;
        const name = [reading.value]
          .flat()
          .map(unexpandedVariable)
          .find((one) => one !== null);
        if (name !== undefined) problems.push({ path: labelOf(row), message: unexpandedText(name) });
      }
    } else if (row.required?.includes(command)) missing.push(row);
  }
  for (const row of missing) {
    const isOptional = row.optionalOnInstance === true && values["level"] === "instance";
    const but = row.optionalOnInstance === true ? " (only --level instance can do without)" : "";
    if (!isOptional) problems.push({ path: labelOf(row), message: `is required${but}` });
  }
  problems.push(...strayProblems(values));
  const parsed = optionsSchema.safeParse(values);
  if (!parsed.success) problems.push(...parsed.error.issues.map(problemOf));
  const secret = readSecrets(read);
  if (secret.gitlabToken.length === 0) problems.push({ path: "HOOKS_GITLAB_TOKEN", message: "is required" });
  problems.push(...secretProblems(secret, sources.readFile));
  if (problems.length > 0 || !parsed.success) throw new ConfigError(problems);
  const planOnly = inMergeRequest(sources.env);
  return {
    ...parsed.data,
    dryRun: parsed.data.dryRun || planOnly,
    dryRunForced: planOnly && !parsed.data.dryRun,
    gitlabTokens: [...new Set(secret.gitlabToken)],
    secrets: {
      secretToken: secret.secretToken[0] ?? null,
      signingToken: secret.signingToken[0] ?? null,
      masterSecret: secret.masterSecret[0] ?? null,
    },
  };
}

/** What has no effect beside the other options, and was hardly given for that. */
function strayProblems({ level, systemEvents }: Readonly<Record<string, unknown>>): Problem[] {
  const isDefault = systemEvents === undefined || String(systemEvents) === "all";
  if (isDefault || level === "instance") return [];
  return [
    { path: "--system-events (HOOKS_SYSTEM_EVENTS)", message: "has an effect with --level instance only" },
  ];
}

function unknownNames(env: Env): Problem[] {
  return unknownVariables(env).map(({ name, nearest }) => ({
    path: name,
    message: `is not a variable of this program; did you mean ${nearest}?`,
  }));
}

/** gitlab-ci-local says that it is not GitLab. */
function listNotation(env: Env): ListNotation {
  const { GITLAB_CI } = env;
  return GITLAB_CI === "true" ? "ruby" : GITLAB_CI === "false" ? "json" : "either";
}

/** Lists add up; of anything else one text is allowed. */
function readTexts(row: OptionRow, texts: readonly string[], notation: ListNotation): Reading {
  if (row.type !== "list") {
    return texts.length > 1
      ? { problem: `is given ${texts.length} times and takes one value` }
      : readOptionValue(row.type, texts[0] as string);
  }
  const items: unknown[] = [];
  for (const text of texts) {
    const reading = readOptionValue("list", text, notation);
    if ("problem" in reading) return reading;
    items.push(...(reading.value as readonly unknown[]));
  }
  return { value: items };
}

function standIn(row: OptionRow, env: Env): string | undefined {
  const text = row.fallback === undefined ? undefined : env[row.fallback];
  return text === "" ? undefined : text;
}

function problemOf(issue: { readonly path: readonly PropertyKey[]; readonly message: string }): Problem {
  const row = OPTIONS.find((r) => r.key === issue.path[0]);
  const path = row === undefined ? issue.path.map(String).join(".") : labelOf(row);
  const item = typeof issue.path[1] === "number" ? `item ${issue.path[1] + 1}: ` : "";
  return { path, message: `${item}${issue.message}` };
}

type SecretTexts = Readonly<Record<SecretRow["key"], readonly string[]>>;

function readSecrets(read: (name: string) => string | undefined): SecretTexts {
  return Object.fromEntries(
    SECRETS.map((row) => [row.key, splitSecrets(read(row.env) ?? "")]),
  ) as unknown as SecretTexts;
}

/** A longer value is no path that anybody writes, and is not looked for. */
const LONGEST_PATH = 1024;

function isFile(value: string, readFile: Sources["readFile"]): boolean {
  if (value.length > LONGEST_PATH) return false;
  try {
    readFile(value);
    return true;
  } catch {
    return false;
  }
}

/** A CI/CD variable of type File holds a path: as a filter it would fit no project, and an `--exclude` would exclude none. */
function fileProblem(row: OptionRow, { env, readFile }: Sources): Problem | null {
  const value = env[row.env] ?? "";
  const namesFile = row.key === "stateFile" || row.key === "reportDir";
  if (namesFile || !value.startsWith("/") || !isFile(value, readFile)) return null;
  return { path: labelOf(row), message: fileText("a value", row.env) };
}

function fileText(wanted: string, env: string): string {
  return `holds the path of a file, not ${wanted}: a CI/CD variable of type File has to be named ${env}_FILE, or be of type Variable`;
}

function secretProblems(secret: SecretTexts, readFile: Sources["readFile"]): Problem[] {
  const problems: Problem[] = [];
  for (const { key, env } of SECRETS) {
    const values = secret[key];
    if (values.some((value) => isFile(value, readFile))) {
      problems.push({ path: env, message: fileText("a secret", env) });
    } else if (values.some((value) => unexpandedVariable(value) !== null)) {
      problems.push({ path: env, message: unexpandedText(null) });
    } else if (key === "signingToken" && values.some((value) => decodeSigningToken(value)?.length !== 32)) {
      problems.push({ path: env, message: "must be whsec_ followed by base64 of 32 bytes" });
    } else if (
      (key === "gitlabToken" || key === "secretToken") &&
      values.some((value) => /[\r\n]/.test(value))
    ) {
      // A line break would end the header that carries the value.
      problems.push({ path: env, message: "must not contain a line break" });
    }
  }
  return problems;
}
