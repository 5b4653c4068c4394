/**
 * A queue in memory, for tests of the parts that use it: keeps the port's promises except the one about power, hands out
 * deliveries that are due, and fails or hangs when told to.
 */
import { metaMatches, stateMatches } from "../../relay/queue/filter.ts";
import { memoryReplayJobs } from "./memory-replay-jobs.ts";
import { UpstreamError } from "../../lib/errors.ts";
import type { EventMeta, NewEvent } from "../../relay/event/event.ts";
import { deadReasonOf } from "../../relay/queue/dead-reason.ts";
import { foldId, gitlabIdsOf } from "../../relay/event/gitlab-ids.ts";
import { newDelivery, settled, type Delivery } from "../../relay/queue/delivery-state.ts";
import type { ReplayQueue } from "../../relay/queue/replay-job.ts";
import type {
  Check,
  Claim,
  Duplicates,
  EventFilter,
  EventSummary,
  QueueEvent,
  QueueStats,
  Router,
  TargetStats,
} from "../../relay/queue/queue.ts";

interface Kept {
  readonly meta: EventMeta;
  readonly body: Uint8Array;
  deliveries: Delivery[];
}

export interface MemoryQueue extends ReplayQueue {
  /** What was stored, oldest first. */
  stored(): readonly { readonly meta: EventMeta; readonly body: Uint8Array }[];
  /** How often each was called. */
  readonly calls: {
    enqueue: number;
    expire: number;
    compact: number;
    verify: number;
    selfCheck: number;
    close: number;
  };
  readonly faults: {
    /** enqueue() and known() reject with this. */
    error: Error | null;
    /** enqueue() and known() wait for release(). */
    hang: boolean;
    checks: Check[];
  };
  /** Lets everything that hangs go on. */
  release(): void;
}

