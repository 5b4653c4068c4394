/** Parameters of lists: from the text of a URL to a filter, or a refusal that names the parameter. */
import { ID_LENGTH, parseId } from "../../event/event-id.ts";
import { nearestEventName } from "../../../lib/event-spelling.ts";
import { eventByName, KNOWN_EVENT_NAMES } from "../../../lib/events.ts";
import { globProblem } from "../../../lib/glob.ts";
import { spanMs, timeMs } from "../../../lib/time-text.ts";
import { actionSpelling } from "../../routing/spelling.ts";
import type { EventFilter, EventState, OneOrMore } from "../../queue/queue.ts";
import { RefusalError } from "./answer.ts";

const wrongAction = actionSpelling({ hasStatus: true });

export const DEFAULT_LIMIT = 50;
export const MAX_LIMIT = 500;
export const MAX_TEXT = 500;

export const EVENT_STATES: readonly EventState[] = [
  "unrouted",
  "waiting",
  "sending",
  "done",
  "dead",
  "unmatched",
];

/** The parameters that a list of events knows, by their names in the URL. */
export const FILTER_NAMES = [
  "state",
  "target",
  "status",
  "project",
  "kind",
  "instance",
  "action",
  "actor",
  "q",
  "range",
  "from",
  "to",
] as const;

/** Filters that list several values: with commas between them, or given several times. */
export const LIST_FILTERS: readonly string[] = ["state", "status", "project", "kind", "instance"];

/** Times that a range such as "the last hour" is measured from, wall clock. */
export interface Moment {
  readonly now: number;
  /** Start of the relay. */
  readonly startedAt: number;
}

/** The ranges that have a name, in the order in which they are offered. */
export const RANGES: ReadonlyMap<string, string> = new Map([
  ["15m", "last 15 minutes"],
  ["1h", "last hour"],
  ["24h", "last 24 hours"],
  ["start", "since the last start"],
]);
/** Values that one parameter lists at most. */
const MAX_VALUES = 100;

export type Read = (name: string) => string | undefined;

/** A parameter that is given several times is one list. */
export function joined(value: string | readonly string[]): string {
  return typeof value === "string" ? value : value.filter((one) => one !== "").join(",");
}

/** The filter; empty parameters do not count, lists have commas between their values. Throws a RefusalError (400). */
export function parseFilter(read: Read, moment: Moment): EventFilter {
  const text = (name: string): string | undefined => {
    const value = read(name)?.trim();
    if (value === undefined || value === "") return undefined;
    if (value.length > MAX_TEXT) throw bad(`${name} is longer than ${MAX_TEXT} characters`);
    return value;
  };
  const listed = (name: string): readonly string[] => {
    const values = splitList(text(name) ?? "");
    if (values.length > MAX_VALUES) throw bad(`${name} lists more than ${MAX_VALUES} values`);
    return values;
  };
  const states = listed("state").map(parseState);
  return withoutUndefined({
    state: oneOrMore(states),
    target: text("target"),
    status: oneOrMore(listed("status").map(parseStatus)),
    project: oneOrMore(listed("project").map(parseProject)),
    kind: oneOrMore(listed("kind").flatMap(parseKind)),
    instance: oneOrMore(listed("instance")),
    action: parseAction(text("action")),
    actor: text("actor"),
    text: text("q"),
    ...parseTimes(text, moment),
  });
}

/** Values between commas; a comma within braces or brackets belongs to a glob. */
function splitList(text: string): string[] {
  return text
    .split(/,(?![^{]*\})(?![^(]*\))/)
    .map((value) => value.trim())
    .filter((value) => value !== "");
}

function oneOrMore<T extends string>(values: readonly T[]): OneOrMore<T> | undefined {
  return values.length > 1 ? values : values[0];
}

function parseState(state: string): EventState {
  if (!isState(state)) throw bad(`state must be one of ${EVENT_STATES.join(", ")}, not "${state}"`);
  return state;
}

/**
 * As the metadata calls it: a job is `build`, and `member` goes by what happened. GitLab may add kinds, and a template may make some
 * up, so that only what is nearly a known name is refused.
 */
