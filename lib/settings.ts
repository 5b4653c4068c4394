/**
 * Settings of a program: one zod schema, filled from a YAML file and the environment, every problem reported at once.
 *
 * The environment wins over the file. Each variable NAME may also be given as NAME_FILE, the path of a file that holds the
 * value. Strings of the file may hold `${NAME}`, which stands for that variable (or its _FILE form).
 */
import type { z } from "zod";
import { readVariable, type EnvSources } from "./env.ts";
import { messageOf, type Problem } from "./errors.ts";
import { NO_FILE, parseSettingsFile, type ParsedFile, type SettingsFile } from "./settings-file.ts";
import { jsonSchemaOf } from "./settings-schema.ts";
import { maskedPaths } from "./settings-secrets.ts";
import { issuesOf, plainWords, type SettingsIssue } from "./settings-words.ts";

export interface EnvBinding {
  readonly name: string;
  /** Where in the settings the value goes. */
  readonly path: readonly string[];
  /** How the text becomes a value; numbers and booleans that do not parse stay text, for the schema to refuse. */
  readonly as: "text" | "number" | "boolean" | "list";
  /** What else the variable says where it is set. */
  readonly also?: readonly { readonly path: readonly string[]; readonly value: unknown }[];
  /** A path that the file must leave alone where the variable is set. */
  readonly instead?: readonly string[];
}

export interface SettingsSources extends EnvSources {
  /** Text and name of the YAML file; null if there is none. */
  readonly file: SettingsFile | null;
  readonly bindings: readonly EnvBinding[];
  /**
   * The settings without mistakes behind which the schema sees no further, so that all problems come at once; the same object if there
   * are none. @default nothing is corrected
   */
  readonly corrected?: (tree: Readonly<Record<string, unknown>>) => Corrected;
}

export interface Corrected {
  readonly tree: Readonly<Record<string, unknown>>;
  /** The path in the settings as they were written. */
  readonly original: (path: readonly string[]) => readonly string[];
}

function convert(text: string, as: EnvBinding["as"]): unknown {
  switch (as) {
    case "text":
      return text;
    case "number":
      return /^-?\d+(\.\d+)?$/.test(text.trim()) ? Number(text) : text;
    case "boolean":
      return /^(true|1|yes|on)$/i.test(text) ? true : /^(false|0|no|off)$/i.test(text) ? false : text;
    case "list":
      return text
        .split(",")
        .map((s) => s.trim())
        .filter((s) => s !== "");
    default:
      return as satisfies never;
  }
}

type Tree = Record<string, unknown>;

function isTree(value: unknown): value is Tree {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function setPath(tree: Tree, path: readonly string[], value: unknown): void {
  let node = tree;
  for (const part of path.slice(0, -1)) {
    if (!isTree(node[part])) node[part] = {};
    node = node[part] as Tree;
  }
  node[path.at(-1) as string] = value;
}

function hasPath(tree: Tree, path: readonly string[]): boolean {
  let node: unknown = tree;
  for (const part of path) {
    if (!isTree(node) || !Object.hasOwn(node, part)) return false;
    node = node[part];
  }
  return true;
}

function interpolate(value: unknown, path: string, sources: SettingsSources, problems: Problem[]): unknown {
  if (typeof value === "string") {
    return value.replace(/\$\{([A-Za-z_]\w*)\}/g, (whole, name: string) => {
      try {
        const found = readVariable(name, sources);
        if (found !== undefined) return found;
        problems.push({ path, message: `the environment variable ${name} is not set` });
      } catch (error) {
        problems.push({ path, message: messageOf(error) });
      }
      return whole;
    });
  }
  if (Array.isArray(value)) return value.map((v, i) => interpolate(v, `${path}.${i}`, sources, problems));
  if (isTree(value)) {
    return Object.fromEntries(
      Object.entries(value).map(([k, v]) => [
        k,
        interpolate(v, path === "" ? k : `${path}.${k}`, sources, problems),
      ]),
    );
  }
  return value;
}

export interface ReadSettings<S extends z.ZodType> {
  /** Null: there are problems. */
  readonly settings: z.output<S> | null;
  /** Every problem with its path, and its place in the file. A value is never part of its text: it may be a secret. */
  readonly problems: readonly Problem[];
  /** What file and environment say, before the schema looked at it. */
  readonly tree: Readonly<Tree>;
}

export function readSettings<S extends z.ZodType>(schema: S, sources: SettingsSources): ReadSettings<S> {
  const file = sources.file === null ? NO_FILE : parseSettingsFile(sources.file);
  const problems: Problem[] = [...file.problems];
  const tree = interpolate(file.tree, "", sources, problems) as Tree;
  const given = applyBindings(tree, sources, problems);
  const known = jsonSchemaOf(schema);
  const add = ({ path, message }: SettingsIssue): void => {
    const dotted = path.join(".");
    const variable = given.get(dotted) ?? given.get(path.slice(0, -1).join("."));
    const place = variable === undefined ? dotted : `${variable} (${dotted})`;
    if (!problems.some((one) => one.path === place && one.message === message))
      problems.push({ path: place, message });
  };
  for (const path of maskedPaths(schema, tree)) add({ path, message: IS_MASKED });
  const parsed = schema.safeParse(tree, { error: plainWords });
  if (!parsed.success) {
    issuesOf(parsed.error, known, tree).forEach(add);
    const { tree: corrected, original } = sources.corrected?.(tree) ?? { tree, original: (path) => path };
    const again = corrected === tree ? parsed : schema.safeParse(corrected, { error: plainWords });
    for (const { path, message } of again.success ? [] : issuesOf(again.error, known, corrected))
      add({ path: original(path), message });
  }
  const isRight = problems.length === 0 && parsed.success;
  return {
    settings: isRight ? parsed.data : null,
    problems: problems.map((one) => withPlace(one, file)),
    tree,
  };
}

const IS_MASKED =
  "is masked, as in a log or in settings that were printed; write the secret itself, or ${NAME} for an environment variable";

/** Puts what the environment says into the tree; returns the names of the variables by the path of the setting. */
function applyBindings(tree: Tree, sources: SettingsSources, problems: Problem[]): Map<string, string> {
  const given = new Map<string, string>();
  for (const binding of sources.bindings) {
    try {
      const text = readVariable(binding.name, sources);
      if (text === undefined) continue;
      if (binding.instead !== undefined && hasPath(tree, binding.instead)) {
        const message = `is set although the file has ${binding.instead.join(".")}; use one of them`;
        problems.push({ path: binding.name, message });
        continue;
      }
      const converted = convert(text, binding.as);
      if (Array.isArray(converted) && converted.length === 0)
        throw new Error("holds no entry, only commas or spaces; give one, or leave the variable unset");
      setPath(tree, binding.path, converted);
      for (const { path, value } of binding.also ?? []) setPath(tree, path, value);
      given.set(binding.path.join("."), binding.name);
    } catch (error) {
      problems.push({ path: binding.name, message: messageOf(error) });
    }
  }
  return given;
}

/** What came from a variable has no place in the file: its path begins with the variable's name. */
function withPlace(problem: Problem, { placeOf }: ParsedFile): Problem {
  const place = placeOf(problem.path.split("."));
  return place === null ? problem : { ...problem, place };
}
