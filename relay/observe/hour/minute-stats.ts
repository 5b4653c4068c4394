/**
 * The last hour of the webhook side, minute by minute, for the dashboard: answers counted, and how long they took. In fixed space;
 * Prometheus is for the rest.
 */
import type { Clock } from "../../../lib/clock.ts";
import type { Metrics, RequestStatus } from "../metrics.ts";
import type { Queue } from "../../queue/queue.ts";
import { Hour, type SavedHour } from "./hour.ts";

export interface Minute {
  /** Wall clock of its start, milliseconds. */
  readonly at: number;
  readonly accepted: number;
  readonly duplicate: number;
  /** Refused for good reasons: credentials, address, form. */
  readonly refused: number;
  /** Of those: wrong credentials or address. */
  readonly unauthorized: number;
  /** 503: could not be stored. */
  readonly unavailable: number;
  /** Deliveries that ended well. */
  readonly delivered: number;
  /** Milliseconds to the answer of accepted webhooks; null if there were none. */
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
}

export interface MinuteStats {
  /** The last hour, oldest first; the present minute is the last. */
  minutes(): readonly Minute[];
  /** Answers since the start. */
  total(status: RequestStatus): number;
  /** For after a restart. */
  save(): SavedHour;
  restore(saved: unknown): void;
  close(): void;
}

const RUN_MINUTES = 10;

/** How many webhooks in the last ten minutes, and since when without a pause of a minute. */
export interface Run {
  readonly count: number;
  /** Wall clock, milliseconds. */
  readonly since: number;
}

const FIELDS = ["accepted", "duplicate", "refused", "unauthorized", "unavailable", "delivered"] as const;

export function createMinuteStats(
  metrics: Pick<Metrics, "onRequest">,
  queue: Pick<Queue, "onEvent">,
  clock: Pick<Clock, "now">,
): MinuteStats {
  const hour = new Hour(FIELDS);
  const totals = new Map<RequestStatus, number>();

  const stopRequests = metrics.onRequest((status, durationMs) => {
    const now = clock.now();
    totals.set(status, (totals.get(status) ?? 0) + 1);
    if (status === "accepted") hour.time(now, durationMs);
    if (status === "accepted" || status === "duplicate" || status === "unavailable") hour.add(now, status);
    else hour.add(now, "refused");
    if (status === "unauthorized" || status === "forbidden") hour.add(now, "unauthorized");
  });
  const stopEvents = queue.onEvent((event) => {
    if (event.type === "settled" && event.delivery.state === "done") hour.add(clock.now(), "delivered");
  });

  return {
    minutes: () =>
      hour
        .minutes(clock.now())
        .map(({ at, counts, quantile }) =>
          Object.assign({ at, p50Ms: quantile(0.5), p99Ms: quantile(0.99) }, counts),
        ),
    total: (status) => totals.get(status) ?? 0,
    save: () => hour.save(),
    restore: (saved) => hour.restore(saved),
    close() {
      stopRequests();
      stopEvents();
    },
  };
}

/** The last minutes in which something was counted, as long as there was no minute without; null: nothing in the last ten. */
export function runOf(minutes: readonly Minute[], count: (minute: Minute) => number): Run | null {
  const last = minutes.slice(-RUN_MINUTES);
  const total = last.reduce((sum, minute) => sum + count(minute), 0);
  if (total === 0) return null;
  const newest = minutes.findLastIndex((minute) => count(minute) > 0);
  let first = newest;
  while (first > 0 && count(minutes[first - 1] as Minute) > 0) first -= 1;
  return { count: total, since: (minutes[first] as Minute).at };
}
