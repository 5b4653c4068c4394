/**
 * The answers of the admin API as the commands read them. An answer is checked against these before a command touches it: JSON of
 * something that is no relay is refused. A field that no command reads is not named here; one that a relay of an earlier version lacks
 * stands for what that relay does.
 */
import { z } from "zod";

const time = z.string();
const textOrNull = z.string().nullable();

const listedEvent = z.object({
  id: z.string(),
  receivedAt: time,
  summary: z.string(),
  state: z.string(),
  deliveries: z.array(
    z.object({
      target: z.string(),
      replay: z.number(),
      state: z.string(),
      movedTo: textOrNull.default(null),
      lastAttempt: z.object({ status: z.number().nullable() }).nullable(),
    }),
  ),
});

export const eventPageAnswer = z.object({
  events: z.array(listedEvent),
  cursor: textOrNull,
  partial: z.boolean(),
  looked: z.number(),
});

export const eventDetailAnswer = listedEvent.extend({
  headers: z.array(z.tuple([z.string(), z.string()])),
  timeline: z.array(
    z.object({
      name: z.string(),
      at: time.nullable(),
      target: textOrNull,
      attempt: z.number().nullable(),
      replay: z.number(),
      status: z.number().nullable(),
      text: z.string(),
    }),
  ),
});

/** A line of `events/follow`; what a target would get is absent if it was not asked for. The body is base64. */
export const tailedEvent = z.object({
  id: z.string(),
  receivedAt: time,
  summary: z.string(),
  headers: z.record(z.string(), z.string()).optional(),
  body: z.string().optional(),
});

export const replayedEventAnswer = z.object({ id: z.string(), targets: z.array(z.string()) });

/** What a job would deliver, or that there is none. */
export const replayPreviewAnswer = z.object({
  matched: z.object({ text: z.string(), deliveries: z.number(), isWhole: z.boolean() }),
});

export const replayJobAnswer = replayPreviewAnswer.extend({
  id: z.string(),
  state: z.enum(["running", "paused", "done", "cancelled"]),
  createdAt: time,
  createdBy: z.string(),
  progress: z.object({
    delivered: z.number(),
    failed: z.number(),
    open: z.number(),
    gone: z.number(),
    remaining: z.number(),
    cancelled: z.number().default(0),
  }),
});

/** A job, or why there is none: nothing fits. */
export const startedReplayAnswer = z.union([
  replayJobAnswer,
  replayPreviewAnswer.extend({ id: z.undefined().optional() }),
]);

export const replayListAnswer = z.object({ replays: z.array(replayJobAnswer) });

export const targetAnswer = z.object({
  name: z.string(),
  /** Null: it has none, as one that only logs. */
  address: textOrNull,
  enabled: z.boolean().default(true),
  breaker: z.string(),
  attemptsLastTenMinutes: z.number(),
  failedLastTenMinutes: z.number(),
  paused: z.boolean(),
  waiting: z.number(),
  sending: z.number(),
  dead: z.number(),
  lastError: z.object({ text: z.string() }).nullable(),
});

export const targetListAnswer = z.object({
  targets: z.array(targetAnswer),
  orphans: z.array(z.object({ name: z.string(), waiting: z.number(), dead: z.number() })),
});

export const movedAnswer = z.object({ moved: z.number() });

export const targetPreviewAnswer = z.object({
  target: z.string(),
  event: z.string(),
  gets: z.boolean(),
  stoppedBy: z.array(z.object({ rule: z.string(), text: z.string() })),
  /** Null: the target sends nothing that can be shown. */
  request: z
    .object({ to: z.string(), headers: z.record(z.string(), z.string()), body: z.string() })
    .nullable(),
  error: textOrNull,
});

/** Of `/readyz`. */
export const healthAnswer = z.object({
  checks: z.array(z.object({ name: z.string(), ok: z.boolean(), detail: z.string() })),
});

export const attentionListAnswer = z.object({
  items: z.array(z.object({ severity: z.string(), text: z.string(), link: z.string() })),
});

export type ListedEvent = z.output<typeof listedEvent>;
export type EventPageAnswer = z.output<typeof eventPageAnswer>;
export type EventDetailAnswer = z.output<typeof eventDetailAnswer>;
export type TailedEvent = z.output<typeof tailedEvent>;
export type ReplayedEvent = z.output<typeof replayedEventAnswer>;
export type ReplayAnswer = z.output<typeof replayJobAnswer>;
export type TargetAnswer = z.output<typeof targetAnswer>;
export type TargetListAnswer = z.output<typeof targetListAnswer>;
export type TargetPreviewAnswer = z.output<typeof targetPreviewAnswer>;
