/**
 * The answers of the admin API as schemas. The OpenAPI document is made from them and from parameter-schemas.ts, and the tests check the
 * answers against them. Answers may come to have more fields; clients ignore those that they do not know.
 */
import { z } from "zod";
import { EXCHANGES_KEPT } from "../../queue/exchange.ts";
import { replayCountSchema, replayListSchema, replaySchema } from "./replay-schemas.ts";
import { day } from "./parameter-schemas.ts";
import { EVENT_STATES } from "./query.ts";

const time = z.iso.datetime().describe("UTC");
const timeOrNull = time.nullable();
const textOrNull = z.string().nullable();
const numberOrNull = z.number().nullable();
const count = z.number().int().min(0);

const attemptSchema = z.object({
  at: time,
  durationMs: z.number(),
  status: numberOrNull.describe("HTTP status of the answer; null: there was none"),
  error: textOrNull,
  excerpt: textOrNull.describe("Beginning of the answer's body"),
});

const headersSchema = z.array(z.tuple([z.string(), z.string()])).describe("Secrets are masked");
const omittedHeaders = count.describe("Headers that were too long to keep");

const exchangeSchema = z.object({
  request: z.object({
    method: z.string(),
    url: z.string().describe("Without query and user info"),
    headers: headersSchema,
    omittedHeaders,
  }),
  response: z
    .object({ status: numberOrNull, headers: headersSchema, omittedHeaders })
    .nullable()
    .describe("Null: no answer came"),
});

const attemptDetailSchema = attemptSchema.extend({
  exchange: exchangeSchema
    .nullable()
    .describe(
      `What was sent and what came back, of the newest ${EXCHANGES_KEPT} attempts; null: the target sends no request, or the attempt is older`,
    ),
});

const deliverySchema = z.object({
  target: z.string(),
  replay: count.describe("0: the delivery after receipt; then 1, 2 ... for replays"),
  state: z.enum(["waiting", "sending", "done", "dead"]),
  attempts: count,
  firstAttemptAt: timeOrNull,
  dueAt: timeOrNull.describe("When it is tried next"),
  endedAt: timeOrNull,
  reason: textOrNull.describe("Why it is dead"),
  lastAttempt: attemptSchema.nullable(),
});

const metadata = {
  id: z.string(),
  receivedAt: time,
  summary: z.string().describe("The event in one sentence"),
  state: z.enum(EVENT_STATES),
  header: textOrNull.describe("`X-Gitlab-Event`"),
  kind: textOrNull,
  eventName: textOrNull,
  action: textOrNull,
  projectId: numberOrNull,
  projectPath: textOrNull,
  groupId: numberOrNull,
  groupPath: textOrNull,
  ref: textOrNull,
  refChange: textOrNull,
  sourceProjectId: numberOrNull,
  sourceBranch: textOrNull,
  iid: numberOrNull,
  title: textOrNull,
  subjectType: textOrNull,
  test: z.boolean().describe("GitLab's own test of the hook"),
  actor: textOrNull,
  hookKey: textOrNull,
  instance: textOrNull.describe("`X-Gitlab-Instance`, as the sender wrote it"),
  instanceName: z
    .string()
    .describe(
      "The GitLab whose secret it came with: a name of `instances`, or `default` for that of `gitlab`",
    ),
  pairKey: textOrNull.describe("The same for what a system hook and another hook sent of one event"),
  twin: z
    .object({ of: z.string(), targets: z.array(z.string()) })
    .nullable()
    .describe("The event of the pair that came first, and the targets that got it in place of this one"),
  deliveryId: textOrNull,
  recovered: z.boolean(),
  verifiedBy: z.array(z.enum(["token", "signature"])),
  verifiedMs: z.number(),
  bodyBytes: count,
};

const eventSchema = z.object({ ...metadata, deliveries: z.array(deliverySchema) });

const eventPageSchema = z.object({
  events: z.array(eventSchema).describe("Newest first"),
  cursor: textOrNull.describe("Of the next page; null: this was the last"),
  partial: z.boolean().describe("The search stopped early; go on with `cursor`"),
  looked: count.describe("Events that this call looked at; 0: found by an id"),
});

const eventDetailSchema = z.object({
  ...metadata,
  headers: z.array(z.tuple([z.string(), z.string()])),
  deliveries: z.array(deliverySchema.extend({ history: z.array(attemptDetailSchema) })),
  timeline: z.array(
    z.object({
      name: z.string(),
      at: timeOrNull,
      durationMs: numberOrNull,
      target: textOrNull,
      attempt: numberOrNull,
      replay: count,
      outcome: z.enum(["ok", "failed", "pending"]),
      status: numberOrNull,
      text: z.string(),
      excerpt: textOrNull,
    }),
  ),
  duplicates: z
    .object({ count, lastAt: time })
    .nullable()
    .describe("How often GitLab sent it again; null: once"),
});

const targetSchema = z.object({
  name: z.string(),
  type: z.string(),
  address: textOrNull,
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