function parseKind(kind: string): readonly string[] {
  const row = eventByName(kind);
  if (row !== undefined && KNOWN_EVENT_NAMES.has(kind)) {
    if ([...row.objectKinds, ...row.eventNames].includes(kind)) return [kind];
    return row.objectKinds.length > 0 ? row.objectKinds : row.eventNames;
  }
  const right = nearestEventName(kind);
  if (right !== null) throw bad(`there is no kind "${kind}"; did you mean ${right}?`);
  return [kind];
}

function parseAction(action: string | undefined): string | undefined {
  const problem = action === undefined ? null : wrongAction(action);
  if (problem !== null) throw bad(`action ${problem}`);
  return action;
}

function parseStatus(status: string): string {
  const wanted = status.toLowerCase();
  if (!/^(?:[1-5]\d\d|[1-5]xx|none)$/.test(wanted))
    throw bad(`status must be a status such as 422, a class such as 5xx, or none, not "${status}"`);
  return wanted;
}

/** A path always has a slash: a word without one, digits apart, is a part of it. */
function parseProject(project: string): string {
  const [, not = "", pattern = ""] = /^(!(?!\())?(.*)$/s.exec(project) ?? [];
  const problem = globProblem(pattern);
  if (problem !== null) throw bad(`project "${project}": ${problem}`);
  const isWhole = /^\d+$/.test(pattern) || pattern.includes("/") || pattern.startsWith("**");
  return isWhole ? project : `${not}**/*${pattern}*/**`;
}

/** `range` counts back from now; beside it, `from` and `to` make no sense. */
function parseTimes(
  text: (name: string) => string | undefined,
  { now, startedAt }: Moment,
): { readonly from?: number | undefined; readonly to?: number | undefined } {
  const range = text("range");
  const times = {
    from: parseTime("from", text("from"), "begin"),
    to: parseTime("to", text("to"), "end"),
  };
  if (range === undefined) return times;
  if (times.from !== undefined || times.to !== undefined) throw bad("give either range, or from and to");
  if (range === "start") return { from: startedAt };
  const span = spanMs(range);
  if (span === null)
    throw bad(`range must be a time back from now such as 15m, 24h or 7d, or start, not "${range}"`);
  return { from: Math.max(0, now - span) };
}

/** A whole number from 1 to `max`. Throws a RefusalError (400). */
export function parseLimit(value: string | undefined, fallback: number, max: number): number {
  if (value === undefined || value === "") return fallback;
  const limit = Number(value);
  if (!/^\d{1,9}$/.test(value) || limit < 1 || limit > max)
    throw bad(`limit must be a whole number from 1 to ${max}, not "${value.slice(0, 20)}"`);
  return limit;
}

/** Whether a parameter such as `bodies` is switched on. */
export function parseFlag(value: string | undefined): boolean {
  return value === "1" || value === "true";
}

/** The cursor of an earlier page, null for the first. Throws a RefusalError (400). */
export function parseCursor(value: string | undefined): string | null {
  return parseEventId(value, "cursor must be the one that an earlier page gave");
}

/** The event behind which a list begins; null: none. Throws a RefusalError (400). */
export function parseAfter(value: string | undefined): string | null {
  return parseEventId(value, "after must be the id of an event");
}

function parseEventId(value: string | undefined, refusal: string): string | null {
  if (value === undefined || value === "") return null;
  if (parseId(value) === null || value.length !== ID_LENGTH) throw bad(refusal);
  return value;
}

export function bad(message: string): RefusalError {
  return new RefusalError(400, "bad_request", message);
}

function isState(text: string): text is EventState {
  return (EVENT_STATES as readonly string[]).includes(text);
}

function parseTime(name: string, value: string | undefined, edge: "begin" | "end"): number | undefined {
  if (value === undefined) return undefined;
  const time = timeMs(value, edge);
  if (time === null)
    throw bad(
      `${name} must be a time such as 2026-01-31T09:30:00Z or milliseconds since 1970, not "${value}"`,
    );
  return time;
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

function withoutUndefined<T extends object>(fields: T): Defined<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Defined<T>;
}
