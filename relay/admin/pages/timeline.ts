/** What happened to an event, step by step, in the order of time: for its page and for the API. Pure. */
import type { Delivery } from "../../queue/delivery-state.ts";
import type { Exchange } from "../../queue/exchange.ts";
import type { EventSummary } from "../../queue/queue.ts";

export type StepName =
  | "received"
  | "verified"
  | "stored"
  | "matched"
  | "attempt"
  | "done"
  | "dead"
  | "next"
  | "waiting";

export interface Step {
  readonly name: StepName;
  /** Wall clock, milliseconds; null if it was not written down. */
  readonly at: number | null;
  readonly durationMs: number | null;
  readonly target: string | null;
  /** Of an attempt, from 1. */
  readonly attempt: number | null;
  /** 0: the delivery after receipt; then 1, 2 ... for replays. */
  readonly replay: number;
  readonly outcome: "ok" | "failed" | "pending";
  /** HTTP status of the target's answer. */
  readonly status: number | null;
  readonly text: string;
  readonly excerpt: string | null;
  /** What went over the wire; null: nothing did, or it is no longer kept. */
  readonly exchange: Exchange | null;
}

/**
 * The steps of one event. What lies in the future (the next attempt) comes last.
 * @param waitsFor what a waiting delivery waits for, in words
 */
export function timeline(event: EventSummary, waitsFor: (delivery: Delivery) => string): readonly Step[] {
  const { meta } = event;
  const verifiedAt = meta.receivedAt + meta.verifiedMs;
  const begin: Step[] = [
    step("received", meta.receivedAt, `${meta.header ?? "no X-Gitlab-Event"}, ${meta.bodyBytes} bytes`),
    {
      ...step(
        "verified",
        verifiedAt,
        meta.verifiedBy.length === 0 ? "no credential configured" : meta.verifiedBy.join(" and "),
      ),
      durationMs: meta.verifiedMs,
    },
    step("stored", null, "on stable storage before the answer"),
    matched(event),
  ];
  const tries = event.deliveries.flatMap(attemptsOf);
  tries.sort((a, b) => (a.at ?? 0) - (b.at ?? 0));
  return [...begin, ...tries, ...event.deliveries.flatMap((delivery) => nextOf(delivery, waitsFor))];
}

function step(name: StepName, at: number | null, text: string): Step {
  return {
    name,
    at,
    durationMs: null,
    target: null,
    attempt: null,
    replay: 0,
    outcome: "ok",
    status: null,
    text,
    excerpt: null,
    exchange: null,
  };
}

function matched(event: EventSummary): Step {
  const first = event.deliveries
    .filter((delivery) => delivery.replay === 0)
    .map((delivery) => delivery.target);
  if (event.state === "unrouted") return { ...step("matched", null, "not matched yet"), outcome: "pending" };
  if (event.deliveries.length === 0) return step("matched", null, "no target matched");
  return step("matched", null, first.length === 0 ? "replays only" : first.join(", "));
}

function attemptsOf(delivery: Delivery): Step[] {
  const { target, replay } = delivery;
  const hidden = delivery.attempts - delivery.history.length;
  const steps: Step[] = delivery.history.map((attempt, index) => ({
    ...step("attempt", attempt.at, attempt.error ?? "accepted"),
    durationMs: attempt.durationMs,
    target,
    replay,
    attempt: hidden + index + 1,
    outcome: attempt.error === null ? "ok" : "failed",
    status: attempt.status,
    excerpt: attempt.excerpt,
    exchange: attempt.exchange ?? null,
  }));
  if (delivery.state === "done")
    steps.push({
      ...step("done", delivery.endedAt, `delivered after ${triesOf(delivery.attempts)}`),
      target,
      replay,
    });
  if (delivery.state === "dead")
    steps.push({
      ...step("dead", delivery.endedAt, delivery.reason ?? "given up"),
      target,
      replay,
      outcome: "failed",
    });
  return steps;
}

function nextOf(delivery: Delivery, waitsFor: (delivery: Delivery) => string): Step[] {
  const { target, replay, state } = delivery;
  if (state === "sending")
    return [{ ...step("waiting", null, "an attempt is under way"), target, replay, outcome: "pending" }];
  if (state !== "waiting") return [];
  const tried = delivery.attempts === 0 ? "" : ` after ${triesOf(delivery.attempts)}`;
  const text = `waits${tried}: ${waitsFor(delivery)}`;
  return [
    {
      ...step("next", delivery.dueAt, text),
      target,
      replay,
      attempt: delivery.attempts + 1,
      outcome: "pending",
    },
  ];
}

function triesOf(count: number): string {
  return count === 1 ? "1 attempt" : `${count} attempts`;
}
