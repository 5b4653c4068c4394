/**
 * Removal: by hand, and of what retention no longer keeps. Delivered events go by age and by their bytes, the oldest first; those with
 * a dead letter by the age of that; what still waits never goes.
 *
 * The memory of a delivery outlives its event: within the dedupe window its id is written again in the same write, before the
 * removal. A crash half-way leaves the event as it was, or its memory and nothing else of it.
 */
import { messageOf } from "../../../lib/errors.ts";
import type { Operation } from "../journal/types.ts";
import { breathe } from "./core.ts";
import type { Core, Retention } from "./core.ts";
import type { Dispatch } from "./dispatch.ts";
import type { IdWords } from "../../event/event-id.ts";
import { orderOf, timeOfOrder } from "../../event/event-id.ts";
import { PREFIX, encodeIds, stateKey, visitIds } from "./records.ts";
import { MAX_ROUTED, decodeRoutes, encodeRoutes, routedEvent, type RoutedEvent } from "./route-records.ts";
import { findById } from "./reading.ts";
import type { RoutingLine } from "./routing-line.ts";
import { DELIVERY_FLAGS, EVENT_FLAGS } from "./memory/table.ts";

/** Events that are removed in one write. */
const TOGETHER = 256;
/** Rows that are looked at between two breaths. */
const SLICE_ROWS = 4096;
/** Records that hold less are joined. */
const SMALL_ROUTES = 128;
const SMALL_REMEMBERED = 64;
/** Fewest small records that are worth being joined, and most that are joined at once. */
const JOIN_FROM = 8;
const JOIN_MOST = 256;

export class Removal {
  readonly #core: Core;
  readonly #dispatch: Dispatch;
  readonly #line: RoutingLine;
  readonly #retention: () => Retention;
  #expiring: Promise<number> | null = null;

  /** @param retention asked anew each time, as settings change */
  constructor(core: Core, dispatch: Dispatch, line: RoutingLine, retention: () => Retention) {
    this.#core = core;
    this.#dispatch = dispatch;
    this.#line = line;
    this.#retention = retention;
  }

