/**
 * Attributes of a hook: which a version knows, which values it takes, what a change wipes, and what is shown. What GitLab hides
 * (token, signing token, values of headers and variables) never leaves through here.
 */
import { subscribable } from "../../lib/events.ts";
import { decodeSigningToken } from "../../lib/signature.ts";
import type { Hook, HookLevel } from "./hook.ts";
import { hasFlag, interpolate, setFlag } from "./hook.ts";
import { alertStatus } from "./auto-disable.ts";
import { invalid, isoTime } from "./http.ts";
import { atLeast } from "./options.ts";
import { validBranchFilter } from "./branch-filter.ts";
import { urlAllowed } from "./outbound.ts";
import type { Json } from "./params.ts";
import { booleanOf, isObject, textOf } from "./params.ts";
import type { World } from "./world.ts";

/** Name of a custom header or of a URL variable. */
const KEY = /^[A-Za-z]+[0-9]*(?:[._-][A-Za-z0-9]+)*$/;
const MAX_HEADERS = 20;
const MAX_TEMPLATE = 4096;
const MAX_TEXT = 8192;

const knownFlags = new Map<string, readonly string[]>();

/** Flags that hooks of this level have in this version. */
export function flagsOf(world: World, level: HookLevel): readonly string[] {
  const key = `${level} ${world.settings.version.join(".")}`;
  const known = knownFlags.get(key);
  if (known) return known;
  const flags = subscribable(level)
    .filter((row) => atLeast(world.settings.version, row.since))
    .map((row) => row.flag);
  knownFlags.set(key, flags);
  return flags;
}

export interface HookInput {
  readonly texts: ReadonlyMap<string, string | null>;
  readonly flags: ReadonlyMap<string, boolean>;
  readonly sslVerification: boolean | undefined;
  readonly urlVariables: ReadonlyMap<string, string> | null;
  readonly customHeaders: ReadonlyMap<string, string> | null;
  /** Nothing that the API knows was sent. */
  readonly empty: boolean;
}

/** Reads the parameters that this version knows and ignores all others. Throws 400 for a wrong type. */
export function readHookInput(world: World, level: HookLevel, params: Json): HookInput {
  const texts = new Map<string, string | null>();
  for (const name of textFields(world)) if (name in params) texts.set(name, textOf(params[name]));
  const strategy = texts.get("branch_filter_strategy");
  if (strategy && !["wildcard", "regex", "all_branches"].includes(strategy)) {
    throw invalid(400, "branch_filter_strategy does not have a valid value");
  }
  const flags = new Map<string, boolean>();
  for (const flag of flagsOf(world, level)) {
    const value = booleanOf(params[flag]);
    if (value === "invalid") throw invalid(400, `${flag} is invalid`);
    if (value !== undefined && value !== null) flags.set(flag, value);
  }
  const ssl = booleanOf(params["enable_ssl_verification"]);
  if (ssl === "invalid") throw invalid(400, "enable_ssl_verification is invalid");
  const urlVariables = world.since(15, 2) ? pairs(params, "url_variables") : null;
  const customHeaders = world.since(17, 1) ? pairs(params, "custom_headers") : null;
  return {
    texts,
    flags,
    sslVerification: ssl ?? undefined,
    urlVariables,
    customHeaders,
    empty: texts.size + flags.size === 0 && ssl === undefined && !urlVariables?.size && !customHeaders?.size,
  };
}

function textFields(world: World): string[] {
  const fields = ["url", "token", "push_events_branch_filter"];
  if (world.since(15, 2)) fields.push("branch_filter_strategy");
  if (world.since(16, 10)) fields.push("custom_webhook_template");
  if (world.since(17, 1)) fields.push("name", "description");
  if (world.since(19, 0) && world.settings.signingTokens) fields.push("signing_token");
  return fields;
}

function pairs(params: Json, name: string): Map<string, string> | null {
  const list = params[name];
  if (list === undefined || list === null || list === "") return null;
  if (!Array.isArray(list)) throw invalid(400, `${name} is invalid`);
  const result = new Map<string, string>();
  list.forEach((entry: unknown, index) => {
    if (!isObject(entry)) throw invalid(400, `${name}[${index}] is invalid`);
    for (const part of ["key", "value"]) {
      if (textOf(entry[part]) === null) throw invalid(400, `${name}[${index}][${part}] is missing`);
    }
    result.set(textOf(entry["key"]) ?? "", textOf(entry["value"]) ?? "");
  });
  return result;
}

/**
 * Applies the input to the hook, with everything that GitLab wipes on a change of the URL: the token unless it comes along, and
 * the custom headers even when they do.
 * @param updating false: the hook is being made
 */
export function assign(hook: Hook, input: HookInput, updating: boolean): void {
  const before = interpolate(hook.url, hook.urlVariables);
  const urlBefore = hook.url;
  const variablesBefore = hook.urlVariables;
  const { texts } = input;
  hook.url = texts.get("url") ?? hook.url;
  if (input.urlVariables?.size) hook.urlVariables = merged(hook.urlVariables, input.urlVariables);
  if (input.customHeaders?.size) hook.customHeaders = merged(hook.customHeaders, input.customHeaders);
  for (const [flag, value] of input.flags) setFlag(hook, flag, value);
  hook.sslVerification = input.sslVerification ?? hook.sslVerification;
  if (texts.has("name")) hook.name = texts.get("name") ?? null;
  if (texts.has("description")) hook.description = texts.get("description") ?? null;
  if (texts.has("token")) hook.token = texts.get("token") ?? null;
  if (texts.has("signing_token")) hook.signingToken = texts.get("signing_token") ?? null;
  if (texts.has("push_events_branch_filter"))
    hook.branchFilter = texts.get("push_events_branch_filter") ?? null;
  if (texts.has("custom_webhook_template")) hook.template = texts.get("custom_webhook_template") ?? null;
  const strategy = texts.get("branch_filter_strategy");
  if (strategy) hook.branchFilterStrategy = strategy as Hook["branchFilterStrategy"];
  if (hook.branchFilterStrategy === "all_branches") hook.branchFilter = null;
  if (!updating) return;
  if (hook.url !== urlBefore && !texts.has("token")) hook.token = null;
  wipeVariables(hook, urlBefore, variablesBefore, before);
  if (interpolate(hook.url, hook.urlVariables) !== before) hook.customHeaders = null;
}

