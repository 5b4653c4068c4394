/** What is wrong with a setting, in plain words. No text holds a value: it may be a secret. */
import { closestMatch } from "leven";
import type { z } from "zod";
import { namesAt, type JsonSchema } from "./settings-schema.ts";

/** One thing that is wrong, and where. */
export interface SettingsIssue {
  readonly path: readonly string[];
  readonly message: string;
}

type RawIssue = Parameters<z.core.$ZodErrorMap>[0];

const TYPES: ReadonlyMap<string, string> = new Map([
  ["string", "a text"],
  ["number", "a number"],
  ["int", "a whole number"],
  ["boolean", "true or false (a boolean)"],
  ["array", "a list"],
  ["object", "a mapping of names to values"],
  ["record", "a mapping of names to values"],
]);

const FORMATS: ReadonlyMap<string, string> = new Map([
  ["url", "must be a URL, such as https://host.example/path"],
  ["regex", "is not in the form that is expected here"],
]);

/** For messages that the schema leaves to zod. */
export function plainWords(issue: RawIssue): string | undefined {
  switch (issue.code) {
    case "invalid_type": {
      const wanted = TYPES.get(issue.expected);
      if (wanted === undefined) return undefined;
      return issue.input === undefined
        ? `is missing; it must be ${wanted}`
        : `must be ${wanted}, not ${kindOf(issue.input)}`;
    }
    case "invalid_value": {
      const values = issue.values.map(String);
      const near = typeof issue.input === "string" ? nearest(issue.input, values) : null;
      const said = values.length === 1 ? `must be ${values[0]}` : `must be one of ${values.join(", ")}`;
      return near === null ? said : `${said}; did you mean "${near}"?`;
    }
    case "too_small":
      return bound(issue.origin, Number(issue.minimum), issue.inclusive === false ? "more than" : "at least");
    case "too_big":
      return bound(issue.origin, Number(issue.maximum), issue.inclusive === false ? "less than" : "at most");
    case "invalid_format":
      return FORMATS.get(issue.format);
    default:
      return undefined;
  }
}

function bound(origin: string, limit: number, relation: string): string | undefined {
  if (origin === "string")
    return limit === 1 && relation === "at least"
      ? "must not be empty"
      : `must have ${relation} ${limit} characters`;
  if (origin === "array" || origin === "set")
    return `must have ${relation} ${limit} ${limit === 1 ? "entry" : "entries"}`;
  return origin === "number" || origin === "int" ? `must be ${relation} ${limit}` : undefined;
}

function kindOf(value: unknown): string {
  if (value === null) return "empty";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a mapping";
  return TYPES.get(typeof value) ?? typeof value;
}

/** Every issue of a schema on a line of its own; an unknown name comes with the nearest known one. */
export function issuesOf(error: z.ZodError, schema: JsonSchema, settings: unknown): SettingsIssue[] {
  const flat = (issue: z.core.$ZodIssue, base: readonly string[]): SettingsIssue[] => {
    const path = [...base, ...issue.path.map(String)];
    if (issue.code === "unrecognized_keys")
      return issue.keys.map((key) => ({
        path: [...path, key],
        message: unknownName(key, namesAt(schema, settings, path)),
      }));
    if (issue.code === "invalid_key")
      return [{ path, message: issue.issues.map(({ message }) => message).join("; ") }];
    if (issue.code !== "invalid_union") return [{ path, message: issue.message }];
    const { discriminator } = issue as { readonly discriminator?: string };
    if (discriminator !== undefined) return [{ path, message: unionWords(schema, settings, path) }];
    // The schema's own words come first.
    if (issue.message !== "Invalid input") return [{ path, message: issue.message }];
    const branch = bestBranch(issue.errors);
    return branch === null
      ? [{ path, message: "has a value of the wrong type" }]
      : branch.flatMap((inner) => flat(inner, path));
  };
  return error.issues.flatMap((issue) => flat(issue, []));
}

/** The branch of a union that the value was meant for: the one that does not refuse its type. Null: none. */
function bestBranch(branches: readonly (readonly z.core.$ZodIssue[])[]): readonly z.core.$ZodIssue[] | null {
  const isOfOtherType = (issue: z.core.$ZodIssue): boolean =>
    issue.code === "invalid_type" && issue.path.length === 0;
  return branches.find((branch) => branch.length > 0 && !branch.some(isOfOtherType)) ?? null;
}

/** @param path of the discriminator, such as `targets.bot.type` */
function unionWords(schema: JsonSchema, settings: unknown, path: readonly string[]): string {
  const values = constantsAt(schema, path);
  let value = settings;
  for (const part of path)
    value = typeof value === "object" && value !== null ? Reflect.get(value, part) : undefined;
  const near = typeof value === "string" ? nearest(value, values) : null;
  const said = `${value === undefined ? "is missing; it " : ""}must be one of ${values.join(", ")}`;
  return near === null ? said : `${said}; did you mean "${near}"?`;
}

/** The constants that may stand at a path, whatever else is chosen. */
function constantsAt(schema: JsonSchema, path: readonly string[]): string[] {
  const all = (one: JsonSchema): JsonSchema[] => [
    one,
    ...[...(one.anyOf ?? []), ...(one.oneOf ?? [])].flatMap(all),
  ];
  let schemas = all(schema);
  for (const part of path)
    schemas = schemas.flatMap(({ properties = {}, additionalProperties, items }) => {
      const inner =
        (Object.hasOwn(properties, part) ? properties[part] : undefined) ?? items ?? additionalProperties;
      return typeof inner === "object" ? all(inner) : [];
    });
  return schemas.flatMap(({ const: constant }) => (typeof constant === "string" ? [constant] : []));
}

function unknownName(name: string, known: readonly string[]): string {
  const near = nearest(name, known);
  if (near !== null) return `is not a setting; did you mean "${near}"?`;
  return known.length === 0 ? "is not a setting" : `is not a setting; known here are ${known.join(", ")}`;
}

/** The known name that is meant: the same but for case and dashes, else one that differs in few letters. Null: none. */
export function nearest(name: string, known: readonly string[]): string | null {
  const plain = (text: string): string => text.toLowerCase().replace(/[-_\s]/g, "");
  const same = known.find((one) => plain(one) === plain(name));
  // Two letters that changed places count as two.
  const maxDistance = name.length < 4 ? 1 : Math.max(2, Math.floor(name.length / 3));
  return same ?? closestMatch(name, known, { maxDistance }) ?? null;
}
