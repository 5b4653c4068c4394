/** Claims of one process's queue: takes deliveries out of the lanes, loads what is sent, and writes down how it ended. */
import { Cancellable } from "../../../lib/cancellation.ts";
import { messageOf } from "../../../lib/errors.ts";
import { ShortLivedMap } from "../../../lib/short-lived.ts";
import type { EventMeta, StoredEvent } from "../../event/event.ts";
import { decodeEvent } from "../../event/event.ts";
import type { TargetBook } from "./book.ts";
import type { Core } from "./core.ts";
import { newDelivery, settled } from "../../queue/delivery-state.ts";
import type { Delivery, Settlement } from "../../queue/delivery-state.ts";
import type { Claim, Room } from "../../queue/queue.ts";
import { deliveryNow, readDelivery } from "./reading.ts";
import { stateKey } from "./records.ts";
import { encodeState } from "./state-records.ts";
import { DELIVERY_FLAGS, DONE, SENDING, WAITING } from "./memory/table.ts";

/** How long a delivery waits whose event could not be read just now, and how often that may be before it is a dead letter. */
const READ_AGAIN_MS = 5000;
const MAX_READS = 12;
const UNREADABLE = "The stored event cannot be read";
const NOTHING_WRITTEN = Promise.resolve();

type Settle = (claim: LocalClaim, settlement: Settlement) => Promise<void>;

/** A class: an object with its own function would have to be named, through tsx, for every delivery. */
class LocalClaim implements Claim {
  readonly delivery: Delivery;
  readonly meta: EventMeta;
  readonly body: Uint8Array;
  readonly lost: Cancellable;
  isSettled = false;
  readonly #settle: Settle;

  constructor(delivery: Delivery, { meta, body }: StoredEvent, lost: Cancellable, settle: Settle) {
    this.delivery = delivery;
    this.meta = meta;
    this.body = body;
    this.lost = lost;
    this.#settle = settle;
  }

  settle(settlement: Settlement): Promise<void> {
    return this.#settle(this, settlement);
  }
}

export class Dispatch {
  readonly #core: Core;
  /** Claims that have not ended, by row of the delivery. */
  readonly #claims = new ShortLivedMap<number, Cancellable>();
  /** Longest wait of each target that its due times were held against, in milliseconds, by the target's code. */
  readonly #capped = new Map<number, number>();
  /** Failed readings in a row, by row of the delivery. */
  readonly #unread = new Map<number, number>();

  constructor(core: Core) {
    this.#core = core;
  }

  async claim(name: string, room: Room): Promise<Claim[]> {
    const { book, clock, journal, work, isClosed } = this.#core;
    const target = book.findTarget(name);
    // Whoever has taken the folder delivers what it holds.
    if (target === null || target.paused || isClosed() || journal.isLost()) return [];
    // Due times come from a wall clock once, at the start, and then stay on the monotonic one; settings may allow less than they did.
    if (room.capMs !== undefined && room.capMs !== this.#capped.get(target.code)) {
      this.#capped.set(target.code, room.capMs);
      target.lanes.capDue(clock.monotonic() + room.capMs);
      work.touch(target);
    }
    const rows = target.lanes.take(clock.monotonic(), room);
    if (rows.length === 0) return [];
    const loading = rows.map((row) => {
      const held = new Cancellable();
      book.setState(row, SENDING);
      this.#claims.set(row, held);
      return this.#load(target, row, held);
    });
    work.touch(target);
    const claims = await Promise.all(loading);
    return claims.filter((claim) => claim !== null);
  }

  /** Ends the claims of an event that is being removed. */
  cancel(event: number): void {
    for (const row of this.#core.table.deliveriesOf(event)) {
      this.#claims.get(row)?.abort(new Error("the event was removed"));
      this.#claims.delete(row);
      this.#unread.delete(row);
    }
  }

