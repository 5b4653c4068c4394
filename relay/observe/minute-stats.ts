/**
 * The last hour of the webhook side, minute by minute, for the dashboard: answers counted, and how long they took. Kept in memory
 * only and in fixed space; Prometheus is for the rest.
 */
import type { Clock } from "../../lib/clock.ts";
import type { Metrics, RequestStatus } from "./metrics.ts";
import type { Queue } from "../queue/queue.ts";

const MINUTES = 60;
const MINUTE_MS = 60_000;
/** Upper ends of the duration classes: 0.1 ms, each a quarter more than the one before, 70 of them to beyond ten minutes. */
const CLASS_ENDS_MS = Array.from({ length: 70 }, (_, index) => 0.1 * 1.25 ** index);

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
  /** Milliseconds to the answer of accepted webhooks; null where there were none. */
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
}

export interface MinuteStats {
  /** The last hour, oldest first; the present minute is the last. */
  minutes(): readonly Minute[];
  /** Answers since the start. */
  total(status: RequestStatus): number;
  /** Wall clock of the first answer 503 since the start, or since events were last fetched back; null: none. */
  readonly firstUnavailableAt: number | null;
  /** Wall clock of the last event that was fetched back from GitLab's log. */
  readonly lastRecoveredAt: number | null;
  close(): void;
}

const RUN_MINUTES = 10;

/** How many webhooks in the last ten minutes, and since when without a pause of a minute. */
export interface Run {
  readonly count: number;
  /** Wall clock, milliseconds. */
  readonly since: number;
}

interface Slot {
  minute: number;
  accepted: number;
  duplicate: number;
  refused: number;
  unauthorized: number;
  unavailable: number;
  readonly classes: Uint32Array;
}

export function createMinuteStats(
  metrics: Pick<Metrics, "onRequest">,
  queue: Pick<Queue, "onEvent">,
  clock: Pick<Clock, "now">,
): MinuteStats {
  const slots: Slot[] = Array.from({ length: MINUTES }, () => ({
    minute: -1,
    accepted: 0,
    duplicate: 0,
    refused: 0,
    unauthorized: 0,
    unavailable: 0,
    classes: new Uint32Array(CLASS_ENDS_MS.length),
  }));
  const totals = new Map<RequestStatus, number>();
  let firstUnavailableAt: number | null = null;
  let lastRecoveredAt: number | null = null;

  const slotAt = (now: number): Slot => {
    const minute = Math.floor(now / MINUTE_MS);
    const slot = slots[minute % MINUTES] as Slot;
    if (slot.minute !== minute) {
      Object.assign(slot, { minute, accepted: 0, duplicate: 0, refused: 0, unauthorized: 0, unavailable: 0 });
      slot.classes.fill(0);
    }
    return slot;
  };

  const stopRequests = metrics.onRequest((status, durationMs) => {
    const now = clock.now();
    const slot = slotAt(now);
    totals.set(status, (totals.get(status) ?? 0) + 1);
    if (status === "accepted") {
      slot.accepted += 1;
      const index = classOf(durationMs);
      slot.classes[index] = (slot.classes[index] as number) + 1;
    } else if (status === "duplicate") slot.duplicate += 1;
    else if (status === "unavailable") {
      slot.unavailable += 1;
      firstUnavailableAt ??= now;
    } else {
      slot.refused += 1;
      if (status === "unauthorized" || status === "forbidden") slot.unauthorized += 1;
    }
  });
  const stopEvents = queue.onEvent((event) => {
    if (event.type !== "stored" || !event.meta.recovered) return;
    lastRecoveredAt = clock.now();
    firstUnavailableAt = null;
  });

  return {
    minutes() {
      const present = Math.floor(clock.now() / MINUTE_MS);
      return Array.from({ length: MINUTES }, (_, index) => {
        const minute = present - MINUTES + 1 + index;
        const slot = slots[minute % MINUTES] as Slot;
        const at = minute * MINUTE_MS;
        if (slot.minute !== minute)
          return {
            at,
            accepted: 0,
            duplicate: 0,
            refused: 0,
            unauthorized: 0,
            unavailable: 0,
            p50Ms: null,
            p99Ms: null,
          };
        const { accepted, duplicate, refused, unauthorized, unavailable, classes } = slot;
        return {
          at,
          accepted,
          duplicate,
          refused,
          unauthorized,
          unavailable,
          p50Ms: quantile(classes, accepted, 0.5),
          p99Ms: quantile(classes, accepted, 0.99),
        };
      });
    },
    total: (status) => totals.get(status) ?? 0,
    get firstUnavailableAt() {
      return firstUnavailableAt;
    },
    get lastRecoveredAt() {
      return lastRecoveredAt;
    },
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

function classOf(durationMs: number): number {
  const index = Math.ceil(Math.log(Math.max(durationMs, 0.1) / 0.1) / Math.log(1.25));
  return Math.min(index, CLASS_ENDS_MS.length - 1);
}

/** Upper end of the class in which the quantile lies: at most a quarter too high. */
function quantile(classes: Uint32Array, count: number, share: number): number | null {
  if (count === 0) return null;
  let left = Math.ceil(count * share);
  for (let index = 0; index < classes.length; index += 1) {
    left -= classes[index] as number;
    if (left <= 0) return CLASS_ENDS_MS[index] as number;
  }
  return null;
}
