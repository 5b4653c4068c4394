/**
 * Secrets among settings: fields that the schema marks, user info of any URL, and query parameters of a URL that look like one. What
 * is shown has them masked, what is logged is masked by their values, and a mask in their place is found.
 */
import type { z } from "zod";
import { own } from "./json.ts";
import { MASK } from "./log.ts";
import { jsonSchemaOf, type JsonSchema } from "./settings-schema.ts";

/** Called with each secret and its path; what it returns takes its place. */
type Visit = (secret: string, path: readonly string[]) => string;

/** The settings as they may be shown. */
export function maskedSettings(schema: z.ZodType, settings: unknown): unknown {
  return walk(settings, [jsonSchemaOf(schema)], [], () => MASK);
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
  walk(settings, [jsonSchemaOf(schema)], [], (secret) => {
    found.add(secret).add(decoded(secret));
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

/** Each secret with its path. */
export function secretPlaces(
  schema: z.ZodType,
  settings: unknown,
): { readonly path: readonly string[]; readonly secret: string }[] {
  const found: { readonly path: readonly string[]; readonly secret: string }[] = [];
  walk(settings, [jsonSchemaOf(schema)], [], (secret, path) => {
    found.push({ path, secret });
    return secret;
  });
  return found;
}

/** Paths at which a mask stands in place of a secret, as one copies it from a log or from settings that were shown. */
export function maskedPaths(schema: z.ZodType, settings: unknown): (readonly string[])[] {
  return secretPlaces(schema, settings)
    .filter(({ secret }) => secret.split(",").some((item) => MASKED_VALUE.test(item.trim())))
    .map(({ path }) => path);
}

/** Alone, behind the scheme of a header, or as the password of a user. GitLab's job logs have the second form. */
const MASKED_VALUE = /^(?:[A-Za-z]+ +|[^:]*:)?(?:\*{3,}|\[MASKED\])$/;

type Tree = Record<string, unknown>;

function isTree(value: unknown): value is Tree {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A copy of the value in which each secret is what `visit` makes of it. */
function walk(
  value: unknown,
  schemas: readonly JsonSchema[],
  path: readonly string[],
  visit: Visit,
): unknown {
  const all = schemas.flatMap(alternatives);
  if (all.some((schema) => schema.secret === true)) return leaves(value, path, visit);
  if (Array.isArray(value)) {
    const items = all.flatMap(({ items: one }) => (one === undefined ? [] : [one]));
    return value.map((item, index) => walk(item, items, [...path, String(index)], visit));
  }
  if (isTree(value)) {
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => {
        const found = all.map((schema) => schemaOfKey(schema, key)).filter((schema) => schema !== undefined);
        return [key, walk(inner, found, [...path, key], visit)];
      }),
    );
  }
  return typeof value === "string" ? secretsOfUrl(value, path, visit) : value;
}

function alternatives(schema: JsonSchema): JsonSchema[] {
  return [schema, ...[...(schema.anyOf ?? []), ...(schema.oneOf ?? [])].flatMap(alternatives)];
}

function schemaOfKey({ properties, additionalProperties }: JsonSchema, key: string): JsonSchema | undefined {
  const named = properties === undefined ? undefined : own(properties, key);
  return named ?? (isTree(additionalProperties) ? (additionalProperties as JsonSchema) : undefined);
}

function leaves(value: unknown, path: readonly string[], visit: Visit): unknown {
  if (typeof value === "string") return value === "" ? value : visit(value, path);
  if (Array.isArray(value)) return value.map((item, index) => leaves(item, [...path, String(index)], visit));
  if (!isTree(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, leaves(inner, [...path, key], visit)]),
  );
}

const USER_INFO = /^([a-z][a-z0-9+.-]*:\/\/)([^/?#\s]*)@(.*)$/is;
const QUERY = /^([a-z][a-z0-9+.-]*:\/\/[^?#\s]*\?)([^#]*)(.*)$/is;
const SECRET_NAME = /token|secret|key|pass|pwd|auth|sig|cred|code|session|sas/i;
/** Shorter values are words; longer ones with digits among the letters were made by a machine. */
const MADE_VALUE = /^(?=.*\d)(?=.*[a-z])[\w.~%+/=-]{16,}$/i;

/** Masking these in log lines would hide nothing and tear the lines apart. */
const PLAIN_VALUE = /^(?:|true|false|yes|no|on|off|none|null|\d{1,7})$/i;

/** User info in any URL is a credential, whatever the field; so are parameters by their name or their look. */
function secretsOfUrl(text: string, path: readonly string[], visit: Visit): string {
  const [, scheme = "", userInfo, rest = ""] = USER_INFO.exec(text) ?? [];
  const plain =
    userInfo === undefined || userInfo === "" ? text : `${scheme}${visit(userInfo, path)}@${rest}`;
  const [, address = "", query, fragment = ""] = QUERY.exec(plain) ?? [];
  if (query === undefined) return plain;
  const parameters = query.split("&").map((parameter) => {
    const [name = "", ...values] = parameter.split("=");
    const value = values.join("=");
    const isSecret = (SECRET_NAME.test(name) && !PLAIN_VALUE.test(value)) || MADE_VALUE.test(value);
    return isSecret ? `${name}=${visit(value, path)}` : parameter;
  });
  return `${address}${parameters.join("&")}${fragment}`;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
