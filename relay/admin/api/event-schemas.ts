/** Events as the admin API answers them: in lists, and one with all that is known of it. */
import { z } from "zod";
import { EXCHANGES_KEPT } from "../../queue/exchange.ts";
import { EVENT_STATES } from "./query.ts";
import { PARTS } from "./schema-parts.ts";

const { time, timeOrNull, textOrNull, numberOrNull, count } = PARTS;

export const attemptSchema = z.object({
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

export const deliverySchema = z.object({
  target: z.string(),
  replay: count.describe("0: the delivery after receipt; then 1, 2 ... for replays"),
  state: z.enum(["waiting", "sending", "done", "dead"]),
  attempts: count,
  firstAttemptAt: timeOrNull,
  dueAt: timeOrNull.describe("When it is tried next"),
  endedAt: timeOrNull,
  reason: textOrNull.describe("Why it is dead"),
  movedTo: textOrNull.describe("The target that it was moved to: a delivery to that one stands for it"),
  lastAttempt: attemptSchema.nullable(),
});

export const metadata = {
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

export const eventSchema = z.object({ ...metadata, deliveries: z.array(deliverySchema) });

export const eventPageSchema = z.object({
  events: z.array(eventSchema).describe("Newest first"),
  cursor: textOrNull.describe("Of the next page; null: this was the last"),
  partial: z.boolean().describe("The search stopped early; go on with `cursor`"),
  looked: count.describe("Events that this call looked at; 0: found by an id"),
});

export const eventDetailSchema = z.object({
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
