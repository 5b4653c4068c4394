/**
 * The events that a scan looks at, one after another: all of them, or the dead letters alone where they are few and the scan asks
 * for nothing else.
 */
import { orderOf, parseId, type IdWords } from "../../event/event-id.ts";
import { several } from "../../queue/filter.ts";
import type { EventFilter } from "../../queue/queue.ts";
import type { EventTable } from "./memory/table.ts";

export type Direction = "older" | "newer";

/** Dead letters are sorted for a page of them only if they are fewer than one in so many events: else one is soon met by walking. */
const FEW = 16;

export interface EventSource {
  /** One step on; 0 at the end. */
  next(): number;
  /** Whether there is an event behind the one with this id. */
  isEnd(id: string): boolean;
  close(): void;
}

/** @param cursor id of the event to go on behind; null: from the newest, or the oldest. A RangeError: it is no id. */
export function eventSource(
  table: EventTable,
  filter: EventFilter,
  cursor: string | null,
  towards: Direction,
): EventSource {
  const states = several(filter.state);
  const isFew = table.deadRows.size * FEW < table.eventCount;
  // A replay job goes on from the oldest step by step: to walk once is less than to sort for each step.
  if (towards === "older" && isFew && states.length === 1 && states[0] === "dead")
    return deadSource(table, cursor);
  const walker = table.walk(startOf(table, cursor, towards), towards);
  return {
    next: walker.next,
    isEnd: (id) => startOf(table, id, towards) === 0,
    close: walker.close,
  };
}

/** Events with a dead letter, newest first. */
function deadSource(table: EventTable, cursor: string | null): EventSource {
  const { index } = table;
  const before = cursor === null ? Number.POSITIVE_INFINITY : orderOfId(cursor);
  // Two relays of a Redis that was moved here may have given the same order: then their ids decide.
  const events = [...new Set(Array.from(table.deadRows.rows(), (row) => table.event.get(row)))]
    .map((event) => ({ event, order: index.orderOf(event) }))
    .filter(({ event, order }) => order < before || (order === before && index.idOf(event) < cursor!))
    .sort((a, b) => b.order - a.order || (index.idOf(a.event) < index.idOf(b.event) ? 1 : -1));
  const last = events.at(-1);
  const oldest = last === undefined ? null : index.idOf(last.event);
  let at = 0;
  return {
    next() {
      // A row may be free, or another event's, since the scan let others run.
      while (at < events.length && index.orderOf(events[at]!.event) !== events[at]!.order) at += 1;
      return events[at++]?.event ?? 0;
    },
    isEnd: (id) => oldest === null || id <= oldest,
    close() {},
  };
}

function orderOfId(id: string): number {
  const [w0 = 0, w1 = 0] = wordsOf(id);
  return orderOf(w0, w1);
}

function wordsOf(id: string): IdWords {
  const words = parseId(id);
  if (words === null) throw new RangeError(`Cannot go on at "${id}": it is not the id of an event`);
  return words;
}

/** The event behind the cursor; 0 at the end. */
function startOf(table: EventTable, cursor: string | null, towards: Direction): number {
  if (cursor === null) return towards === "older" ? table.newestEvent : table.oldestEvent;
  const [w0 = 0, w1 = 0, w2 = 0, w3 = 0] = wordsOf(cursor);
  const event = table.index.find(w0, w1, w2, w3);
  if (event !== 0) return table[towards].get(event);
  const order = orderOf(w0, w1);
  let newer = 0;
  let row = table.newestEvent;
  while (row !== 0 && table.index.orderOf(row) >= order) {
    newer = row;
    row = table.older.get(row);
  }
  return towards === "older" ? row : newer;
}
