/** What the pages show, gathered from queue, workers and settings. */
import type { EventFilter, EventSummary, QueueStats, TargetStats } from "../queue/queue.ts";
import { NO_STATS } from "./event-json.ts";
import type { AdminDeps, TargetStatus } from "./ports.ts";
import { FILTER_NAMES, type Read } from "./query.ts";

export interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

export interface TargetRow extends TargetStatus, TargetStats {
  /** Why it does not deliver, in words; null where nothing is wrong. */
  readonly trouble: string | null;
}

/** Every configured target with the queue's figures. */
export function targetRows(deps: Pick<AdminDeps, "targets">, stats: QueueStats): TargetRow[] {
  return deps.targets().map((status) => targetRow(status, stats.targets.get(status.name) ?? NO_STATS));
}

function targetRow(status: TargetStatus, counts: TargetStats): TargetRow {
  const trouble = !counts.paused && status.breaker !== "closed" ? "it keeps failing" : null;
  return { ...status, ...counts, trouble };
}

export function allChecks(deps: Pick<AdminDeps, "queue" | "checks">): Check[] {
  return [...deps.queue.checks(), ...(deps.checks?.() ?? [])];
}

export interface DeadGroup {
  readonly target: string;
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

const DEAD_SCAN = 250;

/** The newest dead letters by target and reason; looks at most at 250 events, and only at their metadata. */
export async function deadLetters(deps: Pick<AdminDeps, "queue">, filter: EventFilter): Promise<DeadLetters> {
  const page = await deps.queue.list({ ...filter, state: "dead" }, DEAD_SCAN, null);
  const groups = new Map<string, DeadGroup>();
  for (const event of page.events) {
    for (const delivery of event.deliveries) {
      if (delivery.state !== "dead") continue;
      if (filter.target !== undefined && delivery.target !== filter.target) continue;
      const reason = delivery.reason ?? "given up";
      const key = `${delivery.target}\n${reason}`;
      const group = groups.get(key);
      const at = delivery.endedAt ?? event.meta.receivedAt;
      groups.set(key, {
        target: delivery.target,
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
