/** Opens the journal of a queue with the tables that are filled from it: for a relay, and for a migration, which delivers nothing. */
import type { Clock } from "../../../lib/clock.ts";
import type { Log } from "../../../lib/log.ts";
import { OrderSource } from "../../event/event-id.ts";
import type { Journal, RecoveryVisitor } from "../journal/types.ts";
import { Book } from "./book.ts";
import type { QueueTables } from "./core.ts";
import { DuplicateCounts } from "./duplicates.ts";
import { DedupeMemory } from "./memory/dedupe.ts";
import { EventTable } from "./memory/table.ts";
import { RecordBook } from "./record-book.ts";
import { QueueRecovery, type RecoveredQueue } from "./recovery.ts";
import { ReplayRecords } from "./replay-records.ts";

export interface TableDeps {
  /** Opens the journal, telling the visitor what is in it; whoever asked for the tables closes it. */
  readonly openJournal: (visitor: RecoveryVisitor) => Promise<Journal>;
  readonly clock: Clock;
  /** Even in [0, 1). */
  readonly random: () => number;
  readonly log: Log;
}

export interface OpenTables extends RecoveredQueue, QueueTables {
  readonly journal: Journal;
  readonly replayRecords: ReplayRecords;
}

/** Rejects with what opening the journal rejects with. */
export async function openTables(deps: TableDeps, dedupeSeconds: number): Promise<OpenTables> {
  const { clock, random, log } = deps;
  const table = new EventTable();
  const filled = {
    table,
    book: new Book(table, clock),
    records: new RecordBook(),
    dedupe: new DedupeMemory(dedupeSeconds * 1000),
    duplicates: new DuplicateCounts(log),
    replayRecords: new ReplayRecords(),
    orders: new OrderSource(),
  };
  const recovery = new QueueRecovery({ ...filled, clock, random });
  const journal = await deps.openJournal(recovery.visitor);
  return { ...filled, journal, ...recovery.finish() };
}
