/** Parameters of lists: from the text of a URL to a filter, or a refusal that names the parameter. */
import { closestMatch } from "leven";
import { ID_LENGTH, parseId } from "../../event/event-id.ts";
import type { EventFilter, EventState } from "../../queue/queue.ts";
import { RefusalError } from "./answer.ts";

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
  "project",
  "kind",
  "action",
  "actor",
  "q",
  "from",
  "to",
] as const;

export type Read = (name: string) => string | undefined;

/** Reads parameters of the names given. Throws a RefusalError (400) if there are others: ignored, they would widen what is shown. */
export function readKnown(query: Readonly<Record<string, string>>, known: readonly string[]): Read {
  const given = new Map(Object.entries(query));
  const unknown = [...given.keys()].find((name) => !known.includes(name));
  if (unknown !== undefined) {
    const nearest = closestMatch(unknown, known, { maxDistance: 2 });
    throw bad(
      `there is no parameter "${unknown.slice(0, 40)}"${nearest === undefined ? "" : `; did you mean ${nearest}?`}`,
    );
  }
  return (name) => given.get(name);
}

/** The filter; empty parameters do not count. Throws a RefusalError (400). */
export function parseFilter(read: Read): EventFilter {
  const text = (name: string): string | undefined => {
    const value = read(name)?.trim();
    if (value === undefined || value === "") return undefined;
    if (value.length > MAX_TEXT) throw bad(`${name} is longer than ${MAX_TEXT} characters`);
    return value;
  };
  const state = text("state");
  if (state !== undefined && !isState(state))
    throw bad(`state must be one of ${EVENT_STATES.join(", ")}, not "${state}"`);
  return withoutUndefined({
    state: state as EventState | undefined,
    target: text("target"),
    project: text("project"),
    kind: text("kind"),
    action: text("action"),
    actor: text("actor"),
    text: text("q"),
    from: parseTime("from", text("from"), 0),
    to: parseTime("to", text("to"), 59_999),
  });
}

/** A whole number from 1 to `max`. Throws a RefusalError (400). */
export function parseLimit(value: string | undefined, fallback: number, max: number): number {
  if (value === undefined || value === "") return fallback;
  const limit = Number(value);
  if (!/^\d{1,9}$/.test(value) || limit < 1 || limit > max)
    throw bad(`limit must be a whole number from 1 to ${max}, not "${value.slice(0, 20)}"`);
  return limit;
}

/** The cursor of an earlier page, null for the first. Throws a RefusalError (400). */
export function parseCursor(value: string | undefined): string | null {
  if (value === undefined || value === "") return null;
  if (parseId(value) === null || value.length !== ID_LENGTH)
    throw bad("cursor must be the one that an earlier page gave");
  return value;
}

export function bad(message: string): RefusalError {
  return new RefusalError(400, "bad_request", message);
}

function isState(text: string): text is EventState {
  return (EVENT_STATES as readonly string[]).includes(text);
}

/**
 * Milliseconds since 1970 as a number, or an ISO time; without a zone it is UTC.
 * @param minuteEnd added where the time was given without seconds, so that `to` includes its minute
 */
function parseTime(name: string, value: string | undefined, minuteEnd: number): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d{1,15}$/.test(value)) return Number(value);
  const match =
    /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2})(:\d{2}(?:\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?)?$/.exec(value);
  const [, day, minute, second, zone] = match ?? [];
  const time = Date.parse(`${day}T${minute ?? "00:00"}${second ?? ":00"}${zone ?? "Z"}`);
  if (match === null || Number.isNaN(time))
    throw bad(`${name} must be a time such as 2026-01-31T09:30:00Z or milliseconds since 1970`);
  if (minute === undefined) return minuteEnd > 0 ? time + 86_399_999 : time;
  return second === undefined ? time + minuteEnd : time;
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

function withoutUndefined<T extends object>(fields: T): Defined<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Defined<T>;
}
