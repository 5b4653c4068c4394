/** What is read from the storage to show or send an event: its metadata, its body, the history of its deliveries. */
import type { EventMeta } from "../../event/event.ts";
import { decodeMeta, metaEnd } from "../../event/event.ts";
import type { Core } from "./core.ts";
import type { Delivery } from "../../queue/delivery-state.ts";
import { newDelivery } from "../../queue/delivery-state.ts";
import { parseId } from "../../event/event-id.ts";
import { foldId, gitlabIdsOf, numberOfId } from "../../event/gitlab-ids.ts";
import { FIND_LIMIT, type EventSummary } from "../../queue/queue.ts";
import { stateKey } from "./records.ts";
import { decodeState, type StateRecord } from "./state-records.ts";
import { DELIVERY_FLAGS, EVENT_FLAGS, STATES } from "./memory/table.ts";

/** Holds the metadata of nearly every event. */
const FIRST_READ_BYTES = 2048;

/** The row of an event that may be seen; 0 if there is none with this id. */
export function findById(core: Core, id: string): number {
  const words = parseId(id);
  if (words === null) return 0;
  const [w0 = 0, w1 = 0, w2 = 0, w3 = 0] = words;
  const event = core.table.index.find(w0, w1, w2, w3);
  return event !== 0 && !core.table.hasEventFlag(event, EVENT_FLAGS.removed) ? event : 0;
}

/** As Queue.find(). The numbers in the table say which events to look at, their metadata says whether it is one of them. */
export async function findByAnyId(core: Core, text: string): Promise<EventSummary[]> {
  const { table } = core;
  const wanted = foldId(text);
  if (wanted === null) return [];
  const own = findById(core, wanted);
  const rows = own === 0 ? table.eventsWithGitlabId(numberOfId(wanted)) : [own];
  const newestFirst = rows
    .filter((row) => !table.hasEventFlag(row, EVENT_FLAGS.removed))
    .sort((a, b) => table.index.orderOf(b) - table.index.orderOf(a));
  const summaries = await Promise.all(newestFirst.slice(0, FIND_LIMIT).map((row) => readSummary(core, row)));
  return summaries.filter(
    (summary) => summary !== null && (own !== 0 || gitlabIdsOf(summary.meta).includes(wanted)),
  ) as EventSummary[];
}

/** The metadata under an event's key, without its body; null if it is gone. */
export async function readMeta(core: Core, key: string): Promise<EventMeta | null> {
  const start = await core.journal.getStart(key, FIRST_READ_BYTES);
  if (start === null) return null;
  const end = metaEnd(start);
  const bytes = end <= start.length ? start : await core.journal.getStart(key, end);
  return bytes === null ? null : decodeMeta(bytes);
}

/** What is written of a delivery; null if it has no attempt. */
export async function readState(core: Core, delivery: number): Promise<StateRecord | null> {
  const { table, book, journal } = core;
  if (!table.hasDeliveryFlag(delivery, DELIVERY_FLAGS.written)) return null;
  const key = stateKey(
    table.index.idOf(table.event.get(delivery)),
    book.targetOf(delivery).name,
    table.replay.get(delivery),
  );
  const value = await journal.get(key);
  return value === null ? null : decodeState(value);
}

/** A delivery as the books have it, which is all there is of one without an attempt. */
export function deliveryNow({ table, book }: Core, row: number): Delivery {
  const event = table.event.get(row);
  const isFinal = book.isFinal(row);
  const dueAt = isFinal ? null : Math.max(table.receivedAt(event), book.wallDue(row));
  return {
    ...newDelivery(table.index.idOf(event), book.targetOf(row).name, table.replay.get(row), dueAt ?? 0),
    state: STATES[table.state.get(row)]!,
    attempts: table.attempts.get(row),
    dueAt,
    endedAt: isFinal ? table.endedAt.get(row) : null,
  };
}

/** A delivery as it is now: the history as written, the rest as the books have it. */
export async function readDelivery(core: Core, row: number): Promise<Delivery> {
  const now = deliveryNow(core, row);
  const record = await readState(core, row);
  if (record === null) return now;
  const { firstAttemptAt, reason, history, movedTo } = record.delivery;
  return { ...now, firstAttemptAt, reason, history, ...(movedTo === undefined ? {} : { movedTo }) };
}

/** The event with all its deliveries; null if it is gone meanwhile. */
export async function readSummary(core: Core, event: number): Promise<EventSummary | null> {
  const { table, book } = core;
  const state = book.eventState(event);
  const rows = table.deliveriesOf(event);
  const [meta, ...deliveries] = await Promise.all([
    readMeta(core, table.index.keyOf(event)),
    ...rows.map((row) => readDelivery(core, row)),
  ]);
  if (meta === null) return null;
  deliveries.sort((a, b) => (a.target < b.target ? -1 : a.target > b.target ? 1 : a.replay - b.replay));
  return { meta, state, deliveries };
}
