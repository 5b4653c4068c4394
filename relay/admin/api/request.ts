/** What the routes of the API read from a request: parameters, JSON bodies, filters. Each throws a RefusalError (400). */
import type { EventFilter } from "../../queue/queue.ts";
import type { AdminContext, AdminDeps } from "../ports.ts";
import { unknownName, type ReadFilter } from "./filters.ts";
import { FILTER_NAMES, bad, joined } from "./query.ts";

/** The JSON object of a request; an empty body is an empty object. Throws a RefusalError (400). */
export async function jsonBody(c: AdminContext): Promise<Readonly<Record<string, unknown>>> {
  const text = await c.req.text();
  if (text.trim() === "") return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw bad("the body is not JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw bad("the body must be a JSON object");
  return value as Record<string, unknown>;
}

/** Name of who sends the request. */
export function personOf(c: AdminContext): string {
  return c.get("identity").person.name;
}

/** `{"targets": ["a", "b"]}`; null: all that the event was matched with. */
export function targetsOf(
  body: Readonly<Record<string, unknown>>,
  deps: AdminDeps,
): readonly string[] | null {
  const { targets } = body;
  if (targets === undefined || targets === null) return null;
  if (!Array.isArray(targets) || targets.length === 0 || !targets.every((t) => typeof t === "string"))
    throw bad("targets must be an array of target names");
  const known = deps.targets().map((target) => target.name);
  const unknown = targets.find((name) => !known.includes(name));
  if (unknown !== undefined) throw bad(unknownName("target", unknown, known));
  return [...new Set(targets)];
}

/**
 * A filter from the query, or from fields of the same names in the body, for what is changed by it. An empty value, as of a variable that
 * is not set, is refused: left out, it would let more through than was meant.
 */
export async function filterOf(
  c: AdminContext,
  body: Readonly<Record<string, unknown>>,
  readFilter: ReadFilter,
): Promise<EventFilter> {
  const unknown = Object.keys(body).find((name) => !(FILTER_NAMES as readonly string[]).includes(name));
  if (unknown !== undefined) throw bad(`there is no filter "${unknown}"`);
  return readFilter((name) => {
    const given = body[name] ?? c.req.queries(name);
    const text = given === undefined ? undefined : textOf(name, given);
    if (text?.trim() === "") throw bad(`${name} is empty: give it a value, or leave it out`);
    return text;
  });
}

function textOf(name: string, given: unknown): string {
  const isListed = Array.isArray(given) && given.every((one) => typeof one === "string");
  if (isListed) return joined(given);
  if (typeof given !== "string" && typeof given !== "number") throw bad(`${name} must be text`);
  return String(given);
}
