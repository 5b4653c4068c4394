/** The log of deliveries that each hook carries: what a row holds, how rows are found again, and for how long. */
import type { Hook } from "./hook.ts";

export interface LogRow {
  readonly id: number;
  readonly createdAt: number;
  readonly trigger: string;
  /** The hook's URL, with `{masks}` and without user info. */
  readonly url: string;
  /** The URL that was called: a resend is refused once it has changed. */
  readonly calledUrl: string;
  readonly requestHeaders: Readonly<Record<string, string>>;
  /** JSON text of the logged body. */
  readonly requestData: string;
  readonly responseHeaders: Readonly<Record<string, string>>;
  readonly responseBody: string;
  /** Seconds. */
  readonly executionDuration: number;
  /** A status as text, or `internal error`. */
  readonly responseStatus: string;
}

/** Rows that are only made when somebody asks for them; they count as older than all that was really delivered. */
export interface SyntheticLog {
  readonly count: number;
  /** Row `index`, 0 being the newest; ids and times must fall with the index. */
  row(index: number): LogRow;
}

export const INTERNAL_ERROR = "internal error";
export const LOG_DAYS = 7;
const DAY_MS = 86_400_000;

/** Beginning of the window of the REST log: midnight UTC seven days ago. */
export function logWindowStart(now: number): number {
  const then = now - LOG_DAYS * DAY_MS;
  return then - (then % DAY_MS);
}

export type StatusFilter = (row: LogRow) => boolean;

/** Rows of a hook, newest first: those from `offset` to `offset + limit`, and how many there are in all. */
export function pageOfLog(
  hook: Hook,
  since: number,
  filter: StatusFilter | null,
  offset: number,
  limit: number,
): { rows: LogRow[]; total: number } {
  const real = hook.log ?? [];
  const synthetic = hook.syntheticLog;
  const size = real.length + (synthetic?.count ?? 0);
  const at = (index: number): LogRow | undefined =>
    index < real.length ? real[real.length - 1 - index] : synthetic?.row(index - real.length);
  const inWindow = countWhile(size, (index) => (at(index)?.createdAt ?? 0) >= since);
  const rows: LogRow[] = [];
  if (filter === null) {
    for (let index = offset; index < Math.min(inWindow, offset + limit); index++) {
      const row = at(index);
      if (row) rows.push(row);
    }
    return { rows, total: inWindow };
  }
  let total = 0;
  for (let index = 0; index < inWindow; index++) {
    const row = at(index);
    if (!row || !filter(row)) continue;
    if (total >= offset && rows.length < limit) rows.push(row);
    total++;
  }
  return { rows, total };
}

/** Any row that is still stored, whatever its age. */
export function findRow(hook: Hook, id: number): LogRow | null {
  const real = hook.log?.find((row) => row.id === id);
  if (real) return real;
  const synthetic = hook.syntheticLog;
  if (!synthetic) return null;
  const index = countWhile(synthetic.count, (i) => synthetic.row(i).id > id);
  if (index >= synthetic.count) return null;
  const row = synthetic.row(index);
  return row.id === id ? row : null;
}

export function appendRow(hook: Hook, row: LogRow): void {
  hook.log ??= [];
  hook.log.push(row);
}

const MAIL =
  /^[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(?:\.[a-zA-Z0-9-]+)*$/;

/** A copy in which every text that is a mail address has become `[REDACTED]`. */
export function redactMails(value: unknown): unknown {
  if (typeof value === "string") return MAIL.test(value) ? "[REDACTED]" : value;
  if (Array.isArray(value)) return value.map(redactMails);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, redactMails(inner)]));
}

/** First index for which `holds` fails, by bisection. */
function countWhile(size: number, holds: (index: number) => boolean): number {
  let low = 0;
  let high = size;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}
