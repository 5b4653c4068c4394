/**
 * Builds the tables of the queue while the storage is read at a start. Records come in any order, as compaction moves what is old
 * behind what is new: a state may come before its event. Hence every event that is named gets a row, and at the end the rows
 * whose event never came are freed.
 *
 * Nothing is invented: an event without a record of its routes is routed again, and keeps the deliveries that are known.
 */
import type { Clock } from "../../../lib/clock.ts";
import type { RecoveryVisitor } from "../journal/types.ts";
import type { QueueTables } from "./core.ts";
import { ID_BYTES, orderOf, parseIdInto, timeOfOrder } from "../../event/event-id.ts";
import { PREFIX, visitIds, stateKey } from "./records.ts";
import { RecoveryRows } from "./recovery-rows.ts";
import { RECOVERY_NEEDS } from "./recovery-needs.ts";
import type { ReplayRecords } from "./replay-records.ts";
import { DELIVERY_FLAGS, EVENT_FLAGS } from "./memory/table.ts";

export interface QueueRecoveryDeps extends QueueTables {
  readonly replayRecords: ReplayRecords;
  readonly clock: Clock;
  readonly random: () => number;
}

/** Takes in what the storage holds under the keys of one kind. */
interface Reader {
  readonly prefix: string;
  set(key: string, value: Uint8Array): void;
  remove(key: string): void;
}

/** What a start found. */
export interface RecoveredQueue {
  /** Events to be routed, in order. */
  readonly unrouted: readonly number[];
  /** Keys of what has no event. */
  readonly orphans: readonly string[];
}

/** Takes in every key of the storage through `visitor`, then finish() is called once. */
export class QueueRecovery {
  readonly #deps: QueueRecoveryDeps;
  readonly #rows: RecoveryRows;
  /** The id that was read last. */
  readonly #words = new Uint32Array(4);
  /** Events one after another that rest on the same record of routes, and are not counted there yet. */
  readonly #resting = { record: 0, events: 0 };
  /** What a key of each kind means, the most frequent first. */
  readonly #readers: readonly Reader[];
  readonly visitor: RecoveryVisitor;