  async remove(id: string): Promise<boolean> {
    const event = findById(this.#core, id);
    if (event === 0) return false;
    await this.#removeTogether([event], "synced");
    return true;
  }

  /** One at a time; a second call shares the first one's result. */
  expire(): Promise<number> {
    this.#expiring ??= this.#expire().finally(() => {
      this.#expiring = null;
    });
    return this.#expiring;
  }

  /** Resolves once nothing is being removed. */
  async close(): Promise<void> {
    await this.#expiring?.catch(() => 0);
  }

  async #expire(): Promise<number> {
    const { steady, dedupe } = this.#core;
    const { deliveredSeconds, deliveredBytes, deadSeconds } = this.#retention();
    const now = steady.now();
    let kept = 0;
    let removed = await this.#removeWhere((event) => {
      const { state, endedAt } = this.#endOf(event);
      if (state === "dead") return endedAt <= now - deadSeconds * 1000;
      if (state !== "delivered") return false;
      if (endedAt <= now - deliveredSeconds * 1000) return true;
      kept += this.#core.table.bytes.get(event);
      return false;
    });
    if (kept > deliveredBytes) {
      removed += await this.#removeWhere((event) => {
        if (kept <= deliveredBytes || this.#endOf(event).state !== "delivered") return false;
        kept -= this.#core.table.bytes.get(event);
        return true;
      });
    }
    dedupe.expire(now);
    await this.#tidyRecords(now);
    return removed;
  }

  /** From the oldest event on; `fits` is asked once for each. */
  async #removeWhere(fits: (event: number) => boolean): Promise<number> {
    const { table, isClosed } = this.#core;
    const walker = table.walk(table.oldestEvent, "newer");
    let removed = 0;
    let victims: number[] = [];
    try {
      for (let looked = 1; !isClosed(); looked++) {
        const event = walker.next();
        if (event !== 0 && !table.hasEventFlag(event, EVENT_FLAGS.removed) && fits(event)) {
          table.setEventFlag(event, EVENT_FLAGS.removed, true);
          victims.push(event);
        }
        if (victims.length >= TOGETHER || event === 0) {
          removed += victims.length;
          const batch = victims;
          victims = [];
          await this.#removeTogether(batch, "lazy");
        }
        if (event === 0) break;
        if (looked % SLICE_ROWS === 0) await breathe();
      }
      return removed;
    } finally {
      for (const event of victims) table.setEventFlag(event, EVENT_FLAGS.removed, false);
      walker.close();
    }
  }

  /** When all its deliveries ended, and how; events that still wait are `open`. */
  #endOf(event: number): { readonly state: "delivered" | "dead" | "open"; readonly endedAt: number } {
    const { table, book } = this.#core;
    if (!table.hasEventFlag(event, EVENT_FLAGS.routed)) return { state: "open", endedAt: 0 };
    let state: "delivered" | "dead" = "delivered";
    let endedAt = table.receivedAt(event);
    for (let row = table.firstDelivery.get(event); row !== 0; row = table.sibling.get(row)) {
      if (!book.isFinal(row)) return { state: "open", endedAt: 0 };
      if (book.isDeadLetter(row)) state = "dead";
      endedAt = Math.max(endedAt, table.endedAt.get(row));
    }
    return { state, endedAt };
  }

  async #removeTogether(events: readonly number[], durability: "synced" | "lazy"): Promise<void> {
    if (events.length === 0) return;
    const { table, book, records, dedupe, duplicates, journal, events: emitter } = this.#core;
    const oldest = this.#core.steady.now() - this.#retention().dedupeSeconds * 1000;
    const ids = events.map((event) => ({
      event,
      words: table.index.wordsOf(event),
      id: table.index.idOf(event),
    }));
    for (const { event } of ids) table.setEventFlag(event, EVENT_FLAGS.removed, true);
    const remembered = ids.map(({ words }) => words).filter((words) => timeOf(words) >= oldest);
    const operations: Operation[] = [];
    const number = records.nextRemembered();
    if (remembered.length > 0) {
      operations.push({ type: "set", key: PREFIX.dedupe + number, value: encodeIds(remembered) });
    }
    for (const { event, id } of ids) {
      operations.push({ type: "remove", key: table.index.keyOf(event) }, ...duplicates.removal(id));
      for (const row of table.deliveriesOf(event)) {
        if (!table.hasDeliveryFlag(row, DELIVERY_FLAGS.written)) continue;
        const target = book.targetOf(row).name;
        operations.push({ type: "remove", key: stateKey(id, target, table.replay.get(row)) });
      }
    }
    try {
      await journal.write(operations, durability, "completion");
    } catch (error) {
      for (const { event } of ids) table.setEventFlag(event, EVENT_FLAGS.removed, false);
      throw error;
    }
    if (remembered.length > 0) records.remembered(number, remembered.length, newestOf(remembered));
    for (const [w0 = 0, w1 = 0, w2 = 0, w3 = 0] of remembered) dedupe.add(w0, w1, w2, w3);
    for (const { event, id } of ids) {
      this.#dispatch.cancel(event);
      this.#line.forget(event);
      const targets = table.deliveriesOf(event).map((row) => book.targetOf(row));
      const record = table.record.get(event);
      if (record !== 0) records.count(record, -1);
      // One that stands in the routing's line is freed there.
      if (!table.hasEventFlag(event, EVENT_FLAGS.inLine)) book.removeEvent(event);
      for (const target of targets) this.#core.work.touch(target);
      duplicates.forget(id);
      emitter.emit({ type: "removed", id });
    }
  }

  /** Removes records on which nothing rests, and joins small ones; what fails is tried again the next time. */
  async #tidyRecords(now: number): Promise<void> {
    const { records, journal, log } = this.#core;
    const oldest = now - this.#retention().dedupeSeconds * 1000;
    try {
      const gone = records.takeEmpty();
      for (const number of records.rememberedBefore(oldest)) {
        gone.push(PREFIX.dedupe + number);
        records.forgetRemembered(number);
      }
      if (gone.length > 0) {
        await journal.write(
          gone.map((key) => ({ type: "remove", key }) as const),
          "lazy",
          "completion",
        );
      }
      await this.#joinRoutes();
      await this.#joinRemembered(oldest);
    } catch (error) {
      log.warn("retention.compaction-failed", { error: messageOf(error) });
    }
  }

  async #joinRoutes(): Promise<void> {
    const { table, records, journal } = this.#core;
    const small = records.smallRoutes(SMALL_ROUTES).slice(0, JOIN_MOST);
    if (small.length < JOIN_FROM) return;
    let joined: RoutedEvent[] = [];
    let from: number[] = [];
    const write = async (): Promise<void> => {
      const number = records.nextRoutes();
      const batch = joined.filter(({ id }) => this.#rowOf(id) !== 0);
      const operations: Operation[] = from.map((old) => ({ type: "remove", key: PREFIX.routes + old }));
      if (batch.length > 0) {
        operations.unshift({ type: "set", key: PREFIX.routes + number, value: encodeRoutes(batch) });
      }
      const sources = new Set(from);
      joined = [];
      from = [];
      await journal.write(operations, "lazy", "completion");
      if (batch.length > 0) records.seen(number);
      for (const { id } of batch) {
        const event = this.#rowOf(id);
        if (event === 0) continue;
        table.record.set(event, number);
        records.count(number, 1);
      }
      for (const old of sources) records.forget(old);
    };
    for (const number of small) {
      const value = await journal.get(PREFIX.routes + number);
      const events: RoutedEvent[] = [];
      const record = value === null ? null : decodeRoutes(value);
      for (let index = 0; index < (record?.count ?? 0); index++) {
        const event = routedEvent(record!, index);
        const row = this.#rowOf(event.id);
        if (row !== 0 && table.record.get(row) === number) events.push(event);
      }
      if (joined.length + events.length > MAX_ROUTED) await write();
      joined.push(...events);
      from.push(number);
    }
    if (from.length > 1) await write();
  }

  async #joinRemembered(oldest: number): Promise<void> {
    const { records, journal } = this.#core;
    const small = records.smallRemembered(SMALL_REMEMBERED).slice(0, JOIN_MOST);
    if (small.length < JOIN_FROM) return;
    const ids: IdWords[] = [];
    for (const number of small) {
      const value = await journal.get(PREFIX.dedupe + number);
      if (value === null) continue;
      visitIds(value, (...words) => {
        if (timeOf(words) >= oldest) ids.push(Uint32Array.from(words));
      });
    }
    const number = records.nextRemembered();
    const operations: Operation[] = small.map((old) => ({ type: "remove", key: PREFIX.dedupe + old }));
    if (ids.length > 0) {
      operations.unshift({ type: "set", key: PREFIX.dedupe + number, value: encodeIds(ids) });
    }
    await journal.write(operations, "lazy", "completion");
    for (const old of small) records.forgetRemembered(old);
    if (ids.length > 0) records.remembered(number, ids.length, newestOf(ids));
  }

  #rowOf([w0 = 0, w1 = 0, w2 = 0, w3 = 0]: IdWords): number {
    return this.#core.table.index.find(w0, w1, w2, w3);
  }
}

function timeOf([w0 = 0, w1 = 0]: Iterable<number>): number {
  return timeOfOrder(orderOf(w0, w1));
}

function newestOf(ids: readonly IdWords[]): number {
  return ids.reduce((newest, words) => Math.max(newest, timeOf(words)), 0);
}
