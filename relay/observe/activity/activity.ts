/** What the events say about the work: the tally of what is stored, and the reports made from it. */
import type { Clock } from "../../../lib/clock.ts";
import type { Log } from "../../../lib/log.ts";
import type { Config } from "../../config/schema.ts";
import type { ActivityFacts } from "../../event/activity-facts.ts";
import type { Queue } from "../../queue/queue.ts";
import { daysOf, report, type Report, type ReportQuery } from "./report.ts";
import type { ActivityStore } from "../../storage/activity-store.ts";
import { startTally } from "./tally.ts";

export type Asked = Omit<ReportQuery, "members">;

export interface Activity {
  /** Adds what an event says that was just stored. */
  note(facts: ActivityFacts, eventId: string): void;
  report(query: Asked): Promise<Report>;
  /** Resolves when every event stored before this call is part of the reports, durably. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

export interface ActivityDeps {
  readonly queue: Pick<Queue, "list" | "body">;
  readonly store: ActivityStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly settings: () => Config["activity"];
}

export function startActivity({ settings, ...deps }: ActivityDeps): Activity {
  const tally = startTally({ ...deps, keepDays: () => settings().keepDays });
  return {
    note: (facts, eventId) => tally.note(facts, eventId),
    async report(query) {
      const entries = [];
      for (const day of daysOf(query.from, query.to)) entries.push(...(await tally.read(day)));
      return report(entries, { ...query, members: settings().members });
    },
    settled: () => tally.settled(),
    close: () => tally.close(),
  };
}
