/**
 * Lists: newest or oldest first, a page at a time, from columns in memory where the filter allows it and from metadata on disk where it does
 * not; bodies are never loaded. A scan ends after BUDGET_MS and says so, and the cursor goes on there.
 */
import { messageOf } from "../../../lib/errors.ts";
import { breathe } from "./core.ts";
import type { Core } from "./core.ts";
import { compileFilter, deliveryMatches, deliveryStates, several } from "../../queue/filter.ts";
import type { EventFilter, EventPage, EventSummary, ListOrder } from "../../queue/queue.ts";
import { readDelivery, readMeta, readSummary } from "./reading.ts";
import { EVENT_FLAGS, STATES } from "./memory/table.ts";
import { eventSource, type Direction } from "./event-source.ts";

/** How long one call looks for events. */
const BUDGET_MS = 100;
/** Rows that are looked at between two looks at the clock. */
const SLICE_ROWS = 4096;
/** Events whose metadata is read at once. */
const READ_TOGETHER = 64;

/** What a filter asks, with names replaced by the codes of the columns. */
export interface EventMatcher {
  /** Decides by columns; null: only what is stored tells. */
  row(event: number): boolean | null;
  /** Decides by what is stored of an event that row() left open. */
  stored(event: number, id: string): Promise<boolean>;
}

function createMatcher(core: Core, filter: EventFilter): EventMatcher {
  const { table, book } = core;
  const { target, from, to } = filter;
  const compiled = compileFilter(filter);
  const codes = <T>(values: readonly T[], fits: (value: T) => boolean): Set<number> =>
    new Set(values.flatMap((value, code) => (fits(value) ? [code] : [])));
  const kinds =
    filter.kind === undefined
      ? null
      : codes(table.kinds.values, (known) => compiled.kind(known.kind, known.eventName));
  const projects =
    filter.project === undefined
      ? null
      : codes(table.projects.values, ({ id, path }) => compiled.project(id, path));
  const targetCode = target === undefined ? null : (book.findTarget(target)?.code ?? -1);
  const states = new Set(deliveryStates(filter).map((state) => STATES.indexOf(state)));
  const asksStatus = filter.status !== undefined;
  const asksDelivery = targetCode !== null || asksStatus;
  const ofEvent = several(filter.state).filter((state) => !(STATES as readonly string[]).includes(state));

  const hasDelivery = (event: number): boolean => {
    for (let row = table.firstDelivery.get(event); row !== 0; row = table.sibling.get(row)) {
      if (!book.isStanding(row)) continue;
      if (targetCode !== null && table.target.get(row) !== targetCode) continue;
      if (asksStatus && table.attempts.get(row) === 0) continue;
      if (filter.state === undefined || states.has(table.state.get(row))) return true;
    }
    return false;
  };
  const inState = (event: number): boolean => {
    if (filter.state === undefined && !asksDelivery) return true;
    if (!asksDelivery && ofEvent.length > 0 && ofEvent.includes(book.eventState(event))) return true;
    return hasDelivery(event);
  };

  return {
    row(event) {
      if (table.hasEventFlag(event, EVENT_FLAGS.removed)) return false;
      const receivedAt = table.receivedAt(event);
      if ((from !== undefined && receivedAt < from) || (to !== undefined && receivedAt > to)) return false;
      if (!inState(event)) return false;
      const isOpen = compiled.asksMore || asksStatus;
      const kindOfEvent = table.kind.get(event);
      // Found at the start and not routed since: nothing but its id is in the columns.
      if (kindOfEvent === 0) return isOpen || kinds !== null || projects !== null ? null : true;
      if (kinds !== null && !kinds.has(kindOfEvent)) return false;
      if (projects !== null && !projects.has(table.project.get(event))) return false;
      return isOpen ? null : true;
    },
    async stored(event, id) {
      if (table.index.idOf(event) !== id) return false;
      const meta = await readMeta(core, table.index.keyOf(event));
      if (meta === null || !compiled.meta(meta)) return false;
      if (!asksStatus) return true;
      if (table.index.idOf(event) !== id) return false;
      const standing = table.deliveriesOf(event).filter((row) => book.isStanding(row));
      const deliveries = await Promise.all(standing.map((row) => readDelivery(core, row)));
      return deliveries.some((delivery) => deliveryMatches(delivery, filter));
    },
  };
}

