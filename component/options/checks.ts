/** What the values of single options have to be, beyond their type. Pure; a value that may be a secret is never quoted. */
import { closestMatch } from "leven";
import type { z } from "zod";
import { eventByName, subscribable } from "../../lib/events.ts";
import { globProblem } from "../../lib/glob.ts";

function refuse(context: z.RefinementCtx, message: string): void {
  context.addIssue({ code: "custom", message });
}

function addressProblem(text: string): string | null {
  const parsed = URL.canParse(text) ? new URL(text) : null;
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) return "must be an http or https URL";
  if (parsed.username !== "" || parsed.password !== "") {
    return "must not hold credentials: the address shows in reports and in every project's settings";
  }
  if (parsed.hostname.includes("$"))
    return "must not have the name of a variable as its host: the job does not have it";
  return parsed.hash === "" ? null : "must not have a fragment";
}

/** An http or https address without credentials and fragment. */
export function webUrl(text: string, context: z.RefinementCtx): void {
  const problem = addressProblem(text);
  if (problem !== null) refuse(context, problem);
}

/** The same without a query. */
export function gitlabAddress(text: string, context: z.RefinementCtx): void {
  const problem =
    addressProblem(text) ??
    (new URL(text).search === "" ? null : "must not have a query: it is the address of GitLab alone");
  if (problem !== null) refuse(context, problem);
}

/** The address of the instance, where somebody gave that of its API: without `/api/v4` and slashes at the end. */
export function withoutApiPath(text: string): string {
  const bare = withoutSlashesAtEnd(text.trim());
  return /\/api\/v4$/i.test(bare) ? withoutSlashesAtEnd(bare.slice(0, -"/api/v4".length)) : bare;
}

function withoutSlashesAtEnd(text: string): string {
  let end = text.length;
  while (text[end - 1] === "/") end--;
  return text.slice(0, end);
}

/** A path as GitLab shows it: `/acme/team-1/`, `acme%2Fteam-1` and `acme/team-1` are the same. */
export function plainPath(text: string): string {
  const trimmed = text.trim();
  const decoded = /%2f/i.test(trimmed) ? trimmed.replace(/%2f/gi, "/") : trimmed;
  const parts = decoded.split("/").filter((part) => part !== "");
  return URL.canParse(trimmed) && /^https?:/i.test(trimmed) ? trimmed : parts.join("/");
}

/** Globs of project paths, perhaps behind `!`. */
export function projectGlobs(texts: readonly string[], context: z.RefinementCtx): void {
  for (const text of texts) {
    const problem = globProblem(text.replace(/^!(?!\()/, ""));
    if (problem !== null) refuse(context, `${JSON.stringify(text)}: ${problem}`);
  }
}

/** A group's full path or id; somebody who pasted an address is told the path in it. */
export function groupPath(text: string, context: z.RefinementCtx): void {
  if (/^https?:\/\//i.test(text)) {
    const path = URL.canParse(text) ? new URL(text).pathname.replace(/^\/groups\//, "/").split("/-/")[0] : "";
    refuse(
      context,
      `must be the group's path or id, not an address: write ${JSON.stringify(plainPath(path ?? ""))}`,
    );
  } else if (/[\s?#]/.test(text)) {
    refuse(context, "must be the group's full path, such as acme/platform, or its id");
  }
}

/** The hook flag that a name stands for, null if no project or group hook has such an event. */
export function eventFlag(name: string): string | null {
  const row = eventByName(name);
  return row !== undefined && row.flag !== null && row.scopes.some((s) => s !== "system") ? row.flag : null;
}

function knownEvents(names: readonly string[], context: z.RefinementCtx): void {
  const unknown = names.filter((name) => name !== "all" && eventFlag(name) === null);
  if (unknown.length === 0) return;
  const known = ["all", ...subscribable("group").map((row) => row.kind), "deploy_token"];
  const texts = unknown.map((name) => {
    const nearest = closestMatch(name, known, { maxDistance: 3 });
    return JSON.stringify(name) + (nearest === undefined ? "" : ` (did you mean ${nearest}?)`);
  });
  refuse(context, `unknown event ${texts.join(", ")}; known: ${known.join(", ")}`);
}

/** The flag of a system hook that a name stands for; null if system hooks have no such event, or always send it. */
export function systemFlag(name: string): string | null {
  const row = eventByName(name);
  return row !== undefined && row.scopes.includes("system") ? row.flag : null;
}

/** Events that a system hook may leave to the hooks of groups and projects. */
export function systemEvents(names: readonly string[], context: z.RefinementCtx): void {
  const unknown = names.filter((name) => name !== "all" && systemFlag(name) === null);
  if (names.length > 0 && unknown.length === 0) return;
  const known = ["all", ...subscribable("system").map((row) => row.kind)].join(", ");
  const wrong = unknown.map((name) => JSON.stringify(name)).join(", ");
  refuse(
    context,
    names.length === 0
      ? `must name at least one of ${known}`
      : `system hooks have no choice of ${wrong}; known: ${known}`,
  );
}

export function someEvent(names: readonly string[], context: z.RefinementCtx): void {
  if (names.length === 0) refuse(context, "must name at least one event");
  knownEvents(names, context);
}

/** A span of time, or a date that exists. */
export function validDate(text: string, context: z.RefinementCtx): void {
  if (!/[smhd]$/.test(text) && Number.isNaN(Date.parse(text))) refuse(context, "is no date");
}

const HEADER_NAME = /^[A-Za-z](?:[A-Za-z0-9]|[._-](?=[A-Za-z0-9])){0,254}$/;
const MOST_HEADERS = 20;
/** Line ends and other control characters would end the header, and with it the request's head. */
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u0008\u000a-\u001f\u007f]/;

/** Headers that tell deliveries apart or prove where they come from. */
const GITLABS_OWN = /^(x-gitlab-|webhook-(id|timestamp|signature)$|idempotency-key$)/i;

function headerProblem(name: string, value: string): string | null {
  if (!HEADER_NAME.test(name)) {
    return "the name is no header's: a letter first, then letters, digits and single '.', '_' or '-' (at most 255)";
  }
  if (value === "") return "the value is missing";
  if (CONTROL.test(value)) return "the value holds a line break or another control character";
  if (name.toLowerCase() === "x-gitlab-token") {
    return "X-Gitlab-Token carries the hook's secret: set GITLAB_WEBHOOK_SECRET instead";
  }
  return GITLABS_OWN.test(name) ? `GitLab sets ${name} itself, and its own value wins` : null;
}

/** `Name: value` lines -> headers. A value is never quoted in a problem. */
export function headers(
  lines: readonly string[],
  context: z.RefinementCtx,
): Readonly<Record<string, string>> {
  const result: Record<string, string> = {};
  const names = new Set<string>();
  if (lines.length > MOST_HEADERS) refuse(context, `at most ${MOST_HEADERS} headers, not ${lines.length}`);
  lines.forEach((line, index) => {
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(0, colon)).trim();
    const value = line.slice(colon + 1).trim();
    const problem =
      colon < 0
        ? 'expected "Name: value"; a value with commas needs a JSON array or object'
        : headerProblem(name, value);
    if (problem !== null) refuse(context, `item ${index + 1} is no header: ${problem}`);
    else if (names.has(name.toLowerCase())) refuse(context, `item ${index + 1} is the second header ${name}`);
    names.add(name.toLowerCase());
    result[name] = value;
  });
  return result;
}
