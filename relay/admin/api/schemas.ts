/**
 * The answers of the admin API as schemas. The OpenAPI document is made from them and from parameter-schemas.ts, and the tests check the
 * answers against them. Answers may come to have more fields; clients ignore those that they do not know.
 */
import { z } from "zod";
import {
  attemptSchema,
  deliverySchema,
  eventDetailSchema,
  eventPageSchema,
  eventSchema,
} from "./event-schemas.ts";
import { PARTS } from "./schema-parts.ts";
import { replayCountSchema, replayListSchema, replaySchema } from "./replay-schemas.ts";
import { day } from "./parameter-schemas.ts";

const { time, timeOrNull, textOrNull, numberOrNull, count } = PARTS;

const targetSchema = z.object({
  name: z.string(),
  type: z.string(),
  address: textOrNull,
  enabled: z
    .boolean()
    .describe("False: switched off, apart from projects that an override switches it on for"),
  breaker: z.enum(["closed", "open", "half-open"]),
  breakerUntil: timeOrNull,
  inFlight: count,
  concurrency: count,
  rateWaitMs: numberOrNull.describe("Until the rate limit lets an attempt start; null: there is no limit"),
  attemptsLastMinute: count,
  attemptsLastTenMinutes: count,
  failedLastTenMinutes: count,
  trend: z.number().int().describe("Deliveries that came to wait in ten minutes less those that ended"),
  lastHour: z.object({ succeeded: count, failed: count, p95Ms: numberOrNull }).describe("Attempts"),
  lastError: z.object({ at: time, text: z.string(), eventId: z.string() }).nullable(),
  errors: z
    .array(z.object({ name: z.string(), count, lastAt: time }))
    .describe("Failed attempts since the start, the most frequent first"),
  paused: z.boolean(),
  waiting: count,
  sending: count,
  dead: count,
  deadReasons: z.record(z.string(), count).describe("The dead ones by reason"),
  lanes: count,
  oldestAt: timeOrNull,
});

const targetListSchema = z.object({
  targets: z.array(targetSchema),
  orphans: z
    .array(z.object({ name: z.string(), waiting: count, dead: count, oldestAt: timeOrNull }))
    .describe("Targets that the settings do not name and for which deliveries are kept"),
});

const attentionListSchema = z.object({
  items: z
    .array(
      z.object({
        kind: z.string(),
        severity: z.enum(["critical", "warning"]),
        since: timeOrNull,
        count: numberOrNull,
        text: z.string(),
        link: z.string().describe("Path of the dashboard"),
      }),
    )
    .describe("Most urgent first"),
});

const replayedSchema = z.object({ id: z.string(), targets: z.array(z.string()) });
const bulkReplayedSchema = z.object({
  replayed: count.optional().describe("Events of the job"),
  wouldReplay: count.optional().describe("Instead of `replayed`, with `dryRun`"),
  more: z.boolean().describe("Counting took too long: others fit, too"),
  job: z.string().optional().describe("Id of the replay job; absent if nothing fits"),
});
const deadReplayedSchema = z.object({
  replayed: count.describe("Deliveries that the job queues"),
  job: z.string().optional().describe("Id of the replay job; absent if nothing fits"),
});

const replayPreviewSchema = z.object({
  matched: replayCountSchema,
  sample: z.array(eventSchema).describe("The newest events, at most 10"),
});
const movedSchema = z.object({ moved: count });

const targetPreviewSchema = z.object({
  target: z.string(),
  event: z.string(),
  gets: z.boolean().describe("Whether it would get the event by the rules of now"),
  stoppedBy: z.array(z.object({ rule: z.string(), text: z.string().describe("What the event has there") })),
  overrides: z.array(count).describe("Places of the overrides whose rules apply"),
  request: z
    .object({
      to: z.string(),
      headers: z.record(z.string(), z.string()),
      body: z.string().describe("Masked and cut"),
      bodyBytes: count,
    })
    .nullable()
    .describe("Null for a target that sends nothing that can be shown"),
  error: textOrNull.describe("Why the event would become a dead letter instead"),
});

const projectFilesSchema = z.object({
  refused: z.array(z.object({ projectId: count, at: time, error: z.string() })).describe("Newest first"),
});

const missedSchema = z.object({ since: time, until: time, wasAway: z.boolean() });
const recoveryStatusSchema = z.object({
  instance: z.string().describe("Name of the GitLab; default is that of gitlab"),
  state: z.enum(["idle", "waiting", "running"]),
  missed: missedSchema.nullable().describe("What is not back yet"),
  beganAt: timeOrNull.describe("Of the run under way"),
  nextTryAt: timeOrNull,
  trouble: textOrNull.describe("Why the last run did not bring everything back"),
  last: missedSchema
    .extend({
      beganAt: time,
      endedAt: time,
      text: z.string(),
      missed: numberOrNull,
      delivered: numberOrNull,
      outstanding: numberOrNull,
      unrecoverable: numberOrNull,
      unlogged: numberOrNull.describe(
        "Times in which a hook was off: GitLab neither sent nor logged what happened",
      ),
    })
    .nullable()
    .describe("The last complete run; the counts are null if a pipeline ran"),
});
const recoverySchema = recoveryStatusSchema.partial().extend({
  configured: z.boolean().describe("Whether the relay recovers by itself; if not, there is nothing else"),
  instances: z
    .array(recoveryStatusSchema)
    .describe("For each GitLab that is recovered from. The first is repeated beside this list"),
});

const activityReportSchema = z.object({
  from: day,
  to: day,
  group: z.enum(["day", "week"]),
  total: z.looseObject({}),
  periods: z.array(z.looseObject({ start: z.string() })),
  projects: z.array(z.looseObject({ project: z.string() })),
  authors: z.array(z.looseObject({ author: z.string() })),
});

const auditEntrySchema = z.object({
  id: z.string(),
  at: time,
  person: z.string(),
  role: z.string(),
  via: z.string(),
  client: z.string(),
  action: z.string(),
  subject: textOrNull,
  details: z.string(),
  status: numberOrNull,
});
const auditPageSchema = z.object({
  entries: z.array(auditEntrySchema).describe("Newest first"),
  cursor: textOrNull,
});

const refusalSchema = z.object({
  error: z.object({
    code: z.string().describe("A fixed word that programs may switch on"),
    message: z.string(),
  }),
});

/** The schemas that have a name in the document. */
export const NAMED = {
  Attempt: attemptSchema,
  Delivery: deliverySchema,
  Event: eventSchema,
  EventPage: eventPageSchema,
  EventDetail: eventDetailSchema,
  Target: targetSchema,
  TargetList: targetListSchema,
  AttentionList: attentionListSchema,
  Replayed: replayedSchema,
  BulkReplayed: bulkReplayedSchema,
  DeadReplayed: deadReplayedSchema,
  Replay: replaySchema,
  ReplayList: replayListSchema,
  ReplayPreview: replayPreviewSchema,
  Moved: movedSchema,
  TargetPreview: targetPreviewSchema,
  ProjectFiles: projectFilesSchema,
  Recovery: recoverySchema,
  ActivityReport: activityReportSchema,
  AuditEntry: auditEntrySchema,
  AuditPage: auditPageSchema,
  Error: refusalSchema,
} as const satisfies Record<string, z.ZodType>;

export type SchemaName = keyof typeof NAMED;
