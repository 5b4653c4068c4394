/**
 * What the queue of one process knows of its events and deliveries, in memory: about 50 bytes for an event with one delivery.
 * Bodies, metadata and the history of attempts stay in the storage. Row numbers are good until the row is freed.
 */
import { Column, LinkColumn, RowAllocator } from "../../columns/columns.ts";
import type { IdRows } from "../../columns/id-rows.ts";
import type { DeliveryState } from "../../../queue/delivery-state.ts";
import type { EventMeta } from "../../../event/event.ts";
import { GITLAB_IDS, gitlabIdNumbers } from "../../../event/gitlab-ids.ts";
import { timeOfOrder } from "../../../event/event-id.ts";
import { DeadRows } from "./dead-rows.ts";
import { Dictionary, pairName } from "./dictionary.ts";
import { EventIndex } from "./event-index.ts";
import { ProjectCodes } from "./project-codes.ts";
import type { LaneRows } from "./lanes.ts";

export const EVENT_FLAGS = {
  /** Its bytes are in the storage. Without it the row only waits for its event while the storage is read. */
  present: 1,
  /** Its targets are known. */
  routed: 2,
  /** Stands in the line of those to be routed. */
  inLine: 4,
  /** Is being removed, or was while it stood in line: it may not be seen. */
  removed: 8,
} as const;

export const DELIVERY_FLAGS = {
  /** A later replay to the same target, or a delivery to another one that it was moved to, stands for it. */
  superseded: 1,
  /** Has its own key in the storage. */
  written: 2,
} as const;

export const STATES: readonly DeliveryState[] = ["waiting", "sending", "done", "dead"];
export const WAITING = 0;
export const SENDING = 1;
export const DONE = 2;
export const DEAD = 3;

export interface KindEntry {
  readonly kind: string | null;
  readonly eventName: string | null;
}

/** Goes from event to event and stays right when events are removed meanwhile; close() it. */
export interface Walker {
  /** The event where it stands, and one step on; 0 at the end. */
  next(): number;
  /** The event where it stands; 0 at the end. */
  peek(): number;
  moveTo(event: number): void;
  close(): void;
}

export class EventTable implements LaneRows {
  readonly index: EventIndex;
  /** How long before it was stored it was received, milliseconds. */
  readonly #receivedBefore = new Column();
  readonly bytes = new Column(2);
  /** Set with setKind(). */
  readonly kind = new Column();
  readonly project = new Column();
  /** Number of the record that holds its routes; 0: none yet. */
  readonly record = new Column(2);
  /** Numbers of the ids that GitLab gave the delivery (gitlab-ids.ts), 12 bytes an event; 0: none, or not known. */
  readonly gitlabIds: readonly Column[] = Array.from({ length: GITLAB_IDS }, () => new Column(4));
  readonly eventFlags = new Column();
  readonly firstDelivery = new LinkColumn();
  readonly newer = new LinkColumn();
  readonly older = new LinkColumn();
  readonly kinds = new Dictionary<KindEntry>();
  /** Events of each kind, by its code. */
  readonly kindCounts: number[] = [];
  readonly projects = new ProjectCodes();

  readonly deliveries = new RowAllocator();
  readonly event = new LinkColumn();
  readonly sibling = new LinkColumn();
  readonly target = new Column();
  readonly replay = new Column();
  readonly state = new Column();
  readonly deliveryFlags = new Column();
  readonly attempts = new Column();
  /** Once it is dead: place of its reason in DEAD_REASONS. */
  readonly deadReason = new Column();
  /** While it is not over: monotonic clock from which it may be sent, 0: at once. */
  readonly due = new Column();
  /** Once it is over: wall clock at which it ended. No delivery has both, so both have the same cells. */
  readonly endedAt = this.due;
  /** Number of its lane, once the lanes are filled; 0: none. */
  readonly lane = new Column();
  /** Before that, while a start reads: code of its lane's name, plus 1; in the cells of `lane`. */
  readonly laneName = this.lane;
  readonly next = new LinkColumn();
  readonly previous = new LinkColumn();
  readonly place = new LinkColumn();
  /** What has ended as a dead letter and no replay stands for; the book keeps it. */
  readonly deadRows = new DeadRows(this.place);
  readonly #replayOrder = new Map<number, number>();

  #newest = 0;
  #oldest = 0;
  #linked = 0;
  readonly #walkers = new Set<{ at: number; readonly step: LinkColumn }>();

  /** @param ids of which the journal may hold rows, too */
  constructor(ids?: IdRows) {
    this.index = new EventIndex(ids);
    // Code 0 stands for "not known yet".
    this.kinds.code("?", { kind: null, eventName: null });
  }

  /** Wall clock of receipt. */
  receivedAt(event: number): number {
    return timeOfOrder(this.index.orderOf(event)) - this.#receivedBefore.get(event);
  }

  setReceivedAt(event: number, at: number): void {
    this.#receivedBefore.set(event, timeOfOrder(this.index.orderOf(event)) - at);
  }

  /** Order of a replay; null: it has its event's. */
  replayOrder(delivery: number): number | null {
    return this.#replayOrder.get(delivery) ?? null;
  }

  /** Order of storing of a delivery: its event's, or the time of the replay. */
  order(delivery: number): number {
    return this.#replayOrder.get(delivery) ?? this.index.orderOf(this.event.get(delivery));
  }

  /** Puts an event among those that are walked through, by its order; nearly always it is the newest. */
  link(event: number): void {
    const order = this.index.orderOf(event);
    let older = this.#newest;
    while (older !== 0 && this.index.orderOf(older) > order) older = this.older.get(older);
    const newer = older === 0 ? this.#oldest : this.newer.get(older);
    this.older.set(event, older);
    this.newer.set(event, newer);
    if (older === 0) this.#oldest = event;
    else this.newer.set(older, event);
    if (newer === 0) this.#newest = event;
    else this.older.set(newer, event);
    this.#linked++;
  }

