/**
 * How far a hook's log is read, and what of it is still to be dealt with: down to the place where an earlier run stopped, or to
 * `--since`, whichever comes first. Rows after `--until` count as far as they tell what became of earlier deliveries; what else
 * they hold is left to a later run, and so is their place in the log.
 */
import { createFinding, type Attempted, type Missed } from "./finding.ts";
import { LOG_PAGE_ROWS, type HookLogApi, type LogRow } from "../gitlab/hook-log.ts";
import type { HookMemory } from "./memory.ts";

/**
 * A row may become visible after others that have a higher number: rows this young, before the place where an earlier run
 * stopped, are looked at again as far as they stand on the pages that are read anyway.
 */
const LATE_ROWS_MS = 600_000;

export interface LogRead {
  readonly missed: readonly Missed[];
  /** Attempts that no earlier run has seen, oldest first. */
  readonly attempts: readonly Attempted[];
  /** Highest row that was seen; 0: none. */
  readonly newest: number;
  readonly pages: number;
}

export interface ReadOptions {
  readonly log: Pick<HookLogApi, "page">;
  readonly parent: number | string;
  readonly hookId: number;
  readonly memory: HookMemory | null;
  /** Wall clock, milliseconds: older rows do not count, unless they are behind the place that an earlier run noted. */
  readonly since: number;
  /** Wall clock, milliseconds: a delivery that was first tried later does not count; null: all do. */
  readonly until: number | null;
}

/** One request for each page of 20; a page at least. Throws what the log throws. */
export async function readLog(options: ReadOptions): Promise<LogRead> {
  const { memory, since } = options;
  const until = options.until ?? Number.POSITIVE_INFINITY;
  const isInWindow = ({ at }: LogRow): boolean => at === null || at <= until;
  const finding = createFinding();
  const settled = new Set(memory?.settled);
  const upTo = memory?.upTo ?? 0;
  const lateFrom = memory === null ? 0 : memory.at * 1000 - LATE_ROWS_MS;
  const isNew = (row: LogRow): boolean =>
    !settled.has(row.id) && (row.id > upTo || (row.at !== null && row.at >= lateFrom));
  // What an earlier run left open is older than a window that has just begun, and this run moves the place past it.
  const isInTime = ({ id, at }: LogRow): boolean =>
    at === null || at >= since || (memory !== null && id > upTo);
  let newest = upTo;
  for (let page = 1; ; page++) {
    const { rows, last } = await options.log.page(options.parent, options.hookId, page);
    const inTime = rows.filter(isInTime);
    finding.add(inTime.filter(isNew));
    newest = inTime.filter(isInWindow).reduce((highest, row) => Math.max(highest, row.id), newest);
    const reached = rows.some((row) => row.id <= upTo) || inTime.length < rows.length;
    if (last || reached || rows.length === 0) {
      const attempts = finding.attempts().filter((row) => row.id > upTo && row.id <= newest);
      // By the place in the log, and not by the time of the first attempt: what is neither dealt with here nor behind this place is lost.
      const missed = finding.missed().filter(({ rowIds }) => (rowIds[0] as number) <= newest);
      return { missed, attempts, newest, pages: page };
    }
  }
}

/** What a run leaves behind. */
export interface Leftovers {
  /** Deliveries that are still missed. */
  readonly open: readonly Missed[];
  readonly failures: number;
  /** Further rows that are settled. */
  readonly echoes: readonly number[];
}

/** What the next run has to know once this one is done. */
export function memoryAfter(
  read: LogRead,
  before: HookMemory | null,
  { open, failures, echoes }: Leftovers,
): Omit<HookMemory, "at"> {
  const openRows = new Set(open.flatMap((delivery) => delivery.rowIds));
  const upTo = openRows.size === 0 ? read.newest : Math.min(...openRows) - 1;
  const dealtWith = read.missed.flatMap((delivery) => delivery.rowIds).filter((id) => !openRows.has(id));
  const settled = [...new Set([...(before?.settled ?? []), ...dealtWith, ...echoes])].sort((a, b) => a - b);
  // Rows before that place are seen again on the last page that is read, never more.
  const below = settled.filter((id) => id <= upTo).slice(-LOG_PAGE_ROWS);
  return { upTo, settled: [...below, ...settled.filter((id) => id > upTo)], failures };
}
