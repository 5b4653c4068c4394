/**
 * Builds the tables of the queue while the storage is read at a start. What belongs together comes in any order, as compaction
 * moves what is old behind what is new: a state may come before its event. Hence rows are made for whatever is named, and at the
 * end those whose event never came are given up.
 *
 * Nothing is invented: an event without a record of its routes is routed again, and keeps the deliveries that are known.
 */
import type { Clock } from "../../../lib/clock.ts";
import type { RecoveryVisitor } from "../journal/types.ts";
import type { Book } from "./book.ts";
import type { DuplicateCounts } from "./duplicates.ts";
import { Dictionary } from "./memory/columns.ts";
import type { DedupeMemory } from "./memory/dedupe.ts";
import { ID_BYTES, ID_LENGTH, orderOf, parseIdInto, timeOfOrder } from "../../event/event-id.ts";
import type { IdWords, OrderSource } from "../../event/event-id.ts";
import { PREFIX, visitIds, decodeRoutes, decodeStateHead, stateKey } from "./records.ts";
import { RECOVERY_NEEDS } from "./recovery-needs.ts";
import type { RecordBook } from "./record-book.ts";
import type { ReplayRecords } from "./replay-records.ts";
import { DELIVERY_FLAGS, DONE, EVENT_FLAGS, STATES } from "./memory/table.ts";
import type { EventTable } from "./memory/table.ts";

/** A due time farther ahead than this, found at a start, is put down to a wall clock that was set back. */
export const MAX_WAIT_MS = 86_400_000;
/** Retries that were due while the relay was away are spread over this time. */
export const SPREAD_MS = 10_000;

export interface RecoveryDeps {
  readonly table: EventTable;
  readonly book: Book;
  readonly records: RecordBook;
  readonly dedupe: DedupeMemory;
  readonly duplicates: DuplicateCounts;
  readonly replayRecords: ReplayRecords;
  readonly orders: OrderSource;
  readonly clock: Clock;
  readonly random: () => number;
}

/** Takes in what the storage holds under the keys of one kind. */
interface Reader {
  readonly prefix: string;
  set(key: string, value: Uint8Array): void;
  remove(key: string): void;
}

export interface Recovery {
  readonly visitor: RecoveryVisitor;
  /** Call once all is read. `unrouted`: events to be routed, in order. `orphans`: keys of what has no event. */
  finish(): { readonly unrouted: readonly number[]; readonly orphans: readonly string[] };
}

