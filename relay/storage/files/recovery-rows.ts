/**
 * The rows of the tables while the storage is read at a start: made for every event and delivery that a record names, in whatever order
 * the records come. Which of them stay is decided at the end (recovery.ts).
 */
import type { Clock } from "../../../lib/clock.ts";
import { ID_LENGTH, parseIdInto } from "../../event/event-id.ts";
import type { IdWords } from "../../event/event-id.ts";
import { GITLAB_IDS } from "../../event/gitlab-ids.ts";
import { deadReasonCode } from "../../queue/dead-reason.ts";
import type { QueueTables } from "./core.ts";
import { Dictionary } from "./memory/dictionary.ts";
import { DEAD, DELIVERY_FLAGS, DONE, EVENT_FLAGS, STATES } from "./memory/table.ts";
import { PREFIX } from "./records.ts";
import { RouteSummary } from "./route-summary.ts";
import { decodeState, decodeStateHead, type StateHead } from "./state-records.ts";

/** A due time farther ahead than this, found at a start, is put down to a wall clock that was set back. */
const MAX_WAIT_MS = 86_400_000;
/** Retries that were due while the relay was away are spread over this time. */
const SPREAD_MS = 10_000;

export interface RecoveryRowsDeps extends Pick<QueueTables, "table" | "book" | "records" | "orders"> {
  readonly clock: Clock;
  readonly random: () => number;
}

/** What tells a delivery of an event from its others; `order` of a replay, null: its event's. */
interface NamedDelivery {
  readonly target: number;
  readonly replay: number;
  readonly order: number | null;
}

export class RecoveryRows {
  readonly #deps: RecoveryRowsDeps;
  readonly #laneNames = new Dictionary<string>();
  readonly #summary = new RouteSummary();
  /** The event that a record of routes named last. */
  #lastRouted = 0;
  /** The id that was read last: one for all, as a start reads a million of them. */
  readonly #words = new Uint32Array(4);

  constructor(deps: RecoveryRowsDeps) {
    this.#deps = deps;
  }

  /** The event itself is there. */
  readEvent(row: number, valueBytes: number): void {
    const { table } = this.#deps;
    table.index.take(row);
    table.bytes.set(row, valueBytes);
    table.setEventFlag(row, EVENT_FLAGS.present, true);
  }

  removeEvent(row: number): void {
    this.#deps.table.setEventFlag(row, EVENT_FLAGS.present, false);
  }

  readState(key: string, value: Uint8Array): void {
    const { table, book, orders } = this.#deps;
    if (!parseIdInto(key, PREFIX.state.length, this.#words)) return;
    const [target, replay] = key.slice(PREFIX.state.length + ID_LENGTH + 1).split(":");
    const head = decodeStateHead(value);
    if (target === undefined || replay === undefined) return;
    const event = this.#eventRow(this.#words);
    const row = this.#deliveryRow(event, {
      target: book.target(target).code,
      replay: Number(replay),
      order: head.order,
    });
    const state = Math.max(0, STATES.indexOf(head.state));
    table.state.set(row, state);
    table.attempts.set(row, head.attempts);
    if (state === DEAD)
      table.deadReason.set(row, head.deadReason ?? deadReasonCode(decodeState(value).delivery));
    table.setDeliveryFlag(row, DELIVERY_FLAGS.written);
    if (head.isMoved) table.setDeliveryFlag(row, DELIVERY_FLAGS.superseded);
    if (state >= DONE) table.endedAt.set(row, head.at);
    else table.due.set(row, this.#dueAtStart(head));
    if (head.order !== null) orders.seen(head.order);
    if (head.lane !== null) table.laneName.set(row, this.#laneCode(head.lane));
  }

  /** @param summary of the record (route-summary.ts) */
  readRoutes(number: number, summary: Uint8Array): void {
    const { table, book, records } = this.#deps;
    const words = this.#words;
    records.seen(number);
    const record = this.#summary;
    record.read(summary);
    const kinds = record.kinds.map(([kind, eventName]) => table.kindCode(kind, eventName));
    const projects = record.projectCodes(table);
    // One object for each route of the record, not for each event.
    const routes = record.routes.map((list) =>
      list.map(([target, lane]) => ({
        lane: lane === null ? 0 : this.#laneCode(lane),
        first: { target: book.target(target).code, replay: 0, order: null },
      })),
    );
    for (let index = 0; index < record.count; index++) {
      record.id(index, words);
      // Events mostly come in the same order here as in the table, where the next one is found without looking it up.
      const next = this.#lastRouted + 1;
      const isNext = table.index.has(next) && table.index.is(next, words);
      const event = isNext ? next : this.#eventRow(words);
      this.#lastRouted = event;
      table.setReceivedAt(event, record.receivedAt(index));
      table.setKind(event, kinds[record.kind(index)]!);
      table.project.set(event, projects[record.project(index)]!);
      table.record.set(event, number);
      for (let place = 0; place < GITLAB_IDS; place++) {
        const gitlabId = record.gitlabId(index, place);
        if (gitlabId === 0) break;
        table.gitlabIds[place]!.set(event, gitlabId);
      }
      for (const { lane, first } of routes[record.route(index)]!) {
        const row = this.#deliveryRow(event, first);
        if (lane !== 0) table.laneName.set(row, lane);
      }
    }
  }

  /** The name of a delivery's lane, if one was read; its cell is the lane's then. */
  takeLane(row: number): string | null {
    const { table } = this.#deps;
    const code = table.laneName.get(row);
    table.laneName.set(row, 0);
    return code === 0 ? null : this.#laneNames.value(code - 1);
  }

  #eventRow(id: IdWords): number {
    return this.#deps.table.index.add(id[0]!, id[1]!, id[2]!, id[3]!);
  }

  #deliveryRow(event: number, { target, replay, order }: NamedDelivery): number {
    const { table } = this.#deps;
    const known = table.findDelivery(event, target, replay);
    return known === 0 ? table.addDelivery(event, target, replay, order) : known;
  }

  /** What stands for the lane in the column `laneName`. */
  #laneCode(lane: string): number {
    return this.#laneNames.code(lane, lane) + 1;
  }

  /** On the monotonic clock. */
  #dueAtStart({ at, attempts }: StateHead): number {
    const { clock, random } = this.#deps;
    const ahead = at - clock.now();
    if (ahead <= 0 && attempts === 0) return 0;
    return clock.monotonic() + (ahead > 0 ? Math.min(ahead, MAX_WAIT_MS) : random() * SPREAD_MS);
  }
}
