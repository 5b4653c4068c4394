/**
 * Settings of a program: one zod schema, filled from a YAML file and the environment, every problem reported at once.
 *
 * The environment wins over the file. Each variable NAME may also be given as NAME_FILE, the path of a file that holds the
 * value. Strings of the file may hold `${NAME}`, which stands for that variable (or its _FILE form).
 */
import { LineCounter, parseDocument } from "yaml";
import { z } from "zod";
import { ConfigError, messageOf, type Problem } from "./errors.ts";
import { own } from "./json.ts";
import { MASK } from "./log.ts";

export type Env = Readonly<Record<string, string | undefined>>;

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

export interface SettingsSources {
  /** Text and name of the YAML file; null where there is none. */
  readonly file: { readonly path: string; readonly text: string } | null;
  readonly env: Env;
  readonly bindings: readonly EnvBinding[];
  /** Reads the file that a NAME_FILE variable names; throws where it cannot. */
  readonly readFile: (path: string) => string;
}

/** The value of NAME, or of the file that NAME_FILE names; undefined where neither is set. */
export function readVariable(
  name: string,
  sources: Pick<SettingsSources, "env" | "readFile">,
): string | undefined {
  const direct = sources.env[name];
  const file = sources.env[`${name}_FILE`];
  if (file === undefined || file === "") return direct === "" ? undefined : direct;
  if (direct !== undefined && direct !== "") throw new Error(`set either ${name} or ${name}_FILE, not both`);
  try {
    const text = sources.readFile(file).replace(/\r?\n$/, "");
    return text === "" ? undefined : text;
  } catch (error) {
    throw new Error(`cannot read ${name}_FILE "${file}": ${messageOf(error)}`, { cause: error });
  }
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

function parseFile(file: { path: string; text: string }, problems: Problem[]): Tree {
  const lines = new LineCounter();
  const document = parseDocument(file.text, { lineCounter: lines, prettyErrors: false });
  for (const error of document.errors) {
    const at = lines.linePos(error.pos[0]);
    problems.push({ path: `${file.path}:${at.line}:${at.col}`, message: error.message });
  }
  if (problems.length > 0) return {};
  try {
    const content: unknown = document.toJS({ maxAliasCount: 100 });
    if (content === null || content === undefined) return {};
    if (isTree(content)) return content;
    problems.push({ path: file.path, message: "must be a mapping of settings" });
  } catch (error) {
    problems.push({ path: file.path, message: messageOf(error) });
  }
  return {};
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

function issueProblems(error: z.ZodError, given: ReadonlyMap<string, string>): Problem[] {
  return error.issues.map((issue) => {
    const path = issue.path.map(String).join(".");
    const variable = given.get(path) ?? given.get(issue.path.slice(0, -1).map(String).join("."));
    return { path: variable === undefined ? path : `${variable} (${path})`, message: issue.message };
  });
}

/**
 * Builds the settings, or throws a ConfigError that lists every problem with its path.
 * A value is never part of a problem's text: it may be a secret.
 */
export function loadSettings<S extends z.ZodType>(schema: S, sources: SettingsSources): z.output<S> {
  const problems: Problem[] = [];
  const raw = sources.file === null ? {} : parseFile(sources.file, problems);
  const tree = interpolate(raw, "", sources, problems) as Tree;
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
      setPath(tree, binding.path, convert(text, binding.as));
      for (const { path, value } of binding.also ?? []) setPath(tree, path, value);
      given.set(binding.path.join("."), binding.name);
    } catch (error) {
      problems.push({ path: binding.name, message: messageOf(error) });
    }
  }
  const parsed = schema.safeParse(tree);
  if (!parsed.success) problems.push(...issueProblems(parsed.error, given));
  if (problems.length > 0 || !parsed.success) throw new ConfigError(problems);
  return parsed.data;
}

export interface JsonSchema {
  readonly [key: string]: unknown;
  readonly type?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly secret?: boolean;
  readonly description?: string;
}

/** JSON Schema of what a user may write. */
export function jsonSchemaOf(schema: z.ZodType): JsonSchema {
  return z.toJSONSchema(schema, { io: "input" }) as JsonSchema;
}

function walkSecrets(
  value: unknown,
  schemas: readonly JsonSchema[],
  visit: (secret: string) => string,
): unknown {
  const all = schemas.flatMap((s) => [s, ...(s.anyOf ?? []), ...(s.oneOf ?? [])]);
  if (all.some((s) => s.secret === true)) return maskLeaves(value, visit);
  if (Array.isArray(value)) {
    const items = all.flatMap((s) => (s.items ? [s.items] : []));
    return value.map((v) => walkSecrets(v, items, visit));
  }
  if (isTree(value)) {
    return Object.fromEntries(
      Object.entries(value).map(([key, v]) => {
        const inner = all.flatMap((s) => {
          const named = s.properties === undefined ? undefined : own(s.properties, key);
          if (named) return [named];
          return isTree(s.additionalProperties) ? [s.additionalProperties as JsonSchema] : [];
        });
        return [key, walkSecrets(v, inner, visit)];
      }),
    );
  }
  return typeof value === "string" ? maskUserInfo(value, visit) : value;
}

function maskLeaves(value: unknown, visit: (secret: string) => string): unknown {
  if (typeof value === "string") return value === "" ? value : visit(value);
  if (Array.isArray(value)) return value.map((v) => maskLeaves(v, visit));
  if (isTree(value))
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, maskLeaves(v, visit)]));
  return value;
}

const USER_INFO = /^([a-z][a-z0-9+.-]*:\/\/)([^/?#\s]*)@(.*)$/is;

/** User info in any URL is a credential, whatever the field. */
function maskUserInfo(text: string, visit: (secret: string) => string): string {
  const match = USER_INFO.exec(text);
  return match === null ? text : `${match[1]}${visit(match[2] as string)}@${match[3]}`;
}

/** The settings as they may be shown: values of fields marked `secret` and user info of URLs masked. */
export function maskedSettings(schema: z.ZodType, settings: unknown): unknown {
  return walkSecrets(settings, [jsonSchemaOf(schema)], () => MASK);
}

/**
 * Every secret value of the settings, for the log to mask, with the parts of it that may turn up alone: items of a list, what
 * follows the scheme of an Authorization header, user info of a URL and its password, as written and decoded.
 */
export function secretValues(schema: z.ZodType, settings: unknown): string[] {
  const found = new Set<string>();
  const addUserInfo = (userInfo: string): void => {
    const colon = userInfo.indexOf(":");
    for (const part of [userInfo, colon < 0 ? userInfo : userInfo.slice(colon + 1)]) {
      found.add(part).add(decoded(part));
    }
  };
  walkSecrets(settings, [jsonSchemaOf(schema)], (secret) => {
    found.add(secret);
    for (const item of secret.split(",")) found.add(item.trim());
    const credentials = /^[A-Za-z]+ +(\S.*)$/.exec(secret)?.[1];
    if (credentials !== undefined) found.add(credentials);
    const inUrl = USER_INFO.exec(secret)?.[2];
    if (inUrl !== undefined) addUserInfo(inUrl);
    else if (secret.includes(":")) addUserInfo(secret);
    return MASK;
  });
  found.delete("");
  return [...found];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
