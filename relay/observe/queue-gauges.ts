/** What Prometheus sees of the queue, its disk and its targets: read afresh for each scrape. */
import type { Registry } from "prom-client";
import { UpstreamError } from "../../lib/errors.ts";
import type { Check, Queue, QueueStats } from "../queue/queue.ts";
import { registerReadGauge, type ReadGauge, type GaugeSample } from "./read-gauge.ts";

/** What the metrics need to know of a target beside the queue's own figures. */
export interface TargetGauge {
  readonly name: string;
  readonly breakerOpen: boolean;
  readonly inFlight: number;
}

export interface QueueGaugeDeps {
  readonly queue: Queue;
  /** Wall clock, milliseconds. */
  readonly now: () => number;
  /** Present state of the targets' workers. @default none */
  readonly targets?: () => readonly TargetGauge[];
  /** What readiness depends on. @default what the queue checks */
  readonly checks?: () => readonly Check[];
  /** The disk of the queue, if it has one: bytes that are free, and the floor below which webhooks are refused. */
  readonly disk?: () => Promise<{ readonly freeBytes: number; readonly floorBytes: number } | null>;
}

/** Null if the storage is out of reach: its figures are absent then, and the others are told nevertheless. */
export async function statsOf(queue: Queue): Promise<QueueStats | null> {
  try {
    return await queue.stats();
  } catch (error) {
    if (error instanceof UpstreamError) return null;
    throw error;
  }
}

export function registerQueueGauges(registry: Registry, deps: QueueGaugeDeps): void {
  const { queue } = deps;
  /** The gauges of one scrape ask in the same turn: one count of the queue serves them all. */
  let counting: Promise<QueueStats | null> | null = null;
  const stats = (): Promise<QueueStats | null> => {
    counting ??= statsOf(queue).finally(() => (counting = null));
    return counting;
  };
  const gauge = (
    name: string,
    help: string,
    read: ReadGauge["read"],
    labelNames: readonly string[] = [],
  ): void => registerReadGauge(registry, { name, help, read, labelNames });

  gauge(
    "relay_queue_events",
    "Deliveries kept, by state.",
    async () =>
      Object.entries((await stats())?.byState ?? {}).map(([state, value]) => ({ labels: { state }, value })),
    ["state"],
  );
  gauge("relay_queue_oldest_seconds", "Age of the oldest event that is not delivered yet.", async () => {
    const counted = await stats();
    if (counted === null) return [];
    const { oldestWaitingAt } = counted;
    return single(oldestWaitingAt === null ? 0 : Math.max(0, deps.now() - oldestWaitingAt) / 1000);
  });
  gauge("relay_queue_bytes", "Bytes that the queue takes in its storage.", async () =>
    single((await stats())?.bytes),
  );
  gauge("relay_queue_damaged_bytes", "Bytes of stored events that were found damaged.", async () =>
    single((await stats())?.damagedBytes),
  );
  gauge("relay_disk_free_bytes", "Bytes that are free on the disk of the queue.", async () =>
    single((await deps.disk?.())?.freeBytes),
  );
  gauge("relay_disk_floor_bytes", "Free bytes below which webhooks are answered with 503.", async () =>
    single((await deps.disk?.())?.floorBytes),
  );
  gauge(
    "relay_check_ok",
    "What readiness depends on: 1 if it holds, 0 if not.",
    () =>
      (deps.checks?.() ?? queue.checks()).map(({ name, ok }) => ({
        labels: { check: name },
        value: ok ? 1 : 0,
      })),
    ["check"],
  );
  gauge(
    "relay_dead_letters",
    "Dead letters, by target and reason.",
    async () =>
      [...((await stats())?.targets ?? [])].flatMap(([target, { deadReasons }]) =>
        [...deadReasons].map(([reason, value]) => ({ labels: { target, reason }, value })),
      ),
    ["target", "reason"],
  );
  gauge(
    "relay_target_events",
    "Deliveries kept, by target and state.",
    async () =>
      [...((await stats())?.targets ?? [])].flatMap(([target, counts]) =>
        (["waiting", "sending", "dead"] as const).map((state) => ({
          labels: { target, state },
          value: counts[state],
        })),
      ),
    ["target", "state"],
  );
  gauge(
    "relay_target_paused",
    "1 while an operator has paused the target.",
    async () =>
      [...((await stats())?.targets ?? [])].map(([target, { paused }]) => ({
        labels: { target },
        value: paused ? 1 : 0,
      })),
    ["target"],
  );
  gauge(
    "relay_target_breaker_open",
    "1 while the target fails so often that no attempts are made.",
    () =>
      (deps.targets?.() ?? []).map(({ name, breakerOpen }) => ({
        labels: { target: name },
        value: breakerOpen ? 1 : 0,
      })),
    ["target"],
  );
}

function single(value: number | undefined): GaugeSample[] {
  return value === undefined ? [] : [{ labels: {}, value }];
}
