/** What the queue tells of an event, as spans. Their ids are those that the attempts carried in `traceparent`. */
import type { SpanContext } from "@opentelemetry/api";
import type { Resource } from "@opentelemetry/resources";
import type { ReadableSpan } from "@opentelemetry/sdk-trace-base";
import type { EventMeta } from "../../event/event.ts";
import { attemptSpanId, traceOf, webhookSpanId } from "../../event/trace.ts";
import type { QueueEvent } from "../../queue/queue.ts";

export interface SpansDeps {
  readonly resource: Resource;
  readonly version: string;
  /** Wall clock, milliseconds. */
  readonly now: () => number;
  readonly mask: (text: string) => string;
}

type Details = Pick<ReadableSpan, "name" | "kind" | "attributes" | "status"> & {
  readonly spanId: string;
  readonly parentId: string | null;
  readonly startMs: number;
  readonly endMs: number;
};

/** Values of the API's enumerations. */
const [SERVER, CLIENT] = [1, 2] as const;
const [UNSET, FAILED] = [0, 2] as const;
const SAMPLED = 1;

/** Null: nothing ended, or the sender does not want the trace recorded. */
export function createSpans(deps: SpansDeps): (event: QueueEvent) => ReadableSpan | null {
  return function spanOf(event) {
    switch (event.type) {
      case "stored":
        return build(event.meta, webhookDetails(event.meta, deps), deps);
      case "settled": {
        const { meta, delivery, attempt } = event;
        if (attempt === null) return null;
        const { target, replay, attempts } = delivery;
        return build(
          meta,
          {
            name: `deliver ${target}`,
            kind: CLIENT,
            spanId: attemptSpanId({ eventId: meta.id, target, replay, attempt: attempts }),
            parentId: webhookSpanId(meta.id),
            startMs: attempt.at,
            endMs: attempt.at + attempt.durationMs,
            status:
              attempt.error === null ? { code: UNSET } : { code: FAILED, message: deps.mask(attempt.error) },
            attributes: {
              "relay.event_id": meta.id,
              "relay.target": target,
              "relay.attempt": attempts,
              "relay.replay": replay,
              "relay.state": delivery.state,
              ...(attempt.status === null ? {} : { "http.response.status_code": attempt.status }),
            },
          },
          deps,
        );
      }
      default:
        return null;
    }
  };
}

function webhookDetails(meta: EventMeta, { now }: SpansDeps): Details {
  return {
    name: `webhook ${meta.kind ?? "unknown"}`,
    kind: SERVER,
    spanId: webhookSpanId(meta.id),
    parentId: traceOf(meta).parentId,
    startMs: meta.receivedAt,
    endMs: Math.max(now(), meta.receivedAt),
    status: { code: UNSET },
    attributes: {
      "relay.event_id": meta.id,
      "gitlab.event": meta.kind ?? "unknown",
      "gitlab.project": meta.projectPath ?? "",
      "http.request.body.size": meta.bodyBytes,
      "relay.verified_ms": meta.verifiedMs,
    },
  };
}

function build(meta: EventMeta, details: Details, { resource, version }: SpansDeps): ReadableSpan | null {
  const { traceId, isSampled } = traceOf(meta);
  if (!isSampled) return null;
  const context = (spanId: string): SpanContext => ({
    traceId,
    spanId,
    traceFlags: SAMPLED,
  });
  const { spanId, parentId, startMs, endMs, ...rest } = details;
  return {
    ...rest,
    spanContext: () => context(spanId),
    ...(parentId === null ? {} : { parentSpanContext: context(parentId) }),
    startTime: hrTime(startMs),
    endTime: hrTime(endMs),
    duration: hrTime(endMs - startMs),
    ended: true,
    links: [],
    events: [],
    resource,
    instrumentationScope: { name: "gitlab-hook-relay", version },
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  };
}

/** Seconds and nanoseconds. */
function hrTime(ms: number): [number, number] {
  const seconds = Math.floor(ms / 1000);
  return [seconds, Math.round((ms - seconds * 1000) * 1e6)];
}