  /** Takes an event from among those that are walked through, and frees it. */
  removeEvent(event: number): void {
    this.#unlink(event);
    this.freeEvent(event);
  }

  /** Frees an event that was never linked, and its deliveries, which are in no lane any more. */
  freeEvent(event: number): void {
    for (let row = this.firstDelivery.get(event); row !== 0;) {
      const sibling = this.sibling.get(row);
      this.freeDelivery(row);
      row = sibling;
    }
    this.setKind(event, 0);
    for (const column of [this.#receivedBefore, this.bytes, this.project, this.record]) column.set(event, 0);
    for (const column of [this.firstDelivery, this.newer, this.older]) column.set(event, 0);
    this.eventFlags.set(event, 0);
    for (const column of this.gitlabIds) column.set(event, 0);
    this.index.remove(event);
  }

  /** Events that are walked through. */
  get eventCount(): number {
    return this.#linked;
  }

  get newestEvent(): number {
    return this.#newest;
  }

  get oldestEvent(): number {
    return this.#oldest;
  }

  /** Walks from this event on, which comes first, towards the older or the newer ones. */
  walk(from: number, towards: "older" | "newer"): Walker {
    const walker = { at: from, step: this[towards] };
    this.#walkers.add(walker);
    return {
      next: () => {
        const event = walker.at;
        if (event !== 0) walker.at = walker.step.get(event);
        return event;
      },
      peek: () => walker.at,
      moveTo: (event) => {
        walker.at = event;
      },
      close: () => void this.#walkers.delete(walker),
    };
  }

  /** A new delivery that waits. @param order of a replay, its own; null: the event's */
  addDelivery(event: number, target: number, replay: number, order: number | null): number {
    const row = this.deliveries.take();
    this.event.set(row, event);
    this.target.set(row, target);
    this.replay.set(row, replay);
    this.sibling.set(row, this.firstDelivery.get(event));
    this.firstDelivery.set(event, row);
    if (order !== null) this.#replayOrder.set(row, order);
    return row;
  }

  freeDelivery(row: number): void {
    this.#replayOrder.delete(row);
    for (const column of [this.state, this.deliveryFlags, this.attempts, this.due, this.deadReason])
      column.set(row, 0);
    for (const column of [this.next, this.previous, this.place]) column.set(row, 0);
    this.lane.set(row, 0);
    this.deliveries.give(row);
  }

  /** The delivery of this event with this target and number; 0 if there is none. */
  findDelivery(event: number, target: number, replay: number): number {
    let row = this.firstDelivery.get(event);
    while (row !== 0 && (this.target.get(row) !== target || this.replay.get(row) !== replay)) {
      row = this.sibling.get(row);
    }
    return row;
  }

  deliveriesOf(event: number): number[] {
    const rows: number[] = [];
    for (let row = this.firstDelivery.get(event); row !== 0; row = this.sibling.get(row)) rows.push(row);
    return rows;
  }

  /** @param numbers at most GITLAB_IDS */
  setGitlabIds(event: number, numbers: readonly number[]): void {
    for (let place = 0; place < numbers.length; place++) this.gitlabIds[place]!.set(event, numbers[place]!);
  }

  /** Those that are known, in their order. */
  gitlabIdsOf(event: number): number[] {
    return this.gitlabIds.map((column) => column.get(event)).filter((number) => number !== 0);
  }

  /** Events with an id of GitLab's that has this number, in no order. */
  eventsWithGitlabId(number: number): number[] {
    return [...new Set(this.gitlabIds.flatMap((column) => [...column.rowsWith(number)]))];
  }

  hasEventFlag(event: number, flag: number): boolean {
    return (this.eventFlags.get(event) & flag) !== 0;
  }

  setEventFlag(event: number, flag: number, on: boolean): void {
    const flags = this.eventFlags.get(event);
    this.eventFlags.set(event, on ? flags | flag : flags & ~flag);
  }

  hasDeliveryFlag(row: number, flag: number): boolean {
    return (this.deliveryFlags.get(row) & flag) !== 0;
  }

  setDeliveryFlag(row: number, flag: number): void {
    this.deliveryFlags.set(row, this.deliveryFlags.get(row) | flag);
  }

  /** What lists and filters ask of an event. */
  describe(event: number, meta: EventMeta): void {
    this.setReceivedAt(event, meta.receivedAt);
    this.setKind(event, this.kindCode(meta.kind, meta.eventName));
    this.project.set(event, this.projects.code(meta.projectId, meta.projectPath));
    this.setGitlabIds(event, gitlabIdNumbers(meta));
  }

  /** @param code of kindCode(); 0: not known */
  setKind(event: number, code: number): void {
    const before = this.kind.get(event);
    if (before !== 0) this.kindCounts[before]! -= 1;
    if (code !== 0) this.kindCounts[code] = (this.kindCounts[code] ?? 0) + 1;
    this.kind.set(event, code);
  }

  /** @returns the code for setKind() */
  kindCode(kind: string | null, eventName: string | null): number {
    return this.kinds.code(pairName(kind, eventName), { kind, eventName });
  }

  #unlink(event: number): void {
    const older = this.older.get(event);
    const newer = this.newer.get(event);
    for (const walker of this.#walkers) if (walker.at === event) walker.at = walker.step.get(event);
    if (older === 0) this.#oldest = newer;
    else this.newer.set(older, newer);
    if (newer === 0) this.#newest = older;
    else this.older.set(newer, older);
    this.#linked--;
  }
}