/** @param now wall clock for due times, milliseconds */
export function createMemoryQueue(now: () => number = Date.now): MemoryQueue {
  const events = new Map<string, Kept>();
  const duplicates = new Map<string, Duplicates>();
  const remembered = new Map<string, string>();
  const paused = new Set<string>();
  const workListeners = new Set<(target: string) => void>();
  const listeners = new Set<(event: QueueEvent) => void>();
  const waiting: (() => void)[] = [];
  const calls = { enqueue: 0, expire: 0, compact: 0, verify: 0, selfCheck: 0, close: 0 };
  const faults: MemoryQueue["faults"] = { error: null, hang: false, checks: [] };
  let route: Router = () => [];
  let targets: readonly string[] = [];

  const emit = (event: QueueEvent): void => listeners.forEach((listener) => listener(event));
  const wake = (target: string): void => workListeners.forEach((listener) => listener(target));
  const all = (): Delivery[] => [...events.values()].flatMap((kept) => kept.deliveries);

  async function gate(): Promise<void> {
    if (faults.hang) await new Promise<void>((resolve) => waiting.push(resolve));
    if (faults.error !== null) throw faults.error;
  }

  function replace(kept: Kept, old: Delivery, next: Delivery): void {
    kept.deliveries = kept.deliveries.map((d) => (d === old ? next : d));
  }

  function summary(kept: Kept): EventSummary {
    const states = new Set(kept.deliveries.map((d) => d.state));
    const state = (["dead", "sending", "waiting", "done"] as const).find((s) => states.has(s)) ?? "unmatched";
    return { meta: kept.meta, state, deliveries: kept.deliveries };
  }

  /** Oldest first. */
  function fitting(filter: EventFilter): Kept[] {
    return [...events.values()].filter(
      ({ meta, deliveries }) => metaMatches(meta, filter) && stateMatches(deliveries, true, filter),
    );
  }

  async function replay(id: string, wanted: readonly string[] | null): Promise<readonly string[] | null> {
    const kept = events.get(id);
    if (kept === undefined) return null;
    const names = wanted ?? [...new Set(kept.deliveries.map((d) => d.target))];
    for (const name of names) {
      if (kept.deliveries.some((d) => d.target === name && d.endedAt === null)) continue;
      const number = kept.deliveries.filter((d) => d.target === name).length;
      kept.deliveries.push(newDelivery(id, name, number, now()));
      wake(name);
    }
    emit({ type: "replayed", id, targets: names });
    return names;
  }

  function claimOf(kept: Kept, delivery: Delivery): Claim {
    let sending: Delivery = { ...delivery, state: "sending" };
    replace(kept, delivery, sending);
    return {
      delivery: sending,
      meta: kept.meta,
      body: kept.body,
      lost: new AbortController().signal,
      async settle(settlement) {
        const next = settled(sending, settlement);
        replace(kept, sending, next);
        sending = next;
        emit({
          type: "settled",
          meta: kept.meta,
          delivery: next,
          attempt: settlement.outcome === "released" ? null : settlement.attempt,
        });
        wake(next.target);
      },
    };
  }

  const stored = (): readonly Kept[] => [...events.values()];
  const get = async (id: string): Promise<EventSummary | null> => {
    const kept = events.get(id);
    return kept === undefined ? null : summary(kept);
  };

  return {
    isShared: false,
    stored,
    replayJobs: memoryReplayJobs({ stored, get, replay }, () => targets),
    calls,
    faults,
    release() {
      faults.hang = false;
      for (const resume of waiting.splice(0)) resume();
    },

    async enqueue({ meta, body, dedupeKey, formerDedupeKey }: NewEvent) {
      calls.enqueue += 1;
      await gate();
      const known = remembered.get(dedupeKey) ?? remembered.get(formerDedupeKey ?? "");
      if (known !== undefined) {
        const count = (duplicates.get(known)?.count ?? 0) + 1;
        duplicates.set(known, { count, lastAt: now() });
        emit({ type: "duplicate", id: known });
        return { status: "duplicate", id: known };
      }
      const id = String(remembered.size + 1).padStart(26, "0");
      const kept: Kept = { meta: { id, ...meta }, body, deliveries: [] };
      remembered.set(dedupeKey, id);
      events.set(id, kept);
      emit({ type: "stored", meta: kept.meta });
      const routes = await route(kept.meta, async () => body);
      kept.deliveries = routes.map((r) => newDelivery(id, r.target, 0, now()));
      emit({ type: "routed", meta: kept.meta, targets: routes.map((r) => r.target) });
      for (const { target } of routes) wake(target);
      return { status: "accepted", id };
    },
    async known(dedupeKeys) {
      await gate();
      return dedupeKeys.filter((key) => remembered.has(key));
    },
    setRouting(router, names) {
      route = router;
      targets = names;
    },
    async claim(target, room) {
      if (paused.has(target)) return [];
      const claims: Claim[] = [];
      for (const kept of events.values()) {
        for (const delivery of kept.deliveries) {
          if (claims.length >= room.first + room.retry) return claims;
          if (delivery.target === target && delivery.state === "waiting" && (delivery.dueAt ?? 0) <= now())
            claims.push(claimOf(kept, delivery));
        }
      }
      return claims;
    },
    onWork(listener) {
      workListeners.add(listener);
      return () => void workListeners.delete(listener);
    },
    onEvent(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    async list(filter, limit, _cursor, order = "newest") {
      const found = order === "newest" ? fitting(filter).toReversed() : fitting(filter);
      return {
        events: found.slice(0, limit).map(summary),
        cursor: null,
        partial: false,
        looked: events.size,
      };
    },
    get,
    async find(text) {
      const wanted = foldId(text);
      const fits = ({ meta }: Kept): boolean =>
        meta.id === wanted || gitlabIdsOf(meta).includes(wanted ?? "");
      return [...events.values()].filter(fits).toReversed().map(summary);
    },
    duplicates: async (id) => duplicates.get(id) ?? null,
    body: async (id) => events.get(id)?.body ?? null,
    replay,
    async move() {
      return 0;
    },
    async remove(id) {
      if (!events.delete(id)) return false;
      emit({ type: "removed", id });
      return true;
    },
    async setPaused(target, isPaused) {
      if (isPaused) paused.add(target);
      else paused.delete(target);
      wake(target);
    },
    async stats(): Promise<QueueStats> {
      const count = (state: string, target?: string): number =>
        all().filter((d) => d.state === state && (target === undefined || d.target === target)).length;
      const statsOf = (target: string): TargetStats => ({
        waiting: count("waiting", target),
        sending: count("sending", target),
        dead: count("dead", target),
        deadReasons: reasonsOf(all().filter((d) => d.state === "dead" && d.target === target)),
        lanes: count("waiting", target),
        paused: paused.has(target),
        exists: targets.includes(target),
        oldestAt: null,
      });
      return {
        events: events.size,
        byState: {
          waiting: count("waiting"),
          sending: count("sending"),
          done: count("done"),
          dead: count("dead"),
        },
        targets: new Map(
          [...new Set([...targets, ...all().map(({ target }) => target)])].map((target) => [
            target,
            statsOf(target),
          ]),
        ),
        oldestWaitingAt: null,
        bytes: 0,
        remembered: remembered.size,
      };
    },
    async kinds() {
      const counts = new Map<string, number>();
      for (const { meta } of events.values()) {
        const name = meta.kind ?? meta.eventName;
        if (name !== null) counts.set(name, (counts.get(name) ?? 0) + 1);
      }
      return { counts, isWhole: true };
    },
    checks: () => faults.checks,
    async selfCheck() {
      calls.selfCheck += 1;
    },
    async expire() {
      calls.expire += 1;
      return 0;
    },
    async compact() {
      calls.compact += 1;
    },
    async verify() {
      calls.verify += 1;
    },
    async close() {
      calls.close += 1;
      faults.error = new UpstreamError("closed", "the queue is closed", { retryable: true });
    },
  };
}

function reasonsOf(dead: readonly Delivery[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const delivery of dead) {
    const reason = deadReasonOf(delivery);
    counts.set(reason, (counts.get(reason) ?? 0) + 1);
  }
  return counts;
}
