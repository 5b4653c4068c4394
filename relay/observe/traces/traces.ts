/**
 * Traces for OpenTelemetry: a span for each webhook and each attempt, sent by OTLP over HTTP. The packages are loaded only if
 * OTEL_EXPORTER_OTLP_ENDPOINT is set. What cannot be sent is dropped: traces never hold up a webhook.
 */
import type { SpanExporter } from "@opentelemetry/sdk-trace-base";
import type { Clock } from "../../../lib/clock.ts";
import { messageOf } from "../../../lib/errors.ts";
import type { Log } from "../../../lib/log.ts";
import type { Env } from "../../../lib/env.ts";
import { incomingTraceId, recordedTraceId, type TraceIdOf } from "../../event/trace.ts";
import type { Queue } from "../../queue/queue.ts";
import { createSpans } from "./spans.ts";

export interface TracesDeps {
  readonly queue: Pick<Queue, "onEvent">;
  readonly env: Env;
  readonly log: Log;
  readonly clock: Pick<Clock, "now" | "after">;
  readonly version: string;
  /** Hides secrets. */
  readonly mask: (text: string) => string;
}

export interface Traces {
  /** Sends what is still held, for two seconds at most. */
  close(): Promise<void>;
}

/** Milliseconds that the end waits for a collector. */
const CLOSE_MS = 2_000;

/** Where spans go, by the variables of OpenTelemetry; null: traces are off. */
export function tracesEndpoint(env: Env): string | null {
  const base = env["OTEL_EXPORTER_OTLP_ENDPOINT"] ?? "";
  const own = env["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] ?? "";
  if (base === "") return null;
  return own === "" ? `${base.replace(/\/+$/, "")}/v1/traces` : own;
}

/** For log lines: where traces are recorded every event has one. */
export function traceIdIn(env: Env): TraceIdOf {
  return tracesEndpoint(env) === null ? incomingTraceId : recordedTraceId;
}

/** Records from now on. Null if the packages are not installed, which is logged. */
export async function startTraces(url: string, deps: TracesDeps): Promise<Traces | null> {
  const { queue, env, log, clock, version } = deps;
  let loaded;
  try {
    loaded = await Promise.all([
      import("@opentelemetry/sdk-trace-base"),
      import("@opentelemetry/exporter-trace-otlp-http"),
      import("@opentelemetry/resources"),
    ]);
  } catch (error) {
    log.warn("traces.unavailable", { error: messageOf(error), note: "install the optional dependencies" });
    return null;
  }
  const [{ BatchSpanProcessor }, { OTLPTraceExporter }, { resourceFromAttributes }] = loaded;
  const exporter = new OTLPTraceExporter({ url });
  const processor = new BatchSpanProcessor(telling(exporter, log));
  const resource = resourceFromAttributes({
    "service.name": env["OTEL_SERVICE_NAME"] || "gitlab-hook-relay",
    "service.version": version,
  });
  const spansOf = createSpans({ resource, version, now: () => clock.now(), mask: deps.mask });
  const stop = queue.onEvent((event) => {
    const span = spansOf(event);
    if (span !== null) processor.onEnd(span);
  });
  log.info("traces.enabled", { url });
  return {
    async close() {
      stop();
      await new Promise<void>((resolve) => {
        const timer = clock.after(CLOSE_MS, resolve);
        const end = (): void => {
          timer.cancel();
          resolve();
        };
        // Why spans could not be sent has been told.
        processor.shutdown().then(end, end);
      });
    },
  };
}

/** Logs when spans cannot be sent, once until they can again. */
function telling(exporter: SpanExporter, log: Log): SpanExporter {
  let isFailing = false;
  return {
    export(spans, done) {
      exporter.export(spans, (result) => {
        const { error } = result;
        if (error !== undefined && !isFailing) log.warn("traces.not-sent", { error: messageOf(error) });
        isFailing = error !== undefined;
        done(result);
      });
    },
    shutdown: () => exporter.shutdown(),
  };
}
