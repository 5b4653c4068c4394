/**
 * Rows of a hook's log -> deliveries that never arrived. Pure: no request, no clock.
 *
 * Attempts of one delivery share its `Idempotency-Key` (GitLab >= 17.4). Rows without one are joined by `X-Gitlab-Event-UUID`
 * and by what was sent, whichever they have in common. A delivery was missed if none of its attempts was answered with 2xx;
 * what came of an attempt is text, and the text of a transport failure is no number.
 */
import { createHash } from "node:crypto";
import { eventNames, eventPlace } from "../../lib/event-payload.ts";
import { object } from "../../lib/json.ts";
import type { LogRow } from "../gitlab/hook-log.ts";

export interface Missed {
  /** GitLab's id of the delivery; null: this GitLab gives none. */
  readonly id: string | null;
  /** Names the delivery where it has no id: stays the same from run to run. */
  readonly digest: string;
  /** Rows of its attempts, ascending. */
  readonly rowIds: readonly number[];
  /** `push`. */
  readonly kind: string | null;
  readonly projectPath: string | null;
  /** Wall clock of the first attempt, milliseconds. */
  readonly at: number | null;
  /** What came of the last attempt. */
  readonly status: string;
  /** Address that was called. */
  readonly url: string;
  /** Logged headers, names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
  /** E-mail addresses in the body are lost: GitLab keeps `[REDACTED]` in their place. */
  readonly redacted: boolean;
  /** Why it cannot be delivered by anybody any more; null: it can. */
  readonly lost: string | null;
}

/** What the estimate of unlogged times needs of a row. */
export interface Attempted {
  readonly id: number;
  readonly at: number | null;
  /** As GitLab counts it: 2xx or 3xx. */
  readonly ok: boolean;
}

export interface Finding {
  /** Rows in any order; one that was added before does not count again. */
  add(rows: readonly LogRow[]): void;
  /** Deliveries without success, oldest first. */
  missed(): Missed[];
  /** All attempts, oldest first. */
  attempts(): Attempted[];
}

export function isDelivered(status: string): boolean {
  return /^2\d\d$/.test(status);
}

/** The delivery, if none of these rows is a success of it; null: one is. */
export function openSince(delivery: Missed, rows: readonly LogRow[]): Missed | null {
  const isArrival = (row: LogRow): boolean =>
    isDelivered(row.status) &&
    (delivery.id === null ? digestOf(row) === delivery.digest : deliveryId(row) === delivery.id);
  return rows.some(isArrival) ? null : delivery;
}

interface Group {
  delivered: boolean;
  /** Failed attempts; empty once it is known that one succeeded. */
  rows: LogRow[];
}

export function createFinding(): Finding {
  const groups = new Map<string, Group>();
  const attempts = new Map<number, Attempted>();

  function groupFor(keys: readonly string[]): Group {
    const known = [...new Set(keys.flatMap((key) => groups.get(key) ?? []))];
    const group = known[0] ?? { delivered: false, rows: [] };
    for (const other of known.slice(1)) {
      group.delivered ||= other.delivered;
      group.rows.push(...other.rows);
      for (const [key, value] of groups) if (value === other) groups.set(key, group);
    }
    for (const key of keys) groups.set(key, group);
    return group;
  }

  return {
    add(rows) {
      for (const row of rows) {
        if (attempts.has(row.id)) continue;
        attempts.set(row.id, { id: row.id, at: row.at, ok: /^[23]\d\d$/.test(row.status) });
        const group = groupFor(keysOf(row));
        group.delivered ||= isDelivered(row.status);
        // Bodies can be large: only what may have to be sent is kept.
        if (group.delivered) group.rows = [];
        else group.rows.push(row);
      }
    },
    missed() {
      const left = [...new Set(groups.values())].filter((group) => !group.delivered);
      return left
        .map((group) => group.rows.sort((a, b) => a.id - b.id))
        .sort(
          ([a], [b]) => startOf(a as LogRow) - startOf(b as LogRow) || (a as LogRow).id - (b as LogRow).id,
        )
        .map(missedOf);
    },
    attempts: () => [...attempts.values()].sort((a, b) => a.id - b.id),
  };
}

function deliveryId(row: LogRow): string | null {
  return row.headers["idempotency-key"] || row.headers["webhook-id"] || null;
}

function digestOf(row: LogRow): string {
  return createHash("sha256")
    .update(JSON.stringify([row.trigger, row.body]))
    .digest("hex");
}

function keysOf(row: LogRow): string[] {
  const id = deliveryId(row);
  if (id !== null) return [`id ${id}`];
  const uuid = row.headers["x-gitlab-event-uuid"];
  return [...(uuid ? [`event ${uuid}`] : []), `digest ${digestOf(row)}`];
}

/** Attempts that took their time are logged late: those made meanwhile came after them all the same. */
const NOTICEABLE_MS = 1000;
/** By so much may a time and a duration disagree, as both are rounded. */
const ROUNDING_MS = 2;

function startOf(row: LogRow): number {
  return (row.at ?? 0) - (row.durationMs >= NOTICEABLE_MS ? row.durationMs - ROUNDING_MS : 0);
}

function missedOf(rows: readonly LogRow[]): Missed {
  const first = rows[0] as LogRow;
  const last = rows.at(-1) as LogRow;
  const body = object(first.body);
  return {
    id: deliveryId(first),
    digest: digestOf(first),
    rowIds: rows.map((row) => row.id),
    kind: eventNames(first.headers["x-gitlab-event"] ?? null, body).kind,
    projectPath: eventPlace(body, first.headers["x-gitlab-instance"] ?? null).projectPath,
    at: first.at === null ? null : Math.round(startOf(first)),
    status: last.status,
    url: last.url,
    headers: first.headers,
    body: first.body,
    redacted: JSON.stringify(first.body).includes('"[REDACTED]"'),
    lost: lossOf(first.body),
  };
}

function lossOf(body: unknown): string | null {
  if (typeof body !== "object" || body === null || Object.keys(body).length === 0) {
    return "GitLab kept no body of it";
  }
  return (body as { oversize?: unknown }).oversize === true && Object.keys(body).length === 1
    ? "oversize: GitLab kept only that the body was too big for its log"
    : null;
}
