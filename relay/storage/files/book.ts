/**
 * The books of one process's queue: which deliveries each target has, in which state, and what may go next. Every change of a
 * delivery's state goes through here, so that the counters are always those of the rows.
 */
import type { Clock } from "../../../lib/clock.ts";
import { Dictionary } from "./memory/dictionary.ts";
import { Lanes } from "./memory/lanes.ts";
import type { Delivery } from "../../queue/delivery-state.ts";
import { DEAD_REASONS, deadReasonCode } from "../../queue/dead-reason.ts";
import type { EventState, QueueStats, Router, TargetStats } from "../../queue/queue.ts";
import { DEAD, DELIVERY_FLAGS, DONE, EVENT_FLAGS, SENDING, STATES, WAITING } from "./memory/table.ts";
import type { EventTable, Walker } from "./memory/table.ts";

export interface TargetBook {
  readonly name: string;
  readonly code: number;
  readonly lanes: Lanes;
  /** Deliveries by state; what a replay stands for is not counted any more. */
  readonly counts: [number, number, number, number];
  /** The dead ones of these by reason, at its place in DEAD_REASONS. */
  readonly deadReasons: number[];
  paused: boolean;
  /** Whether the settings have it. What waits for a target that they no longer have is an orphan. */
  isConfigured: boolean;
  /** At or before the oldest event with an unfinished delivery to this target; at the end if there is none. */
  readonly oldest: Walker;
}

export class Book {
  readonly table: EventTable;
  readonly #clock: Clock;
  readonly #targets = new Dictionary<TargetBook>();
  #unrouted = 0;
  #laneOf: Router["laneOf"];

  constructor(table: EventTable, clock: Clock) {
    this.table = table;
    this.#clock = clock;
  }

  target(name: string): TargetBook {
    const code = this.#targets.find(name);
    if (code !== null) return this.#targets.value(code);
    const book: TargetBook = {
      name,
      code: this.#targets.values.length,
      lanes: new Lanes(this.table),
      counts: [0, 0, 0, 0],
      deadReasons: DEAD_REASONS.map(() => 0),
      paused: false,
      isConfigured: false,
      oldest: this.table.walk(0, "newer"),
    };
    this.#targets.code(name, book);
    return book;
  }

  /** The book of a target that has had deliveries or a setting; null if there is none. */
  findTarget(name: string): TargetBook | null {
    const code = this.#targets.find(name);
    return code === null ? null : this.#targets.value(code);
  }

  isConfigured(name: string): boolean {
    return this.findTarget(name)?.isConfigured === true;
  }

  /** From now on these are the targets that exist, and these the lanes of events that they get unmatched. */
  configure(names: readonly string[], laneOf: Router["laneOf"]): void {
    for (const target of this.targets) target.isConfigured = false;
    for (const name of names) this.target(name).isConfigured = true;
    this.#laneOf = laneOf;
  }

  /** How to tell the lane of an event that a target gets without having been matched; undefined: no target has lanes. */
  get laneOf(): Router["laneOf"] {
    return this.#laneOf;
  }

  targetOf(delivery: number): TargetBook {
    return this.#targets.value(this.table.target.get(delivery));
  }

  get targets(): readonly TargetBook[] {
    return this.#targets.values;
  }

  get unrouted(): number {
    return this.#unrouted;
  }

  /** An event that is there and in its place in the order. */
  eventAppeared(event: number): void {
    if (!this.table.hasEventFlag(event, EVENT_FLAGS.routed)) this.#unrouted++;
  }

  eventRouted(event: number): void {
    this.table.setEventFlag(event, EVENT_FLAGS.routed, true);
    this.#unrouted--;
  }

  /** A delivery whose columns are filled begins to count, and to wait in its lane if it is not final. */
  admit(delivery: number, lane: string | null): void {
    const { table } = this;
    const target = this.targetOf(delivery);
    const state = table.state.get(delivery);
    this.#supersede(delivery);
    if (this.isStanding(delivery)) this.#count(delivery, 1);
    if (state !== WAITING) return;
    target.lanes.add(delivery, lane);
    const event = table.event.get(delivery);
    const stand = target.oldest.peek();
    if (stand === 0 || table.index.orderOf(event) < table.index.orderOf(stand)) target.oldest.moveTo(event);
  }

  /** Any state but dead, which bury() sets. */
  setState(delivery: number, state: number): void {
    if (this.isStanding(delivery)) this.#count(delivery, -1);
    this.table.state.set(delivery, state);
    if (this.isStanding(delivery)) this.#count(delivery, 1);
  }

  /** A delivery that is not over is dead from now on. */
  bury(row: number, delivery: Pick<Delivery, "reason" | "history">): void {
    this.table.deadReason.set(row, deadReasonCode(delivery));
    this.setState(row, DEAD);
  }

  /** Frees an event and all that is known of it. */
  removeEvent(event: number): void {
    const { table } = this;
    if (!table.hasEventFlag(event, EVENT_FLAGS.routed)) this.#unrouted--;
    for (const delivery of table.deliveriesOf(event)) {
      const target = this.targetOf(delivery);
      if (this.isStanding(delivery)) this.#count(delivery, -1);
      if (!this.isFinal(delivery)) target.lanes.remove(delivery);
    }
    table.removeEvent(event);
  }

