/**
 * Events, deliveries and targets as the admin API shows them: the field names are documented in docs/admin-api.md. Times are
 * UTC ISO strings, null if there is none.
 */
import { instanceOf, type EventMeta } from "../../event/event.ts";
import type { Attempt, Delivery } from "../../queue/delivery-state.ts";
import { answerHeaders, sentHeaders, type ShownHeader } from "../../queue/exchange.ts";
import type { Duplicates, EventSummary, TargetStats } from "../../queue/queue.ts";
import type { Masking } from "../pages/masking.ts";
import type { TargetStatus } from "../../observe/target-status.ts";
import { timeline, type Step } from "../pages/timeline.ts";
import { sentence } from "../../event/sentence.ts";

export type Mask = (text: string) => string;

export function iso(ms: number): string {
  return new Date(ms).toISOString();
}

export function isoOrNull(ms: number | null): string | null {
  return ms === null ? null : iso(ms);
}

/** What is known of an event without its headers, and the same in words. */
export function metaJson(meta: EventMeta) {
  const { headers: _headers, receivedAt, ...rest } = meta;
  return {
    ...rest,
    instanceName: instanceOf(meta),
    pairKey: meta.pairKey ?? null,
    twin: meta.twin ?? null,
    refChange: meta.refChange ?? null,
    sourceProjectId: meta.sourceProjectId ?? null,
    sourceBranch: meta.sourceBranch ?? null,
    iid: meta.iid ?? null,
    title: meta.title ?? null,
    subjectType: meta.subjectType ?? null,
    test: meta.test === true,
    receivedAt: iso(receivedAt),
    summary: sentence(meta, null),
  };
}

/** An event in a line for who follows them. */
export function followedJson(meta: EventMeta) {
  return { id: meta.id, receivedAt: iso(meta.receivedAt), summary: sentence(meta, null) };
}

export function attemptJson(attempt: Attempt, mask: Mask) {
  return {
    at: iso(attempt.at),
    durationMs: attempt.durationMs,
    status: attempt.status,
    error: attempt.error === null ? null : mask(attempt.error),
    excerpt: attempt.excerpt === null ? null : mask(attempt.excerpt),
    ...(attempt.steps === undefined ? {} : { steps: attempt.steps }),
  };
}

/** What an attempt sent and what came back, fit to be shown; null: nothing was sent, or the attempt is too old. */
function exchangeJson({ exchange, status }: Attempt, meta: EventMeta, masking: Masking) {
  if (exchange === undefined) return null;
  const { request, answer } = exchange;
  const shown = (headers: readonly ShownHeader[]): ShownHeader[] =>
    headers.map(([name, value]) => [name, masking.header(name, value)]);
  return {
    request: {
      method: request.method,
      url: masking.text(request.url),
      headers: shown(sentHeaders(exchange, meta)),
      omittedHeaders: request.omitted,
    },
    response:
      answer === null
        ? null
        : { status, headers: shown(answerHeaders(answer)), omittedHeaders: answer.omitted },
  };
}

/** A delivery; in lists only its last attempt is told. */
export function deliveryJson(delivery: Delivery, mask: Mask) {
  const last = delivery.history.at(-1);
  return {
    target: delivery.target,
    replay: delivery.replay,
    state: delivery.state,
    attempts: delivery.attempts,
    firstAttemptAt: isoOrNull(delivery.firstAttemptAt),
    dueAt: isoOrNull(delivery.dueAt),
    endedAt: isoOrNull(delivery.endedAt),
    reason: delivery.reason === null ? null : mask(delivery.reason),
    movedTo: delivery.movedTo ?? null,
    lastAttempt: last === undefined ? null : attemptJson(last, mask),
  };
}

export function summaryJson(summary: EventSummary, mask: Mask) {
  return {
    ...metaJson(summary.meta),
    state: summary.state,
    deliveries: summary.deliveries.map((delivery) => deliveryJson(delivery, mask)),
  };
}

/** How often GitLab sent an event again; null: once. */
export function duplicatesJson(duplicates: Duplicates | null) {
  return duplicates === null ? null : { count: duplicates.count, lastAt: iso(duplicates.lastAt) };
}

/** One event with its headers and every attempt that is remembered. */
/** @param waitsFor what a waiting delivery waits for, in words */
export function detailJson(event: EventSummary, masking: Masking, waitsFor: (delivery: Delivery) => string) {
  const mask: Mask = (text) => masking.text(text);
  return {
    ...metaJson(event.meta),
    state: event.state,
    headers: event.meta.headers.map(([name, value]) => [name, masking.received(name, value)]),
    deliveries: event.deliveries.map((delivery) => ({
      ...deliveryJson(delivery, mask),
      waitsFor: delivery.state === "waiting" ? waitsFor(delivery) : null,
      history: delivery.history.map((attempt) => ({
        ...attemptJson(attempt, mask),
        exchange: exchangeJson(attempt, event.meta, masking),
      })),
    })),
    timeline: timeline(event, waitsFor).map((step) => stepJson(step, mask)),
  };
}

function stepJson({ exchange: _exchange, ...step }: Step, mask: Mask) {
  return {
    ...step,
    at: isoOrNull(step.at),
    text: mask(step.text),
    excerpt: step.excerpt === null ? null : mask(step.excerpt),
  };
}

/** Figures of a target that the queue has not heard of. */
export const NO_STATS: TargetStats = {
  waiting: 0,
  sending: 0,
  dead: 0,
  deadReasons: new Map(),
  lanes: 0,
  paused: false,
  exists: true,
  oldestAt: null,
};

function lastErrorJson({ lastError }: TargetStatus, mask: Mask) {
  if (lastError === null) return null;
  return { at: iso(lastError.at), text: mask(lastError.text), eventId: lastError.eventId };
}

export function targetJson(status: TargetStatus, stats: TargetStats, mask: Mask) {
  const { errors, ...rest } = status;
  return {
    ...rest,
    errors: errors.map(({ name, count, lastAt }) => ({ name: mask(name), count, lastAt: iso(lastAt) })),
    breakerUntil: isoOrNull(status.breakerUntil),
    lastError: lastErrorJson(status, mask),
    paused: stats.paused,
    waiting: stats.waiting,
    sending: stats.sending,
    dead: stats.dead,
    deadReasons: Object.fromEntries(stats.deadReasons),
    lanes: stats.lanes,
    oldestAt: isoOrNull(stats.oldestAt),
  };
}