/** What a scan found: rows with their ids, as a row may be freed and be another event's while others are read. */
interface Found {
  readonly event: number;
  readonly id: string;
}

interface Scan {
  readonly found: readonly Found[];
  /** Id of the last event that was looked at; null if the end was reached. */
  readonly cursor: string | null;
  readonly partial: boolean;
  /** Events that were looked at, up to the cursor. */
  readonly looked: number;
}

export interface ListScan {
  readonly limit: number;
  /** Id of the event to go on behind; null: from the newest, or the oldest. */
  readonly cursor: string | null;
  readonly towards: Direction;
  /** Milliseconds at most; Infinity: to the end. */
  readonly budgetMs: number;
}

/** Looks for up to `limit` events behind the cursor. */
export async function scanEvents(core: Core, filter: EventFilter, options: ListScan): Promise<Scan> {
  const { limit, cursor, towards, budgetMs } = options;
  const { table, clock } = core;
  const matcher = createMatcher(core, filter);
  const source = eventSource(table, filter, cursor, towards);
  const deadline = clock.monotonic() + budgetMs;
  const found: Found[] = [];
  let last = cursor;
  let candidates: { readonly entry: Found; readonly sure: boolean; readonly looked: number }[] = [];
  /** Place of `last` among those that were looked at. */
  let decided = 0;
  let unsure = 0;

  /** Reads the metadata that decides; returns whether the page is full. */
  const decide = async (): Promise<boolean> => {
    const batch = candidates;
    candidates = [];
    unsure = 0;
    const fits = await Promise.all(
      batch.map(async ({ entry, sure }) => {
        return sure || matcher.stored(entry.event, entry.id);
      }),
    );
    for (const [index, { entry, looked }] of batch.entries()) {
      last = entry.id;
      decided = looked;
      if (fits[index]) found.push(entry);
      if (found.length >= limit) return true;
    }
    return false;
  };

  try {
    for (let looked = 1; ; looked++) {
      const event = source.next();
      if (event === 0) {
        const full = await decide();
        return {
          found,
          cursor: full && last !== null && !source.isEnd(last) ? last : null,
          partial: false,
          looked: full ? decided : looked - 1,
        };
      }
      const verdict = matcher.row(event);
      if (verdict !== false) {
        candidates.push({ entry: { event, id: table.index.idOf(event) }, sure: verdict === true, looked });
        if (verdict === null) unsure++;
      }
      const enough = found.length + candidates.length - unsure >= limit || unsure >= READ_TOGETHER;
      if (enough && (await decide())) {
        const end = last === null || source.isEnd(last) ? null : last;
        return { found, cursor: end, partial: false, looked: decided };
      }
      const slice = enough || looked % SLICE_ROWS === 0;
      if (slice && clock.monotonic() >= deadline) {
        const full = await decide();
        const at = full ? last : table.index.idOf(event);
        const end = at === null || source.isEnd(at) ? null : at;
        return { found, cursor: end, partial: !full, looked: full ? decided : looked };
      }
      if (slice) await breathe();
    }
  } finally {
    source.close();
  }
}

/** A page as the port promises it. */
export async function listEvents(
  core: Core,
  filter: EventFilter,
  limit: number,
  { cursor, order }: { readonly cursor: string | null; readonly order: ListOrder },
): Promise<EventPage> {
  const towards = order === "newest" ? "older" : "newer";
  const scan = await scanEvents(core, filter, { limit, cursor, towards, budgetMs: BUDGET_MS });
  const failures: unknown[] = [];
  const summaries = await Promise.all(
    scan.found.map(async ({ event, id }) => {
      try {
        return core.table.index.idOf(event) === id ? await readSummary(core, event) : null;
      } catch (error) {
        core.log.error("list.read-failed", { eventId: id, error: messageOf(error) });
        failures.push(error);
        return null;
      }
    }),
  );
  // One damaged event must not hide the others; a storage that gives nothing is another matter.
  if (failures.length > 0 && failures.length === scan.found.length) throw failures[0];
  return {
    events: summaries.filter((summary): summary is EventSummary => summary !== null),
    cursor: scan.cursor,
    partial: scan.partial && scan.cursor !== null,
    looked: scan.looked,
  };
}
