/** Replays: new deliveries of stored events, each with its own number, durable before they are promised. */
import type { Operation } from "../journal/types.ts";
import type { Core } from "./core.ts";
import { newDelivery } from "../../queue/delivery-state.ts";
import { scanEvents } from "./list.ts";
import type { EventFilter } from "../../queue/queue.ts";
import { findById, readState } from "./reading.ts";
import { encodeState, stateKey } from "./records.ts";
import { DELIVERY_FLAGS } from "./memory/table.ts";

/** Events whose replays are written together. */
const TOGETHER = 100;

interface Plan {
  readonly id: string;
  readonly target: string;
  readonly replay: number;
  readonly order: number;
  readonly lane: string | null;
}

export class Replays {
  readonly #core: Core;
  /** The replays before: the next ones wait for them, as each takes the next number. */
  #before: Promise<unknown> = Promise.resolve();

  constructor(core: Core) {
    this.#core = core;
  }

  replay(id: string, targets: readonly string[] | null): Promise<readonly string[] | null> {
    return this.#inTurn(async () => {
      const event = findById(this.#core, id);
      if (event === 0) return null;
      const names = [...new Set(targets ?? this.#targetsOf(event))];
      await this.#write(await this.#plan(id, names));
      return findById(this.#core, id) === 0 ? null : names;
    });
  }

  async replayDead(filter: EventFilter): Promise<number> {
    let replayed = 0;
    let cursor: string | null = null;
    do {
      const scan = await scanEvents(
        this.#core,
        { ...filter, state: "dead" },
        TOGETHER,
        cursor,
        Number.POSITIVE_INFINITY,
      );
      const ids = scan.found.map(({ id }) => id);
      replayed += await this.#inTurn(async () => {
        const plans: Plan[] = [];
        for (const id of ids) plans.push(...(await this.#plan(id, this.#deadTargets(id, filter.target))));
        await this.#write(plans);
        return plans.length;
      });
      cursor = scan.cursor;
    } while (cursor !== null);
    return replayed;
  }

  /** Resolves once no replay is being written. */
  async close(): Promise<void> {
    await this.#before;
  }

  #inTurn<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#before.then(task);
    this.#before = result.catch(() => {});
    return result;
  }

  #targetsOf(event: number): string[] {
    const { table, book } = this.#core;
    return table
      .deliveriesOf(event)
      .map((row) => book.targetOf(row).name)
      .toReversed();
  }

  #deadTargets(id: string, only: string | undefined): string[] {
    const { table, book } = this.#core;
    const event = findById(this.#core, id);
    if (event === 0) return [];
    return table
      .deliveriesOf(event)
      .filter((row) => book.isDeadLetter(row))
      .map((row) => book.targetOf(row).name)
      .filter((name) => only === undefined || name === only);
  }

  async #plan(id: string, names: readonly string[]): Promise<Plan[]> {
    const { table, book, orders, clock } = this.#core;
    const event = findById(this.#core, id);
    const plans: Plan[] = [];
    for (const target of names) {
      const earlier = table.deliveriesOf(event).filter((row) => book.targetOf(row).name === target);
      const latest = earlier.sort((a, b) => table.replay.get(b) - table.replay.get(a))[0];
      const replay = latest === undefined ? 1 : table.replay.get(latest) + 1;
      const lane =
        latest === undefined
          ? null
          : (book.targetOf(latest).lanes.keyOf(latest) ??
            (await readState(this.#core, latest))?.lane ??
            null);
      plans.push({ id, target, replay, order: orders.next(clock.now()), lane });
    }
    return plans;
  }

  async #write(plans: readonly Plan[]): Promise<void> {
    if (plans.length === 0) return;
    const { table, book, clock, journal, work, events } = this.#core;
    const operations = plans.map(({ id, target, replay, order, lane }): Operation => {
      const delivery = newDelivery(id, target, replay, clock.now());
      return {
        type: "set",
        key: stateKey(id, target, replay),
        value: encodeState({ delivery, lane, order }),
      };
    });
    await journal.write(operations, "synced");
    const replayed = new Map<string, string[]>();
    for (const { id, target: name, replay, order, lane } of plans) {
      const event = findById(this.#core, id);
      if (event === 0) continue;
      const target = book.target(name);
      const row = table.addDelivery(event, target.code, replay, order);
      table.setDeliveryFlag(row, DELIVERY_FLAGS.written);
      book.admit(row, lane);
      work.touch(target);
      replayed.set(id, [...(replayed.get(id) ?? []), name]);
    }
    for (const [id, targets] of replayed) events.emit({ type: "replayed", id, targets });
  }
}