function wipeVariables(
  hook: Hook,
  urlBefore: string,
  variablesBefore: ReadonlyMap<string, string> | null,
  before: string | null,
): void {
  if (!variablesBefore?.size || interpolate(hook.url, hook.urlVariables) === before) return;
  if (hook.url === urlBefore) return;
  if ([...variablesBefore.keys()].some((key) => hook.urlVariables?.has(key))) hook.urlVariables = null;
}

function merged(
  known: ReadonlyMap<string, string> | null,
  added: ReadonlyMap<string, string>,
): Map<string, string> {
  return new Map([...(known ?? []), ...added]);
}

/** Throws the 422 that GitLab answers for the first thing that is wrong with the hook. */
export function validate(world: World, hook: Hook, updating: boolean): void {
  const called = interpolate(hook.url, hook.urlVariables);
  if (hook.url.length > MAX_TEXT || called === null || !urlAllowed(world, called)) {
    throw invalid(422, "Invalid url given");
  }
  if (!validBranchFilter(hook)) throw invalid(422, "Invalid branch filter given");
  if (!validHeaders(hook.customHeaders)) {
    throw invalid(
      422,
      updating ? "Custom headers validation failed" : "Custom headers must be a valid json schema",
    );
  }
  const problems: string[] = [];
  if (hook.token?.includes("\n")) problems.push("Token is invalid");
  if ((hook.token?.length ?? 0) > MAX_TEXT) problems.push("Token is too long (maximum is 8192 characters)");
  if (hook.signingToken !== null && decodeSigningToken(hook.signingToken)?.length !== 32) {
    problems.push("Signing token is invalid");
  }
  if ((hook.template?.length ?? 0) > MAX_TEMPLATE) {
    problems.push("Custom webhook template is too long (maximum is 4096 characters)");
  }
  if ((hook.name?.length ?? 0) > 255) problems.push("Name is too long (maximum is 255 characters)");
  if ((hook.description?.length ?? 0) > 2048)
    problems.push("Description is too long (maximum is 2048 characters)");
  if (![...(hook.urlVariables ?? [])].every(([key, value]) => validPair(key, value))) {
    problems.push("Url variables must be a valid json schema");
  }
  if (problems.length > 0) throw invalid(422, problems.join(", "));
}

function validHeaders(headers: ReadonlyMap<string, string> | null): boolean {
  if (headers === null) return true;
  return headers.size <= MAX_HEADERS && [...headers].every(([key, value]) => validPair(key, value));
}

function validPair(key: string, value: string): boolean {
  return KEY.test(key) && key.length <= 255 && value.length > 0 && value.length <= 2048;
}

/** Whether a key and value may stand alone in `/custom_headers/:key` or `/url_variables/:key`. */
export function acceptablePair(key: string, value: string | null): value is string {
  return value !== null && validPair(key, value);
}

/** @param single false: as in a list, which leaves out the names of headers and variables */
export function hookEntity(world: World, hook: Hook, single: boolean): Json {
  const entity: Json = { id: hook.id, url: hook.url };
  if (world.since(17, 1)) {
    entity["name"] = hook.name;
    entity["description"] = hook.description;
  }
  entity["created_at"] = isoTime(hook.createdAt);
  for (const flag of flagsOf(world, hook.level)) entity[flag] = hasFlag(hook, flag);
  if ("confidential_note_events" in entity && hook.confidentialNotesUnset)
    entity["confidential_note_events"] = null;
  entity["repository_update_events"] = hasFlag(hook, "repository_update_events");
  entity["enable_ssl_verification"] = hook.sslVerification;
  const alert = alertStatus(world, hook);
  entity["alert_status"] = alert;
  entity["disabled_until"] = isoTime(alert === "temporarily_disabled" ? hook.disabledUntil : null);
  entity["push_events_branch_filter"] = hook.branchFilter;
  if (world.since(15, 2)) entity["branch_filter_strategy"] = hook.branchFilterStrategy;
  if (world.since(16, 10)) entity["custom_webhook_template"] = hook.template;
  if (world.since(19, 0)) {
    entity["token_present"] = (hook.token ?? "") !== "";
    if (world.settings.signingTokens) entity["signing_token_present"] = (hook.signingToken ?? "") !== "";
  }
  if (hook.level === "project") entity["project_id"] = hook.parentId;
  if (hook.level === "group") entity["group_id"] = hook.parentId;
  if (single) {
    if (world.since(15, 2)) entity["url_variables"] = names(hook.urlVariables);
    if (world.since(17, 1)) entity["custom_headers"] = names(hook.customHeaders);
  }
  return entity;
}

function names(map: ReadonlyMap<string, string> | null): { key: string }[] {
  return [...(map?.keys() ?? [])].map((key) => ({ key }));
}
