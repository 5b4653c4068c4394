/** What the parts of one process's queue share. */
import type { Clock } from "../../../lib/clock.ts";
import type { Log } from "../../../lib/log.ts";
import type { Journal } from "../journal/types.ts";
import type { Book } from "./book.ts";
import type { DedupeMemory } from "./memory/dedupe.ts";
import type { DuplicateCounts } from "./duplicates.ts";
import type { Emitter } from "../../queue/emitter.ts";
import type { OrderSource } from "../../event/event-id.ts";
import type { QueueEvent } from "../../queue/queue.ts";
import type { RecordBook } from "./record-book.ts";
import type { SteadyTime } from "./memory/expiry-clock.ts";
import type { EventTable } from "./memory/table.ts";
import type { Turns } from "./turns.ts";
import type { WorkSignal } from "./work-signal.ts";

export interface Retention {
  readonly dedupeSeconds: number;
  readonly deliveredSeconds: number;
  readonly deliveredBytes: number;
  readonly deadSeconds: number;
}

/** What is filled from the journal at a start. */
export interface QueueTables {
  readonly table: EventTable;
  readonly book: Book;
  readonly records: RecordBook;
  readonly dedupe: DedupeMemory;
  readonly duplicates: DuplicateCounts;
  readonly orders: OrderSource;
}

export interface Core extends QueueTables {
  readonly journal: Journal;
  readonly events: Emitter<QueueEvent>;
  readonly work: WorkSignal;
  /** What gives events new deliveries takes turns: replays, and the matching while one is being written. */
  readonly turns: Turns;
  readonly clock: Clock;
  /** The time by which things expire. */
  readonly steady: SteadyTime;
  readonly random: () => number;
  readonly log: Log;
  /** True once close() was called. */
  readonly isClosed: () => boolean;
}

/** Lets everything else that waits for the process have its turn. */
export function breathe(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