  /** A delivery that waits or is dead ends, as another one stands for it. @param at wall clock */
  retire(delivery: number, at: number): void {
    const { table } = this;
    const target = this.targetOf(delivery);
    if (this.isStanding(delivery)) this.#count(delivery, -1);
    if (!this.isFinal(delivery)) target.lanes.remove(delivery);
    table.setDeliveryFlag(delivery, DELIVERY_FLAGS.superseded);
    table.state.set(delivery, DEAD);
    table.endedAt.set(delivery, at);
  }

  isFinal(delivery: number): boolean {
    return this.table.state.get(delivery) >= DONE;
  }

  /** Whether no later replay to the same target stands for it. */
  isLatest(delivery: number): boolean {
    return !this.table.hasDeliveryFlag(delivery, DELIVERY_FLAGS.superseded);
  }

  /** Whether it counts, and decides about its event: a final one that a replay stands for does not. As in filter.ts. */
  isStanding(delivery: number): boolean {
    return !this.isFinal(delivery) || this.isLatest(delivery);
  }

  /** A dead delivery that no replay stands for. */
  isDeadLetter(delivery: number): boolean {
    return this.table.state.get(delivery) === DEAD && this.isLatest(delivery);
  }

  /** As eventState() of filter.ts says. */
  eventState(event: number): EventState {
    const { table } = this;
    if (!table.hasEventFlag(event, EVENT_FLAGS.routed)) return "unrouted";
    let row = table.firstDelivery.get(event);
    if (row === 0) return "unmatched";
    let found: EventState = "done";
    for (; row !== 0; row = table.sibling.get(row)) {
      if (!this.isStanding(row)) continue;
      const state = table.state.get(row);
      if (state === DEAD) return "dead";
      if (state === SENDING) found = "sending";
      else if (state === WAITING && found === "done") found = "waiting";
    }
    return found;
  }

  /** Wall clock of a due time on the monotonic clock. */
  wallDue(delivery: number): number {
    return Math.round(this.#clock.now() + this.table.due.get(delivery) - this.#clock.monotonic());
  }

  targetStats(): Map<string, TargetStats> {
    return new Map(
      this.targets.map((target) => [
        target.name,
        {
          waiting: target.counts[WAITING],
          sending: target.counts[SENDING],
          dead: target.counts[DEAD],
          deadReasons: new Map(
            target.deadReasons.flatMap((count, code) => (count === 0 ? [] : [[DEAD_REASONS[code]!, count]])),
          ),
          lanes: target.lanes.laneCount,
          paused: target.paused,
          exists: target.isConfigured,
          oldestAt: this.#oldestAt(target),
        },
      ]),
    );
  }

  /** Events by the name that a filter knows their kind by. */
  kinds(): Map<string, number> {
    const { kinds, kindCounts } = this.table;
    const counts = new Map<string, number>();
    for (const [code, { kind, eventName }] of kinds.values.entries()) {
      const count = kindCounts[code] ?? 0;
      const name = kind ?? eventName;
      if (count > 0 && name !== null) counts.set(name, (counts.get(name) ?? 0) + count);
    }
    return counts;
  }

  byState(): QueueStats["byState"] {
    const totals: Record<(typeof STATES)[number], number> = { waiting: 0, sending: 0, done: 0, dead: 0 };
    for (const target of this.targets) {
      STATES.forEach((state, code) => {
        totals[state] += target.counts[code]!;
      });
    }
    return totals;
  }

  #oldestAt(target: TargetBook): number | null {
    const { table } = this;
    if (target.counts[WAITING] + target.counts[SENDING] === 0) {
      target.oldest.moveTo(0);
      return null;
    }
    for (let event = target.oldest.peek(); event !== 0; event = table.newer.get(event)) {
      target.oldest.moveTo(event);
      for (let row = table.firstDelivery.get(event); row !== 0; row = table.sibling.get(row)) {
        if (table.target.get(row) === target.code && !this.isFinal(row)) return table.receivedAt(event);
      }
    }
    return null;
  }

  /** Marks what this delivery stands for, or this one where a later replay is there already. */
  #supersede(delivery: number): void {
    const { table } = this;
    if (table.sibling.get(table.firstDelivery.get(table.event.get(delivery))) === 0) return;
    const number = table.replay.get(delivery);
    const target = this.targetOf(delivery);
    const siblings = table.deliveriesOf(table.event.get(delivery));
    for (const other of siblings) {
      if (other === delivery || table.target.get(other) !== target.code) continue;
      const earlier = table.replay.get(other) < number ? other : delivery;
      if (table.hasDeliveryFlag(earlier, DELIVERY_FLAGS.superseded)) continue;
      const counted = earlier === other && this.isStanding(earlier);
      table.setDeliveryFlag(earlier, DELIVERY_FLAGS.superseded);
      if (counted && !this.isStanding(earlier)) this.#count(earlier, -1);
    }
  }

  /** One more, or one less, of a delivery's state and reason. */
  #count(delivery: number, change: 1 | -1): void {
    const { counts, deadReasons } = this.targetOf(delivery);
    const { state: states, deadReason, deadRows } = this.table;
    const state = states.get(delivery);
    counts[state]! += change;
    if (state !== DEAD) return;
    deadReasons[deadReason.get(delivery)]! += change;
    if (change > 0) deadRows.add(delivery);
    else deadRows.remove(delivery);
  }
}
