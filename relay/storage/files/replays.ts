/**
 * Replays: new deliveries of stored events, each with its own number, durable before they are promised. A delivery that still
 * waits is sent now instead, so that no target gets an event twice for one replay.
 */
import type { Operation } from "../journal/types.ts";
import type { Core } from "./core.ts";
import { newDelivery } from "../../queue/delivery-state.ts";
import { UnknownTargetError } from "../../queue/errors.ts";
import { deliveryMatches } from "../../queue/filter.ts";
import type { EventFilter } from "../../queue/queue.ts";
import { deliveryNow, findById, readDelivery, readMeta, readState } from "./reading.ts";
import { stateKey } from "./records.ts";
import { encodeState } from "./state-records.ts";
import { DELIVERY_FLAGS, WAITING } from "./memory/table.ts";

/** An event and the targets that get it again. */
interface Order {
  readonly id: string;
  readonly targets: readonly string[];
}

export interface NewReplay {
  readonly id: string;
  readonly target: string;
  readonly replay: number;
  readonly order: number;
  readonly lane: string | null;
}

export class Replays {
  readonly #core: Core;

  constructor(core: Core) {
    this.#core = core;
  }

  replay(id: string, targets: readonly string[] | null): Promise<readonly string[] | null> {
    return this.inTurn(async () => {
      const event = findById(this.#core, id);
      if (event === 0) return null;
      this.#refuseUnknown(targets);
      const names = [...new Set(targets ?? this.#targetsOf(event))];
      await this.#carryOut([{ id, targets: names }]);
      return findById(this.#core, id) === 0 ? null : names;
    });
  }

  /** Resolves once no replay is being written. */
  async close(): Promise<void> {
    await this.#core.turns.idle();
  }

  /** Runs a task that numbers replays after those before it. */
  inTurn<T>(task: () => Promise<T>): Promise<T> {
    return this.#core.turns.run(task);
  }

  #refuseUnknown(targets: readonly string[] | null): void {
    const unknown = targets?.find((name) => !this.#core.book.isConfigured(name));
    if (unknown !== undefined) throw new UnknownTargetError(unknown);
  }

  /** The targets that an event was matched with, of those that exist. */
  #targetsOf(event: number): string[] {
    const { table, book } = this.#core;
    return table
      .deliveriesOf(event)
      .map((row) => book.targetOf(row))
      .filter((target) => target.isConfigured)
      .map((target) => target.name)
      .toReversed();
  }

  /** The targets that exist and to which the event's delivery is as the filter asks. */
  async targetsIn(id: string, filter: EventFilter): Promise<string[]> {
    const { table, book } = this.#core;
    const event = findById(this.#core, id);
    if (event === 0) return [];
    const standing = table
      .deliveriesOf(event)
      .filter((row) => book.isStanding(row) && book.targetOf(row).isConfigured);
    // The last answer is on disk alone.
    const read = filter.status === undefined ? deliveryNow : readDelivery;
    const deliveries = await Promise.all(standing.map((row) => read(this.#core, row)));
    const names = deliveries.filter((one) => deliveryMatches(one, filter)).map(({ target }) => target);
    return [...new Set(names)];
  }

  /** Resolves when every target of every order has a delivery on stable storage that is sent now. */
  async #carryOut(orders: readonly Order[]): Promise<void> {
    const fresh: NewReplay[] = [];
    const hastened: Promise<void>[] = [];
    for (const { id, targets } of orders) {
      for (const name of targets) {
        const open = this.openDelivery(id, name);
        if (open === 0) fresh.push(await this.newReplay(id, name));
        else {
          const written = (await this.hasten(id, open))?.written;
          // Awaited below, with the others; until then its failure is not an unhandled one.
          written?.catch(() => {});
          if (written !== undefined) hastened.push(written);
        }
      }
    }
    await Promise.all([this.#write(fresh), ...hastened]);
    for (const { id, targets } of orders) {
      if (targets.length > 0 && findById(this.#core, id) !== 0)
        this.#core.events.emit({ type: "replayed", id, targets });
    }
  }

  /** The delivery to this target that is not over yet; 0: there is none. */
  openDelivery(id: string, name: string): number {
    const { table, book } = this.#core;
    const rows = table.deliveriesOf(findById(this.#core, id));
    return rows.find((row) => !book.isFinal(row) && book.targetOf(row).name === name) ?? 0;
  }

  /** Makes a waiting delivery due now, and begins to write that; null: it needs no writing, as it is due or being sent. */
  async hasten(id: string, row: number): Promise<{ readonly written: Promise<void> } | null> {
    const { table, book, clock, journal, work } = this.#core;
    const target = book.targetOf(row);
    const isWaiting = (): boolean =>
      this.openDelivery(id, target.name) === row && table.state.get(row) === WAITING;
    const now = clock.monotonic();
    if (!isWaiting() || table.due.get(row) <= now) return null;
    const delivery = { ...(await readDelivery(this.#core, row)), dueAt: clock.now() };
    if (!isWaiting()) return null;
    // In one turn with the write: whatever settles it from now on is written after this.
    target.lanes.reschedule(row, now);
    table.setDeliveryFlag(row, DELIVERY_FLAGS.written);
    work.touch(target);
    const value = encodeState({ delivery, lane: target.lanes.keyOf(row), order: table.replayOrder(row) });
    const key = stateKey(id, target.name, delivery.replay);
    return { written: journal.write([{ type: "set", key, value }], "synced") };
  }

  /** The next replay to a target. It goes into the lane of the delivery before it, else into the one that the routing names. */
  async newReplay(id: string, target: string): Promise<NewReplay> {
    const { table, book, orders, clock } = this.#core;
    const event = findById(this.#core, id);
    const earlier = table.deliveriesOf(event).filter((row) => book.targetOf(row).name === target);
    const latest = earlier.sort((a, b) => table.replay.get(b) - table.replay.get(a))[0];
    const order = orders.next(clock.now());
    if (latest === undefined)
      return { id, target, replay: 1, order, lane: await this.#routedLane(event, target) };
    const replay = table.replay.get(latest) + 1;
    const present = book.targetOf(latest).lanes.keyOf(latest);
    return {
      id,
      target,
      replay,
      order,
      lane: present ?? (await readState(this.#core, latest))?.lane ?? null,
    };
  }

  /** The lane of an event at a target that it was not matched with, or not yet. */
  async #routedLane(event: number, target: string): Promise<string | null> {
    const { table, book } = this.#core;
    if (event === 0 || book.laneOf === undefined) return null;
    const meta = await readMeta(this.#core, table.index.keyOf(event));
    return meta === null ? null : book.laneOf(meta, target);
  }

  async #write(replays: readonly NewReplay[]): Promise<void> {
    if (replays.length === 0) return;
    await this.#core.journal.write(this.writingOf(replays), "synced");
    this.admit(replays);
  }

  /** What makes them durable. */
  writingOf(replays: readonly NewReplay[]): Operation[] {
    return replays.map(({ id, target, replay, order, lane }) => {
      const delivery = newDelivery(id, target, replay, this.#core.clock.now());
      const value = encodeState({ delivery, lane, order });
      return { type: "set", key: stateKey(id, target, replay), value };
    });
  }

  /** Takes what is durable into the tables. */
  admit(replays: readonly NewReplay[]): void {
    const { table, book, work } = this.#core;
    for (const { id, target: name, replay, order, lane } of replays) {
      const event = findById(this.#core, id);
      if (event === 0) continue;
      const target = book.target(name);
      const row = table.addDelivery(event, target.code, replay, order);
      table.setDeliveryFlag(row, DELIVERY_FLAGS.written);
      book.admit(row, lane);
      work.touch(target);
    }
  }
}