export function createRecovery(deps: RecoveryDeps): Recovery {
  const { table, book, records, dedupe, duplicates, replayRecords, orders, clock, random } = deps;
  const words = new Uint32Array(4);
  /** Rows of events, in the order in which they were first named. */
  const rows: number[] = [];
  /** Until the lanes are filled, the column `lane` holds the code of the lane's name, plus 1. */
  const laneNames = new Dictionary<string>();
  const noteLane = (row: number, lane: string): void => {
    table.lane.set(row, laneNames.code(lane, lane) + 1);
  };

  const eventRow = (id: IdWords): number => {
    const before = table.index.rows.used;
    const row = table.index.add(id[0]!, id[1]!, id[2]!, id[3]!);
    if (table.index.rows.used > before) rows.push(row);
    return row;
  };

  const readEvent = (id: IdWords, valueBytes: number): void => {
    const event = eventRow(id);
    table.bytes.set(event, valueBytes);
    table.setEventFlag(event, EVENT_FLAGS.present, true);
  };

  const deliveryRow = (event: number, target: number, replay: number, order: number | null): number => {
    const known = table.findDelivery(event, target, replay);
    return known === 0 ? table.addDelivery(event, target, replay, order) : known;
  };

  const readState = (key: string, value: Uint8Array): void => {
    if (!parseIdInto(key, PREFIX.state.length, words)) return;
    const [target, replay] = key.slice(PREFIX.state.length + ID_LENGTH + 1).split(":");
    const head = decodeStateHead(value);
    if (target === undefined || replay === undefined) return;
    const row = deliveryRow(eventRow(words), book.target(target).code, Number(replay), head.order);
    const state = Math.max(0, STATES.indexOf(head.state));
    table.state.set(row, state);
    table.attempts.set(row, head.attempts);
    table.setDeliveryFlag(row, DELIVERY_FLAGS.written);
    if (head.isMoved) table.setDeliveryFlag(row, DELIVERY_FLAGS.superseded);
    table.due.set(row, state >= DONE ? head.at : dueAtStart(head.at, head.attempts > 0));
    if (head.order !== null) orders.seen(head.order);
    if (head.lane !== null) noteLane(row, head.lane);
  };

  /** On the monotonic clock. */
  const dueAtStart = (dueAt: number, isRetry: boolean): number => {
    const ahead = dueAt - clock.now();
    if (ahead <= 0 && !isRetry) return 0;
    return clock.monotonic() + (ahead > 0 ? Math.min(ahead, MAX_WAIT_MS) : random() * SPREAD_MS);
  };

  const readRoutes = (number: number, value: Uint8Array): void => {
    records.seen(number);
    const record = decodeRoutes(value);
    const kinds = record.kinds.map(([kind, eventName]) => table.kindCode(kind, eventName));
    const projects = record.projects.map(([id, path]) => table.projectCode(id, path));
    const routes = record.routes.map((list) =>
      list.map(([target, lane]) => ({ target: book.target(target).code, lane })),
    );
    let event = 0;
    for (let index = 0; index < record.count; index++) {
      record.id(index, words);
      // Events mostly stand in the same order here as in the table, where the next one is found without looking it up.
      const next = event + 1;
      const isNext = event > 0 && next <= table.index.rows.highest && table.index.has(next, words);
      event = isNext ? next : eventRow(words);
      table.receivedAt.set(event, record.receivedAt(index));
      table.kind.set(event, kinds[record.kind(index)]!);
      table.project.set(event, projects[record.project(index)]!);
      table.record.set(event, number);
      for (const { target, lane } of routes[record.route(index)]!) {
        const row = deliveryRow(event, target, 0, null);
        if (lane !== null) noteLane(row, lane);
      }
    }
  };

  /** What a key of each kind means, those that there are most of first. */
  const readers: readonly Reader[] = [
    {
      prefix: PREFIX.event,
      set(key, value) {
        if (parseIdInto(key, PREFIX.event.length, words)) readEvent(words, value.length);
      },
      remove(key) {
        if (!parseIdInto(key, PREFIX.event.length, words)) return;
        table.setEventFlag(eventRow(words), EVENT_FLAGS.present, false);
      },
    },
    {
      prefix: PREFIX.state,
      set: readState,
      remove() {
        // States go only with their event.
      },
    },
    {
      prefix: PREFIX.routes,
      set(key, value) {
        readRoutes(Number(key.slice(PREFIX.routes.length)), value);
      },
      remove(key) {
        records.forget(Number(key.slice(PREFIX.routes.length)));
      },
    },
    {
      prefix: PREFIX.dedupe,
      set(key, value) {
        let newest = 0;
        visitIds(value, (w0, w1, w2, w3) => {
          dedupe.add(w0, w1, w2, w3);
          newest = Math.max(newest, orderOf(w0, w1));
        });
        const count = value.length / ID_BYTES;
        records.remembered(Number(key.slice(PREFIX.dedupe.length)), count, timeOfOrder(newest));
      },
      remove(key) {
        records.forgetRemembered(Number(key.slice(PREFIX.dedupe.length)));
      },
    },
    {
      prefix: PREFIX.target,
      set(key) {
        book.target(key.slice(PREFIX.target.length)).paused = true;
      },
      remove(key) {
        book.target(key.slice(PREFIX.target.length)).paused = false;
      },
    },
    {
      prefix: PREFIX.duplicates,
      set(key, value) {
        duplicates.restore(key.slice(PREFIX.duplicates.length), value);
      },
      remove(key) {
        duplicates.forget(key.slice(PREFIX.duplicates.length));
      },
    },
    {
      prefix: PREFIX.replays,
      set(key, value) {
        replayRecords.restore(key.slice(PREFIX.replays.length), value);
      },
      remove(key) {
        replayRecords.forget(key.slice(PREFIX.replays.length));
      },
    },
  ];
  const readerOf = (key: string): Reader | undefined => readers.find(({ prefix }) => key.startsWith(prefix));

  return {
    visitor: {
      needs: RECOVERY_NEEDS,
      set: (key, value) => readerOf(key)?.set(key, value),
      remove: (key) => readerOf(key)?.remove(key),
      setPacked: readEvent,
      removePacked: (id) => table.setEventFlag(eventRow(id), EVENT_FLAGS.present, false),
    },
    finish() {
      const orphans: string[] = [];
      const present: number[] = [];
      for (const row of rows) {
        if (table.hasEventFlag(row, EVENT_FLAGS.present)) present.push(row);
        else orphans.push(...giveUp(row));
      }
      rows.length = 0;
      const ascending = (a: number, b: number): number => table.index.orderOf(a) - table.index.orderOf(b);
      if (present.some((row, index) => index > 0 && ascending(present[index - 1]!, row) > 0)) {
        present.sort(ascending);
      }
      const unrouted: number[] = [];
      for (const event of present) if (!appear(event)) unrouted.push(event);
      // Lanes are filled in the order of storing: the first deliveries by that of the events, then the replays by their own.
      const replays: number[] = [];
      for (const event of present) {
        for (let row = table.firstDelivery.get(event); row !== 0; row = table.sibling.get(row)) {
          if (table.replay.get(row) === 0) admit(row);
          else replays.push(row);
        }
      }
      replays.sort((a, b) => table.order(a) - table.order(b)).forEach(admit);
      orphans.push(...duplicates.takeOrphans(isThere), ...records.takeEmpty());
      return { unrouted, orphans };
    },
  };

  function isThere(id: string): boolean {
    return parseIdInto(id, 0, words) && table.index.find(words[0]!, words[1]!, words[2]!, words[3]!) !== 0;
  }

  /** Frees rows that were made for an event that is not there; returns the keys of what was written of it. */
  function giveUp(event: number): string[] {
    const id = table.index.idOf(event);
    const keys = table
      .deliveriesOf(event)
      .filter((row) => table.hasDeliveryFlag(row, DELIVERY_FLAGS.written))
      .map((row) => stateKey(id, book.targetOf(row).name, table.replay.get(row)));
    table.freeEvent(event, false);
    return keys;
  }

  /** Takes an event into the books; returns whether its routes are known. */
  function appear(event: number): boolean {
    const order = table.index.orderOf(event);
    orders.seen(order);
    table.link(event);
    book.eventAppeared(event);
    const record = table.record.get(event);
    if (record === 0) {
      table.receivedAt.set(event, timeOfOrder(order));
      return false;
    }
    records.count(record, 1);
    book.eventRouted(event);
    return true;
  }

  function admit(row: number): void {
    const name = table.lane.get(row);
    table.lane.set(row, 0);
    book.admit(row, name === 0 ? null : laneNames.value(name - 1));
  }
}