  async #load(target: TargetBook, row: number, held: Cancellable): Promise<Claim | null> {
    const { table, journal, log } = this.#core;
    const event = table.event.get(row);
    try {
      const reading = journal.get(table.index.keyOf(event));
      const [bytes, delivery] = table.hasDeliveryFlag(row, DELIVERY_FLAGS.written)
        ? await Promise.all([reading, readDelivery(this.#core, row)])
        : [await reading, deliveryNow(this.#core, row)];
      if (held.aborted) return null;
      if (bytes === null) throw new Error("the storage has no such event");
      if (this.#unread.size > 0) this.#unread.delete(row);
      return new LocalClaim(delivery, decodeEvent(bytes), held, (claim, settlement) =>
        this.#settle(target, row, claim, settlement),
      );
    } catch (error) {
      if (held.aborted) return null;
      const eventId = table.index.idOf(event);
      log.error("delivery.read-failed", { eventId, target: target.name, error: messageOf(error) });
      this.#claims.delete(row);
      this.#putAside(target, row);
      this.#core.work.touch(target);
      return null;
    }
  }

  /** A delivery whose event cannot be read waits a while; in the end it lets its lane go on. */
  #putAside(target: TargetBook, row: number): void {
    const { table, book, clock } = this.#core;
    const failures = (this.#unread.get(row) ?? 0) + 1;
    if (failures < MAX_READS) {
      this.#unread.set(row, failures);
      book.setState(row, WAITING);
      table.due.set(row, clock.monotonic() + READ_AGAIN_MS);
      target.lanes.giveBack(row);
      return;
    }
    this.#unread.delete(row);
    const at = clock.now();
    const attempt = { at, durationMs: 0, status: null, error: UNREADABLE, excerpt: null };
    const before = newDelivery(
      table.index.idOf(table.event.get(row)),
      target.name,
      table.replay.get(row),
      at,
    );
    const delivery = settled(before, { outcome: "dead", at, attempt, reason: UNREADABLE });
    const lane = target.lanes.keyOf(row);
    target.lanes.remove(row);
    book.bury(row, delivery);
    table.endedAt.set(row, at);
    void this.#write(row, delivery, lane);
  }

  #settle(target: TargetBook, row: number, claim: LocalClaim, settlement: Settlement): Promise<void> {
    const { table, book, clock, events, work } = this.#core;
    if (claim.isSettled || claim.lost.aborted) return NOTHING_WRITTEN;
    claim.isSettled = true;
    this.#claims.delete(row);
    const delivery = settled(claim.delivery, settlement);
    const lane = target.lanes.keyOf(row);
    table.attempts.set(row, Math.min(delivery.attempts, 0xffff));
    if (delivery.endedAt === null) {
      book.setState(row, WAITING);
      table.due.set(row, clock.monotonic() + Math.max(0, delivery.dueAt! - clock.now()));
      target.lanes.giveBack(row);
    } else {
      target.lanes.remove(row);
      if (delivery.state === "dead") book.bury(row, delivery);
      else book.setState(row, DONE);
      table.endedAt.set(row, delivery.endedAt);
    }
    // An end lets nothing go on but the next one of its lane.
    if (lane !== null || delivery.endedAt === null) work.touch(target);
    const attempt = settlement.outcome === "released" ? null : settlement.attempt;
    const written = attempt === null ? NOTHING_WRITTEN : this.#write(row, delivery, lane);
    events.emit({ type: "settled", meta: claim.meta, delivery, attempt });
    return written;
  }

  /** A state that cannot be written costs at most a repetition after a crash, which the promise of the queue allows. */
  #write(row: number, delivery: Delivery, lane: string | null): Promise<void> {
    const { table, journal, log } = this.#core;
    const { eventId, target, replay } = delivery;
    table.setDeliveryFlag(row, DELIVERY_FLAGS.written);
    const value = encodeState({ delivery, lane, order: table.replayOrder(row) });
    return journal
      .write([{ type: "set", key: stateKey(eventId, target, replay), value }], "lazy", "completion")
      .catch((error: unknown) => {
        log.warn("delivery.write-failed", { eventId, target, error: messageOf(error) });
      });
  }
}
