/**
 * Filters as every door reads them: lists, export, stream, replays and pages. A name that the relay cannot know is refused with those
 * that it knows, where an empty list would look like good news.
 */
import { closestMatch } from "leven";
import { instanceNames } from "../../config/gitlab.ts";
import { DEFAULT_INSTANCE } from "../../event/event.ts";
import { several } from "../../queue/filter.ts";
import type { EventFilter } from "../../queue/queue.ts";
import type { AdminDeps } from "../ports.ts";
import { bad, parseFilter, type Read } from "./query.ts";

/** Rejects with a RefusalError (400). */
export type ReadFilter = (read: Read) => Promise<EventFilter>;

/** Ranges such as "since the last start" are counted from now on. */
export function createFilterReader({
  queue,
  clock,
  config,
  targets,
}: Pick<AdminDeps, "queue" | "clock" | "config" | "targets">): ReadFilter {
  const startedAt = clock.now();

  /** Those of the settings, and those that are gone and for which deliveries are kept. */
  async function refuseUnknownTarget(name: string): Promise<void> {
    const known = targets().map((target) => target.name);
    if (known.includes(name)) return;
    const { targets: kept } = await queue.stats();
    if (!kept.has(name)) throw bad(unknownName("target", name, [...new Set([...known, ...kept.keys()])]));
  }

  return async function readFilter(read) {
    const filter = parseFilter(read, { now: clock.now(), startedAt });
    const instances = [DEFAULT_INSTANCE, ...instanceNames(config())];
    const stranger = several(filter.instance).find((name) => !instances.includes(name));
    if (stranger !== undefined) throw bad(unknownName("instance", stranger, [...new Set(instances)]));
    if (filter.target !== undefined) await refuseUnknownTarget(filter.target);
    return filter;
  };
}

/** Characters of an unknown name that the refusal repeats, and known names that it lists. */
const SHOWN_CHARACTERS = 60;
const SHOWN_NAMES = 20;

/** "there is no target "bott"; did you mean bot? Known: bot, audit". @param what such as `target` */
export function unknownName(what: string, name: string, known: readonly string[]): string {
  const shown = name.slice(0, SHOWN_CHARACTERS);
  const nearest = closestMatch(shown, known, { maxDistance: 2 });
  const listed = known.slice(0, SHOWN_NAMES).join(", ") + (known.length > SHOWN_NAMES ? ", …" : "");
  const cure =
    nearest === undefined ? `known: ${listed || "none"}` : `did you mean ${nearest}? Known: ${listed}`;
  return `there is no ${what} "${shown}"; ${cure}`;
}
