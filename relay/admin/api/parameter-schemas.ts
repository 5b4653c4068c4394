/** The parameters of the admin API as schemas, for the OpenAPI document. */
import { z } from "zod";
import { EVENT_STATES, MAX_LIMIT, MAX_TEXT } from "./query.ts";

const filterText = z.string().max(MAX_TEXT);
const timeFilter = filterText.describe(
  "ISO time or day, UTC if it has no zone, or milliseconds since 1970; included",
);

/** In the order of FILTER_NAMES. */
export const filters = {
  state: filterText.describe(
    `One of ${EVENT_STATES.join(", ")}, or several with commas: of any delivery; unmatched: no target matched`,
  ),
  target: filterText.describe("Name of a target"),
  status: filterText.describe(
    "Last answer of the same delivery: `422`, `5xx`, `none`; or several with commas",
  ),
  project: filterText.describe("Globs of paths, ids, or a part of the path; several with commas"),
  kind: filterText.describe("`object_kind` or `event_name`; several with commas"),
  instance: filterText.describe(
    "Names of GitLabs as in the settings, `default` for that of `gitlab`; several with commas",
  ),
  action: filterText,
  actor: filterText.describe("Username"),
  q: filterText.describe("Words or quoted phrases that the metadata has, ids and headers included; any case"),
  range: filterText.describe("Back from now, such as `15m`, `24h`, `7d`, or `start`: since the last start"),
  from: timeFilter,
  to: timeFilter,
};

/** Those that say which events and from when on, for what goes on with those that come. */
export const followFilters = {
  project: filters.project,
  kind: filters.kind,
  instance: filters.instance,
  action: filters.action,
  actor: filters.actor,
  q: filters.q,
  range: filters.range,
  from: filters.from,
};

export const eventFilters = { ...followFilters, to: filters.to };

export const pageLimit = z.coerce
  .number()
  .int()
  .min(1)
  .max(MAX_LIMIT)
  .describe("Entries of a page; 50 by default");
export const cursor = z.string().describe("`cursor` of the page before");
export const after = z.string().describe("Id of an event: only those stored after it");
export const bodies = z.enum(["0", "1", "false", "true"]).describe("Adds the body to each line");
export const day = z.iso.date().describe("UTC day, such as 2026-01-31");
export const targetNames = z.array(z.string()).min(1).nullable().describe("Names of targets");
