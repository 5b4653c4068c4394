/**
 * One line at the end of every event: what it was, each step with its duration, each target with its attempts and how that ended.
 * The running lines (received, attempt failed ...) say what happens; this one says how it went, and can be shipped as it is.
 *
 * An event ends when its last delivery is done or dead; a replay ends in a line of its own. What is known only while the process
 * lives (how long storing and matching took) is null for events from before its start.
 */
import { messageOf } from "../../lib/errors.ts";
import type { Log } from "../../lib/log.ts";
import { ShortLivedMap } from "../../lib/short-lived.ts";
import type { EventMeta } from "../event/event.ts";
import { incomingTraceId, type TraceIdOf } from "../event/trace.ts";
import type { Delivery } from "../queue/delivery-state.ts";
import { standingDeliveries } from "../queue/filter.ts";
import type { Queue, QueueEvent } from "../queue/queue.ts";

/** Events under way whose steps are remembered; of more, the oldest are looked up in the queue when they end. */
const MAX_OPEN = 20_000;

interface Open {
  readonly storedAt: number;
  routedAt: number | null;
  /** Targets that are not done; null before it is routed. */
  waiting: Set<string> | null;
  readonly ended: Delivery[];
}

interface Deps {
  readonly queue: Pick<Queue, "onEvent" | "get">;
  readonly log: Log;
  /** Wall clock, milliseconds. */
  readonly now: () => number;
  /** Whether anybody would see the lines; while not, nothing is remembered either. */
  readonly isOn: () => boolean;
  /** @default the id of the trace that the event came with */
  readonly traceIdOf?: TraceIdOf;
}

export interface EventLog {
  /** Lines that are being looked up have been written when it resolves. */
  close(): Promise<void>;
}

/** Follows the queue from now on. */
export function startEventLog({ queue, log, now, isOn, traceIdOf = incomingTraceId }: Deps): EventLog {
  const open = new ShortLivedMap<string, Open>();
  const lookUps = new Set<Promise<void>>();

  const remember = (id: string, entry: Open): void => {
    if (open.size >= MAX_OPEN) open.delete(open.keys().next().value as string);
    open.set(id, entry);
  };

  const finish = (meta: EventMeta, deliveries: readonly Delivery[], entry: Open | null): void => {
    open.delete(meta.id);
    log.info("event.finished", { ...finishedLine(meta, deliveries, entry), traceId: traceIdOf(meta) });
  };

  /** For an event that is no longer remembered: it ends here only if all its deliveries have. */
  const lookUp = async (id: string): Promise<void> => {
    const event = await queue.get(id);
    if (event === null) return;
    const standing = standingDeliveries(event.deliveries);
    if (standing.every((delivery) => delivery.state === "done" || delivery.state === "dead"))
      finish(event.meta, standing, null);
  };
  const lookUpLater = (id: string): void => {
    const running = lookUp(id)
      .catch((error: unknown) => log.warn("event-log.failed", { eventId: id, error: messageOf(error) }))
      .finally(() => lookUps.delete(running));
    lookUps.add(running);
  };

  const stop = queue.onEvent((event: QueueEvent) => {
    if (!isOn()) return;
    switch (event.type) {
      case "stored":
        remember(event.meta.id, { storedAt: now(), routedAt: null, waiting: null, ended: [] });
        return;
      case "routed": {
        const entry = open.get(event.meta.id);
        if (entry !== undefined) {
          entry.routedAt = now();
          entry.waiting = new Set(event.targets);
        }
        if (event.targets.length === 0) finish(event.meta, [], entry ?? null);
        return;
      }
      case "settled": {
        const { delivery, meta } = event;
        if (delivery.state !== "done" && delivery.state !== "dead") return;
        const entry = open.get(meta.id);
        if (delivery.replay > 0) {
          log.info("event.replayed", { ...finishedLine(meta, [delivery], null), traceId: traceIdOf(meta) });
          return;
        }
        if (entry === undefined || entry.waiting === null) {
          lookUpLater(meta.id);
          return;
        }
        entry.waiting.delete(delivery.target);
        entry.ended.push(delivery);
        if (entry.waiting.size === 0) finish(meta, entry.ended, entry);
        return;
      }
      case "removed":
        open.delete(event.id);
        return;
      case "duplicate":
      case "replayed":
        return;
      default:
        event satisfies never;
    }
  });

  return {
    async close() {
      stop();
      await Promise.all(lookUps);
    },
  };
}

function finishedLine(meta: EventMeta, deliveries: readonly Delivery[], entry: Open | null) {
  const dead = deliveries.filter((delivery) => delivery.state === "dead");
  const last = Math.max(...deliveries.map((delivery) => delivery.endedAt ?? 0), entry?.routedAt ?? 0);
  return {
    eventId: meta.id,
    kind: meta.kind,
    action: meta.action,
    project: meta.projectPath ?? meta.projectId,
    actor: meta.actor,
    ref: meta.ref,
    hook: meta.hookKey,
    deliveryId: meta.deliveryId,
    recovered: meta.recovered,
    test: meta.test === true,
    bytes: meta.bodyBytes,
    receivedAt: new Date(meta.receivedAt).toISOString(),
    outcome: deliveries.length === 0 ? "unmatched" : dead.length > 0 ? "dead" : "delivered",
    totalMs: last === 0 ? null : Math.max(0, last - meta.receivedAt),
    attempts: deliveries.reduce((sum, delivery) => sum + delivery.attempts, 0),
    steps: {
      verified: { by: meta.verifiedBy, durationMs: meta.verifiedMs },
      stored: { durationMs: entry === null ? null : Math.max(0, entry.storedAt - meta.receivedAt) },
      matched: {
        targets: deliveries.map((delivery) => delivery.target),
        durationMs: matchedMs(entry),
      },
      deliveries: deliveries.map(deliveryLine),
    },
  };
}

function matchedMs(entry: Open | null): number | null {
  if (entry === null || entry.routedAt === null) return null;
  return Math.max(0, entry.routedAt - entry.storedAt);
}

function deliveryLine(delivery: Delivery) {
  return {
    target: delivery.target,
    replay: delivery.replay,
    state: delivery.state,
    attempts: delivery.attempts,
    reason: delivery.reason,
    tries: delivery.history.map(({ at, durationMs, status, error }) => ({
      at: new Date(at).toISOString(),
      durationMs,
      status,
      error,
    })),
  };
}
