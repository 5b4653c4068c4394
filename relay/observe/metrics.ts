/**
 * What Prometheus sees. Names and labels are a public contract: docs/operations.md lists them, alert rules and the Grafana
 * dashboard use them. The number of series is bounded whatever is sent: event kinds that GitLab does not have become `other`.
 *
 * Counting a request costs two map look-ups; prom-client sees the counts when somebody scrapes.
 */
import { Counter, Histogram, Registry, collectDefaultMetrics } from "prom-client";
import { KNOWN_EVENT_NAMES } from "../../lib/events.ts";
import type { QueueEvent } from "../queue/queue.ts";
import { registerQueueGauges, statsOf, type QueueGaugeDeps } from "./queue-gauges.ts";

const REQUEST_BUCKETS_SECONDS = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];
const DELIVERY_BUCKETS_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const SYNC_BUCKETS_SECONDS = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5,
];

/** Default metrics of prom-client that `promtool check metrics` objects to: gauges that end in `_total`. */
const MISNAMED = [
  "nodejs_active_resources_total",
  "nodejs_active_handles_total",
  "nodejs_active_requests_total",
];

const REQUEST_STATUSES = [
  "accepted",
  "duplicate",
  "unauthorized",
  "forbidden",
  "malformed",
  "too_large",
  "unavailable",
] as const;

/** How a webhook was answered. `throttled` ones (429) count as unauthorized. */
export type RequestStatus = (typeof REQUEST_STATUSES)[number];

/** @param instance as in Metrics.request() */
export type RequestListener = (
  status: RequestStatus,
  durationMs: number,
  instance: string | undefined,
) => void;

export interface MetricsDeps extends QueueGaugeDeps {
  /** Whether the metrics of the process are collected as well. @default true */
  readonly process?: boolean;
}

export interface Metrics {
  /** Where more metrics may be registered. */
  readonly registry: Registry;
  /** Content-Type of `text()`. */
  readonly contentType: string;
  /** The exposition in Prometheus' text format. */
  text(): Promise<string>;
  /**
   * One answered webhook. `kind` as in EventMeta; null if it was refused before that was known.
   * @param instance name of the GitLab in the settings; undefined: that of `gitlab`, or it is unknown
   */
  request(status: RequestStatus, kind: string | null, durationMs: number, instance?: string): void;
  /** One sync of the storage, or one durable write where the storage is elsewhere. */
  sync(durationMs: number): void;
  /** Calls back for each answered webhook; returns the way to stop that. */
  onRequest(listener: RequestListener): () => void;
  /** Stops listening to the queue. */
  close(): void;
}

/** Metrics of one relay on a registry of their own; listens to the queue from now on. */
export function createMetrics(deps: MetricsDeps): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const requests = requestCounts(registry);
  const listeners = new Set<RequestListener>();

  const duration = new Histogram({
    name: "gitlab_webhook_duration_seconds",
    help: "Time from the first byte of a webhook request to its answer.",
    buckets: REQUEST_BUCKETS_SECONDS,
    registers,
  });
  const syncs = new Histogram({
    name: "relay_storage_sync_seconds",
    help: "Time that the storage took to make a batch of writes durable.",
    buckets: SYNC_BUCKETS_SECONDS,
    registers,
  });
  const deliveries: Counter<"target" | "outcome"> = new Counter({
    name: "relay_deliveries_total",
    help: "Attempts to deliver by outcome: done, retry (failed, comes again) or dead.",
    labelNames: ["target", "outcome"],
    registers,
    // A series that begins with its first count would hide that count from rate() and increase().
    async collect() {
      const stats = await statsOf(deps.queue);
      for (const target of stats?.targets.keys() ?? [])
        for (const outcome of ["done", "retry", "dead"]) deliveries.inc({ target, outcome }, 0);
    },
  });
  const deliveryDuration = new Histogram({
    name: "relay_delivery_duration_seconds",
    help: "Duration of attempts to deliver.",
    labelNames: ["target"],
    buckets: DELIVERY_BUCKETS_SECONDS,
    registers,
  });
  registerQueueGauges(registry, deps);
  if (deps.process ?? true) collectProcessMetrics(registry);

  const stop = deps.queue.onEvent((event: QueueEvent) => {
    if (event.type !== "settled" || event.attempt === null) return;
    const { target, state } = event.delivery;
    deliveries.inc({ target, outcome: state === "waiting" ? "retry" : state });
    deliveryDuration.observe({ target }, event.attempt.durationMs / 1000);
  });

  return {
    registry,
    contentType: registry.contentType,
    text: () => registry.metrics(),
    request(status, kind, durationMs, instance) {
      requests(status, kind, instance);
      duration.observe(durationMs / 1000);
      for (const listener of listeners) listener(status, durationMs, instance);
    },
    sync: (durationMs) => syncs.observe(durationMs / 1000),
    onRequest(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    close() {
      stop();
      listeners.clear();
    },
  };
}

/** Counts requests in plain maps, which prom-client reads on a scrape. */
type RequestCounts = Map<RequestStatus, Map<string, number>>;

/**
 * The GitLab of an event is the label `gitlab`, as `instance` is the label by which Prometheus tells relays apart. Only GitLabs that the
 * settings name have it: a relay of one GitLab has the series that it always had.
 */
function requestCounts(
  registry: Registry,
): (status: RequestStatus, kind: string | null, instance: string | undefined) => void {
  const unnamed: RequestCounts = new Map(REQUEST_STATUSES.map((status) => [status, new Map([["other", 0]])]));
  const named = new Map<string, RequestCounts>();
  const countsOf = (instance: string): RequestCounts => {
    const known = named.get(instance) ?? new Map(REQUEST_STATUSES.map((status) => [status, new Map()]));
    named.set(instance, known);
    return known;
  };
  const counter: Counter<"status" | "event" | "gitlab"> = new Counter({
    name: "gitlab_webhook_requests_total",
    help: "Webhook requests by answer and kind of event.",
    labelNames: ["status", "event", "gitlab"],
    registers: [registry],
    collect() {
      counter.reset();
      const tell = (counts: RequestCounts, label: { readonly gitlab?: string }): void => {
        for (const [status, byEvent] of counts)
          for (const [event, count] of byEvent) counter.inc({ status, event, ...label }, count);
      };
      tell(unnamed, {});
      for (const [gitlab, counts] of named) tell(counts, { gitlab });
    },
  });
  return function countRequest(status, kind, instance) {
    const event = kind !== null && KNOWN_EVENT_NAMES.has(kind) ? kind : "other";
    const counts = instance === undefined ? unnamed : countsOf(instance);
    const byEvent = counts.get(status) as Map<string, number>;
    byEvent.set(event, (byEvent.get(event) ?? 0) + 1);
  };
}

function collectProcessMetrics(registry: Registry): void {
  collectDefaultMetrics({ register: registry });
  for (const name of MISNAMED) registry.removeSingleMetric(name);
}
