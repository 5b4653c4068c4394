/** What the pages show, gathered from queue, workers and settings. */
import { parseId } from "../../event/event-id.ts";
import { deadReasonOf, type DeadReason } from "../../queue/dead-reason.ts";
import { metaMatches, standingDeliveries, stateMatches, wordsOf } from "../../queue/filter.ts";
import type {
  Check,
  EventFilter,
  EventPage,
  EventSummary,
  Queue,
  QueueStats,
  TargetStats,
} from "../../queue/queue.ts";
import { NO_STATS } from "../api/event-json.ts";
import { isBehind, isFailing } from "../../observe/attention/attention.ts";
import type { TargetStatus } from "../../observe/target-status.ts";
import type { AdminDeps } from "../ports.ts";
import { FILTER_NAMES, type Read } from "../api/query.ts";

export interface TargetRow extends TargetStatus, TargetStats {
  /** Why it does not deliver, in words; null if nothing is wrong. */
  readonly trouble: string | null;
  /** More comes than goes, or the oldest waits for long. */
  readonly isBehind: boolean;
}

/** Every configured target with the queue's figures. */
export function targetRows(deps: Pick<AdminDeps, "targets" | "clock">, stats: QueueStats): TargetRow[] {
  const now = deps.clock.now();
  return deps.targets().map((status) => targetRow(status, stats.targets.get(status.name) ?? NO_STATS, now));
}

function targetRow(status: TargetStatus, counts: TargetStats, now: number): TargetRow {
  const { breaker, attemptsLastTenMinutes: attempts, failedLastTenMinutes: failed, trend } = status;
  const trouble = !counts.paused && isFailing({ breaker, attempts, failed }) ? "it keeps failing" : null;
  return {
    ...status,
    ...counts,
    trouble,
    isBehind: !counts.paused && isBehind({ ...counts, arrived: Math.max(0, trend), ended: 0 }, now),
  };
}

export function allChecks(deps: Pick<AdminDeps, "queue" | "checks">): Check[] {
  return [...deps.queue.checks(), ...(deps.checks?.() ?? [])];
}

export interface DeadGroup {
  readonly target: string;
  /** By which the queue counts (dead-reason.ts). */
  readonly deadReason: DeadReason;
  readonly reason: string;
  readonly count: number;
  /** Wall clock at which the newest of them died. */
  readonly lastAt: number;
  readonly example: EventSummary;
}

export interface DeadLetters {
  /** Largest first. */
  readonly groups: readonly DeadGroup[];
  /** Events looked at; where `partial`, there are more. */
  readonly seen: number;
  readonly partial: boolean;
}

export const NO_DEAD_LETTERS: DeadLetters = { groups: [], seen: 0, partial: false };

const DEAD_SCAN = 250;

/**
 * The newest dead letters by target and reason, from metadata alone.
 * @param limit events looked at
 */
export async function deadLetters(
  deps: Pick<AdminDeps, "queue">,
  filter: EventFilter,
  limit = DEAD_SCAN,
): Promise<DeadLetters> {
  const page = await deps.queue.list({ ...filter, state: "dead" }, limit, null);
  const groups = new Map<string, DeadGroup>();
  for (const event of page.events) {
    for (const delivery of standingDeliveries(event.deliveries)) {
      if (delivery.state !== "dead") continue;
      if (filter.target !== undefined && delivery.target !== filter.target) continue;
      const reason = delivery.reason ?? "given up";
      const key = `${delivery.target}\n${reason}`;
      const group = groups.get(key);
      const at = delivery.endedAt ?? event.meta.receivedAt;
      groups.set(key, {
        target: delivery.target,
        deadReason: deadReasonOf(delivery),
        reason,
        count: (group?.count ?? 0) + 1,
        lastAt: Math.max(group?.lastAt ?? 0, at),
        example: group?.example ?? event,
      });
    }
  }
  return {
    groups: [...groups.values()].sort((a, b) => b.count - a.count),
    seen: page.events.length,
    partial: page.cursor !== null,
  };
}

/**
 * A page of the list. A text of one word that is an event's id, or one that GitLab gave the delivery, finds it at once, wherever it
 * is; any other text is searched for.
 */
export async function findEvents(
  queue: Pick<Queue, "list" | "find">,
  filter: EventFilter,
  limit: number,
  cursor: string | null,
): Promise<EventPage> {
  const { text, ...others } = filter;
  const [word, ...more] = wordsOf(text ?? "");
  if (word === undefined || more.length > 0 || cursor !== null) return queue.list(filter, limit, cursor);
  const found = await queue.find(word);
  const isOwnId = parseId(word) !== null;
  if (found.length === 0 && !isOwnId) return queue.list(filter, limit, cursor);
  const events = found.filter(
    ({ meta, deliveries, state }) =>
      metaMatches(meta, others) && stateMatches(deliveries, state !== "unrouted", others),
  );
  return { events: events.slice(0, limit), cursor: null, partial: false, looked: 0 };
}

/** The query string of the parameters that are set, with changes; empty or begins with `?`. */
export function queryString(read: Read, changes: Readonly<Record<string, string | null>> = {}): string {
  const query = new URLSearchParams();
  for (const name of FILTER_NAMES) {
    const value = name in changes ? changes[name] : read(name)?.trim();
    if (value !== undefined && value !== null && value !== "") query.set(name, value);
  }
  for (const [name, value] of Object.entries(changes))
    if (value !== null && !query.has(name)) query.set(name, value);
  const text = query.toString();
  return text === "" ? "" : `?${text}`;
}