  constructor(deps: QueueRecoveryDeps) {
    this.#deps = deps;
    this.#rows = new RecoveryRows(deps);
    this.#readers = [
      this.#states(),
      this.#routes(),
      this.#dedupe(),
      this.#targets(),
      this.#duplicates(),
      this.#replays(),
    ];
    this.visitor = {
      needs: RECOVERY_NEEDS,
      ids: deps.table.index.ids,
      set: (key, value) => this.#readerOf(key)?.set(key, value),
      remove: (key) => this.#readerOf(key)?.remove(key),
      setPacked: (row, valueBytes) => this.#rows.readEvent(row, valueBytes),
      removePacked: (row) => this.#rows.removeEvent(row),
    };
  }

  /** Call once all is read: frees rows without an event, and fills the books and lanes with the others. */
  finish(): RecoveredQueue {
    const { table, duplicates, records } = this.#deps;
    const orphans: string[] = [];
    for (let row = 1; row <= table.index.ids.highest; row++) {
      if (table.index.has(row) && !table.hasEventFlag(row, EVENT_FLAGS.present))
        orphans.push(...this.#giveUp(row));
    }
    const unrouted: number[] = [];
    const replays: number[] = [];
    for (const event of this.#inOrder()) {
      if (!this.#appear(event)) unrouted.push(event);
      this.#admitFirst(event, replays);
    }
    this.#countResting(0);
    this.#admitReplays(replays);
    orphans.push(...duplicates.takeOrphans((id) => this.#isThere(id)), ...records.takeEmpty());
    table.index.ids.placeAll();
    return { unrouted, orphans };
  }

  /** The events in the order of storing: nearly always that of their rows. */
  #inOrder(): Uint32Array {
    const { index } = this.#deps.table;
    const events = new Uint32Array(index.size);
    let count = 0;
    let latest = 0;
    let isSorted = true;
    for (let row = 1; row <= index.ids.highest; row++) {
      if (!index.has(row)) continue;
      const order = index.orderOf(row);
      isSorted &&= order >= latest;
      latest = order;
      events[count++] = row;
    }
    return isSorted ? events : events.sort((a, b) => index.orderOf(a) - index.orderOf(b));
  }

  #readerOf(key: string): Reader | undefined {
    return this.#readers.find(({ prefix }) => key.startsWith(prefix));
  }

  #states(): Reader {
    return {
      prefix: PREFIX.state,
      set: (key, value) => this.#rows.readState(key, value),
      remove() {
        // States go only with their event.
      },
    };
  }

  #routes(): Reader {
    const { records } = this.#deps;
    const numberOf = (key: string): number => Number(key.slice(PREFIX.routes.length));
    return {
      prefix: PREFIX.routes,
      set: (key, value) => this.#rows.readRoutes(numberOf(key), value),
      remove: (key) => records.forget(numberOf(key)),
    };
  }

  #dedupe(): Reader {
    const { dedupe, records } = this.#deps;
    const numberOf = (key: string): number => Number(key.slice(PREFIX.dedupe.length));
    return {
      prefix: PREFIX.dedupe,
      set(key, value) {
        let newest = 0;
        visitIds(value, (w0, w1, w2, w3) => {
          dedupe.add(w0, w1, w2, w3);
          newest = Math.max(newest, orderOf(w0, w1));
        });
        records.remembered(numberOf(key), value.length / ID_BYTES, timeOfOrder(newest));
      },
      remove: (key) => records.forgetRemembered(numberOf(key)),
    };
  }

  #targets(): Reader {
    const { book } = this.#deps;
    const nameOf = (key: string): string => key.slice(PREFIX.target.length);
    return {
      prefix: PREFIX.target,
      set(key) {
        book.target(nameOf(key)).paused = true;
      },
      remove(key) {
        book.target(nameOf(key)).paused = false;
      },
    };
  }

  #duplicates(): Reader {
    const { duplicates } = this.#deps;
    const idOf = (key: string): string => key.slice(PREFIX.duplicates.length);
    return {
      prefix: PREFIX.duplicates,
      set: (key, value) => duplicates.restore(idOf(key), value),
      remove: (key) => duplicates.forget(idOf(key)),
    };
  }

  #replays(): Reader {
    const { replayRecords } = this.#deps;
    const idOf = (key: string): string => key.slice(PREFIX.replays.length);
    return {
      prefix: PREFIX.replays,
      set: (key, value) => replayRecords.restore(idOf(key), value),
      remove: (key) => replayRecords.forget(idOf(key)),
    };
  }

  #isThere(id: string): boolean {
    const words = this.#words;
    const { index } = this.#deps.table;
    return parseIdInto(id, 0, words) && index.find(words[0]!, words[1]!, words[2]!, words[3]!) !== 0;
  }

  /** Frees the rows of an event that is not there; returns the keys of what was written of it. */
  #giveUp(event: number): string[] {
    const { table, book } = this.#deps;
    const id = table.index.idOf(event);
    const keys = table
      .deliveriesOf(event)
      .filter((row) => table.hasDeliveryFlag(row, DELIVERY_FLAGS.written))
      .map((row) => stateKey(id, book.targetOf(row).name, table.replay.get(row)));
    table.freeEvent(event);
    return keys;
  }

  /** Takes an event into the books; returns whether its routes are known. */
  #appear(event: number): boolean {
    const { table, book, orders } = this.#deps;
    const order = table.index.orderOf(event);
    orders.seen(order);
    table.link(event);
    book.eventAppeared(event);
    const record = table.record.get(event);
    if (record === 0) {
      table.setReceivedAt(event, timeOfOrder(order));
      return false;
    }
    this.#countResting(record);
    book.eventRouted(event);
    return true;
  }

  /** One more event rests on this record; 0: none does. */
  #countResting(record: number): void {
    const resting = this.#resting;
    if (record !== resting.record) {
      if (resting.record !== 0) this.#deps.records.count(resting.record, resting.events);
      resting.record = record;
      resting.events = 0;
    }
    resting.events++;
  }

  /** The event's first deliveries; its replays are noted for later. */
  #admitFirst(event: number, replays: number[]): void {
    const { table } = this.#deps;
    for (let row = table.firstDelivery.get(event); row !== 0; row = table.sibling.get(row)) {
      if (table.replay.get(row) === 0) this.#admit(row);
      else replays.push(row);
    }
  }

  /**
   * By their own order, after all first deliveries. Replays that have ended came without one if they were in a Redis: the earlier
   * goes first then, because a later one takes those before it off the counts.
   */
  #admitReplays(replays: number[]): void {
    const { table } = this.#deps;
    const { replay } = table;
    replays.sort((a, b) => table.order(a) - table.order(b) || replay.get(a) - replay.get(b));
    for (const row of replays) this.#admit(row);
  }

  #admit(row: number): void {
    this.#deps.book.admit(row, this.#rows.takeLane(row));
  }
}
