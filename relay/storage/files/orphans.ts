/**
 * Deliveries of targets that the settings no longer have. No worker takes them: they wait, are counted, can be moved to another
 * target, and become dead letters once their event is older than ORPHAN_MAX_AGE_MS.
 */
import { givenUp, moved, type Delivery } from "../../queue/delivery-state.ts";
import { TargetExistsError, UnknownTargetError } from "../../queue/errors.ts";
import { ORPHAN_MAX_AGE_MS, orphanReason } from "../../queue/orphans.ts";
import type { Operation } from "../journal/types.ts";
import type { TargetBook } from "./book.ts";
import { breathe, type Core } from "./core.ts";
import { DEAD, DELIVERY_FLAGS, WAITING } from "./memory/table.ts";
import { findById, readDelivery, readMeta, readState } from "./reading.ts";
import { stateKey } from "./records.ts";
import { encodeState } from "./state-records.ts";
import type { NewReplay, Replays } from "./replays.ts";

/** Deliveries that are written together. */
const TOGETHER = 100;
/** Rows that are looked at between two breaths. */
const SLICE_ROWS = 4096;

interface Orphan {
  readonly id: string;
  readonly row: number;
  /** State in the table when it was found. */
  readonly state: number;
}

export class Orphans {
  readonly #core: Core;
  readonly #replays: Replays;

  constructor(core: Core, replays: Replays) {
    this.#core = core;
    this.#replays = replays;
  }

  /** As Queue.move(). */
  async move(from: string, to: string): Promise<number> {
    const { book } = this.#core;
    if (book.isConfigured(from)) throw new TargetExistsError(from);
    if (!book.isConfigured(to)) throw new UnknownTargetError(to);
    const target = book.findTarget(from);
    if (target === null) return 0;
    let count = 0;
    for await (const batch of this.#batches(target, Number.POSITIVE_INFINITY, [WAITING, DEAD]))
      count += await this.#replays.inTurn(() => this.#moveTogether(batch, to));
    return count;
  }

  /** Makes dead letters of what is too old; returns how many. */
  async expire(): Promise<number> {
    const { book, steady } = this.#core;
    let count = 0;
    for (const target of book.targets) {
      if (target.isConfigured || target.counts[WAITING] === 0) continue;
      const before = steady.now() - ORPHAN_MAX_AGE_MS;
      for await (const batch of this.#batches(target, before, [WAITING])) count += await this.#bury(batch);
    }
    return count;
  }

  /** Deliveries of a target in these states, oldest event first, of events stored before `before`. */
  async *#batches(
    target: TargetBook,
    before: number,
    states: readonly number[],
  ): AsyncGenerator<readonly Orphan[]> {
    const { table, book, isClosed } = this.#core;
    const walker = table.walk(table.oldestEvent, "newer");
    let batch: Orphan[] = [];
    try {
      for (let looked = 1; !isClosed(); looked++) {
        const event = walker.next();
        if (event === 0 || table.receivedAt(event) > before) break;
        for (const row of table.deliveriesOf(event)) {
          const state = table.state.get(row);
          if (table.target.get(row) !== target.code || !states.includes(state) || !book.isStanding(row))
            continue;
          batch.push({ id: table.index.idOf(event), row, state });
        }
        if (batch.length >= TOGETHER) {
          yield batch;
          batch = [];
        }
        if (looked % SLICE_ROWS === 0) await breathe();
      }
      if (batch.length > 0) yield batch;
    } finally {
      walker.close();
    }
  }

  /** Whether it is still what was found: it may have been removed, or taken by a worker whose target is back. */
  #isThere({ id, row, state }: Orphan): boolean {
    const { table } = this.#core;
    const event = findById(this.#core, id);
    return event !== 0 && table.deliveriesOf(event).includes(row) && table.state.get(row) === state;
  }

  async #moveTogether(batch: readonly Orphan[], to: string): Promise<number> {
    const { table, book, clock, journal, work } = this.#core;
    const fresh: NewReplay[] = [];
    const operations: Operation[] = [];
    const ended: Orphan[] = [];
    for (const orphan of batch) {
      if (!this.#isThere(orphan)) continue;
      const { id, row } = orphan;
      const lane = book.targetOf(row).lanes.keyOf(row) ?? (await readState(this.#core, row))?.lane ?? null;
      const delivery = moved(await readDelivery(this.#core, row), clock.now(), to);
      if (!this.#isThere(orphan)) continue;
      ended.push(orphan);
      operations.push(this.#writing(row, delivery, lane));
      if (this.#replays.openDelivery(id, to) === 0) fresh.push(await this.#replays.newReplay(id, to));
    }
    await journal.write([...this.#replays.writingOf(fresh), ...operations], "synced");
    this.#replays.admit(fresh);
    for (const orphan of ended) {
      if (!this.#isThere(orphan)) continue;
      table.setDeliveryFlag(orphan.row, DELIVERY_FLAGS.written);
      book.retire(orphan.row, clock.now());
    }
    work.touch(book.target(to));
    for (const { id } of ended) this.#core.events.emit({ type: "replayed", id, targets: [to] });
    return ended.length;
  }

  async #bury(batch: readonly Orphan[]): Promise<number> {
    const { table, book, clock, journal, events } = this.#core;
    const operations: Operation[] = [];
    const buried: { readonly orphan: Orphan; readonly delivery: Delivery }[] = [];
    for (const orphan of batch) {
      if (!this.#isThere(orphan)) continue;
      const { row } = orphan;
      const target = book.targetOf(row);
      const lane = target.lanes.keyOf(row);
      const delivery = givenUp(await readDelivery(this.#core, row), clock.now(), orphanReason(target.name));
      if (!this.#isThere(orphan)) continue;
      operations.push(this.#writing(row, delivery, lane));
      buried.push({ orphan, delivery });
    }
    if (operations.length === 0) return 0;
    await journal.write(operations, "synced", "completion");
    for (const { orphan, delivery } of buried) {
      if (!this.#isThere(orphan)) continue;
      const { row, id } = orphan;
      table.setDeliveryFlag(row, DELIVERY_FLAGS.written);
      book.targetOf(row).lanes.remove(row);
      book.bury(row, delivery);
      table.endedAt.set(row, delivery.endedAt ?? clock.now());
      const meta = await readMeta(this.#core, table.index.keyOf(findById(this.#core, id)));
      if (meta !== null) events.emit({ type: "settled", meta, delivery, attempt: null });
    }
    return buried.length;
  }

  #writing(row: number, delivery: Delivery, lane: string | null): Operation {
    const { eventId, target, replay } = delivery;
    const value = encodeState({ delivery, lane, order: this.#core.table.replayOrder(row) });
    return { type: "set", key: stateKey(eventId, target, replay), value };
  }
}
