/** Which events a command is about: the filters of the admin API, as options. */
import { spanMs, timeMs } from "../lib/time-text.ts";
import { UsageError, type Given, type OptionSpec } from "./command.ts";

/** In the order of FILTER_NAMES of the API; a test compares them. */
export const FILTERS: readonly (OptionSpec & { readonly parameter: string })[] = [
  {
    parameter: "state",
    isList: true,
    name: "--state",
    value: "STATE",
    description: "state of any of its deliveries; unmatched: no target matched",
    choices: ["unrouted", "waiting", "sending", "done", "dead", "unmatched"],
  },
  {
    parameter: "target",
    name: "--target",
    value: "NAME",
    description: "events that this target was matched with",
  },
  {
    parameter: "status",
    isList: true,
    name: "--status",
    value: "STATUS",
    description: "last answer of a delivery: 422, 5xx, or none; several with commas",
  },
  {
    parameter: "project",
    isList: true,
    name: "--project",
    value: "PROJECT",
    description: "path (globs), a part of it, or id of the project",
  },
  {
    parameter: "kind",
    isList: true,
    name: "--kind",
    value: "KIND",
    description: "object_kind or event_name, such as push",
  },
  {
    parameter: "instance",
    isList: true,
    name: "--instance",
    value: "NAME",
    description: "GitLab that sent it, by its name in the relay's settings; default: that of gitlab",
  },
  {
    parameter: "action",
    name: "--action",
    value: "ACTION",
    description: "action of the event, such as merge",
  },
  { parameter: "actor", name: "--actor", value: "USER", description: "username of who did it" },
  {
    parameter: "q",
    name: "--search",
    value: "TEXT",
    description: "words in the metadata, ids and headers included; all must be found",
  },
  {
    parameter: "range",
    name: "--range",
    value: "RANGE",
    description: "received within 15m, 24h or 7d, or since the last start of the relay: start",
  },
  {
    parameter: "from",
    name: "--since",
    value: "TIME",
    description: "received from then on: 10m, 2h, 3d, or an ISO time such as 2026-01-31T09:30Z",
  },
  { parameter: "to", name: "--until", value: "TIME", description: "received until then, written likewise" },
];

const OF_DELIVERIES = new Set(["state", "target", "status", "range", "to"]);

/** Those that say which events, not which deliveries or until when: for what follows events as they come. */
export const EVENT_FILTERS: readonly OptionSpec[] = FILTERS.filter(
  ({ parameter }) => !OF_DELIVERIES.has(parameter),
);

/**
 * The parameters of the API; a span such as `10m` becomes the time that long ago. Throws a UsageError for a time that is none. The API
 * checks what else there is.
 */
export function filterParameters(given: Given, now: number): Map<string, string> {
  const parameters = new Map<string, string>();
  for (const { parameter, name, isList } of FILTERS) {
    const text = isList === true ? given.list(name).join(",") : (given.text(name)?.trim() ?? "");
    if (text === "") continue;
    const isTime = parameter === "from" || parameter === "to";
    parameters.set(parameter, isTime ? timeParameter(name, text, now) : text);
  }
  checkRange(parameters);
  return parameters;
}

function timeParameter(option: string, text: string, now: number): string {
  const span = spanMs(text);
  if (span !== null) return new Date(Math.max(0, now - span)).toISOString();
  if (timeMs(text, "begin") !== null) return text;
  throw new UsageError(
    `${option} must be a time back from now such as 10m, 2h or 3d, or an ISO time such as 2026-01-31T09:30Z, not "${text}"`,
  );
}

function checkRange(parameters: ReadonlyMap<string, string>): void {
  const range = parameters.get("range");
  if (range === undefined) return;
  if (parameters.has("from") || parameters.has("to"))
    throw new UsageError("give either --range, or --since and --until");
  if (range !== "start" && spanMs(range) === null)
    throw new UsageError(
      `--range must be a time back from now such as 15m, 24h or 7d, or start, not "${range}"`,
    );
}
