/**
 * Which trace an event belongs to (W3C Trace Context): that of the `traceparent` it came with, or one of its own that follows from its
 * id. Spans have ids that follow from what they are about, so that nothing about them needs to be kept.
 */
import { createHash } from "node:crypto";
import type { EventMeta } from "./event.ts";

export const TRACEPARENT = "traceparent";

/** A trace as the sender began it. */
export interface Trace {
  /** 32 hex digits. */
  readonly traceId: string;
  /** 16 hex digits; null: the trace begins here. */
  readonly parentId: string | null;
  readonly isSampled: boolean;
}

type Traced = Pick<EventMeta, "id" | "headers">;

/** Version 00, and what later versions begin with. */
const HEADER = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-|$)/;

export function parseTraceparent(value: string): Trace | null {
  const [, traceId, parentId, flags] = HEADER.exec(value) ?? [];
  if (traceId === undefined || parentId === undefined || flags === undefined) return null;
  return { traceId, parentId, isSampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

/** The trace that the event came with; null: none. */
export function incomingTrace({ headers }: Pick<EventMeta, "headers">): Trace | null {
  const value = headers.find(([name]) => name === TRACEPARENT)?.[1];
  return value === undefined ? null : parseTraceparent(value);
}

/** The trace of an event where traces are recorded. */
export function traceOf(meta: Traced): Trace {
  return (
    incomingTrace(meta) ?? {
      traceId: digest(["trace", meta.id]).slice(0, 32),
      parentId: null,
      isSampled: true,
    }
  );
}

/** For log lines: undefined if the event belongs to no trace. */
export type TraceIdOf = (meta: Traced) => string | undefined;

export const incomingTraceId: TraceIdOf = (meta) => incomingTrace(meta)?.traceId;
export const recordedTraceId: TraceIdOf = (meta) => traceOf(meta).traceId;

export function webhookSpanId(eventId: string): string {
  return spanId([eventId]);
}

export interface AttemptName {
  readonly eventId: string;
  readonly target: string;
  readonly replay: number;
  /** From 1. */
  readonly attempt: number;
}

export function attemptSpanId({ eventId, target, replay, attempt }: AttemptName): string {
  return spanId([eventId, target, String(replay), String(attempt)]);
}

/** The header of an attempt, whose own span the target's spans belong to. Null: not recorded, what came is passed on. */
export function attemptTraceparent(meta: Traced, name: AttemptName): string | null {
  const { traceId, isSampled } = traceOf(meta);
  return isSampled ? `00-${traceId}-${attemptSpanId(name)}-01` : null;
}

function spanId(parts: readonly string[]): string {
  return digest(["span", ...parts]).slice(0, 16);
}

function digest(parts: readonly string[]): string {
  return createHash("sha256").update(parts.join("\n")).digest("hex");
}
