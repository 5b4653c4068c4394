/**
 * Every operation of the admin API: its route, its parameters, its answers. The OpenAPI document lists them, the API refuses
 * parameters and fields that an operation does not have, and a test compares the table with the routes that there are.
 */
import { z } from "zod";
import {
  after,
  bodies,
  cursor,
  day,
  eventFilters,
  filters,
  followFilters,
  pageLimit,
  targetNames,
} from "./parameter-schemas.ts";
import type { SchemaName } from "./schemas.ts";

export type Shape = Readonly<Record<string, z.ZodType>>;

export interface ApiOperation {
  readonly id: string;
  readonly method: "GET" | "POST" | "DELETE";
  /** Below /api/v1, as the route is written. */
  readonly path: string;
  readonly summary: string;
  readonly query: Shape;
  /** Fields of the JSON object that may be sent; null: no body is read. */
  readonly body: Shape | null;
  /** The answer that is a success: a schema, another type of content, or null for none (204). */
  readonly answer: { readonly schema: SchemaName } | { readonly content: string } | null;
  /** Of that answer. @default 200, or 204 for none */
  readonly status?: 202;
  /** Another answer that is a success, with 200. */
  readonly otherwise?: SchemaName;
  /** Refusals beside 400, 401, 403, 429 and 503. */
  readonly refusals: readonly (404 | 409 | 413)[];
}

type Rest = Partial<Pick<ApiOperation, "query" | "body" | "refusals" | "status" | "otherwise">>;
type Described = Rest & { readonly answer: ApiOperation["answer"] | SchemaName };

function operation(
  id: string,
  route: `${ApiOperation["method"]} ${string}`,
  summary: string,
  { answer, query = {}, body = null, refusals = [], ...rest }: Described,
): ApiOperation {
  const [method, path] = route.split(" ") as [ApiOperation["method"], string];
  return {
    id,
    method,
    path,
    summary,
    query,
    body,
    answer: typeof answer === "string" ? { schema: answer } : answer,
    refusals,
    ...rest,
  };
}

const NOT_THERE: Rest = { refusals: [404] };
const page = { limit: pageLimit, cursor };

/* oxfmt-ignore */
export const OPERATIONS: readonly ApiOperation[] = [
  operation("listEvents", "GET /events", "Lists events, newest first", { answer: "EventPage", query: { ...filters, ...page } }),
  operation("exportEvents", "GET /events/export", "Streams events as JSON Lines", { answer: { content: "application/x-ndjson" },
    query: { ...filters, bodies },
  }),
  operation("followEvents", "GET /events/follow", "Streams events as JSON Lines, oldest first, and goes on with those that come", { answer: { content: "application/x-ndjson" },
    query: { ...followFilters, after, bodies },
  }),
  operation("getEvent", "GET /events/:id", "Shows one event with its headers, attempts and timeline", { answer: "EventDetail", ...NOT_THERE }),
  operation("getEventBody", "GET /events/:id/body", "The bytes of an event as received", { answer: { content: "*/*" }, ...NOT_THERE }),
  operation("replayEvent", "POST /events/:id/replay", "Delivers an event again", { answer: "Replayed",
    body: { targets: targetNames.optional() }, refusals: [404, 413],
  }),
  operation("deleteEvent", "DELETE /events/:id", "Removes an event and its deliveries", { answer: null, ...NOT_THERE }),
  operation("replayEvents", "POST /events/replay", "Starts a replay job for the events that fit", { answer: "BulkReplayed",
    query: filters,
    body: { ...optional(filters), targets: targetNames.optional(), dryRun: z.boolean().optional() }, refusals: [409, 413],
  }),
  operation("replayDead", "POST /dead/replay", "Starts a replay job for the dead letters that fit", { answer: "DeadReplayed",
    query: filters, body: optional(filters), refusals: [409, 413],
  }),
  operation("listReplays", "GET /replays", "Lists the replay jobs, newest first", { answer: "ReplayList" }),
  operation("startReplay", "POST /replays", "Starts a replay job, or counts what it would deliver", { answer: "Replay",
    query: filters,
    body: {
      ...optional(filters),
      targets: targetNames.optional(),
      rate: z.number().int().min(1).max(10_000).nullable().optional().describe("Deliveries queued per second, at most"),
      all: z.boolean().optional().describe("Must be true if there is no filter"),
      dryRun: z.boolean().optional(),
    },
    status: 202, otherwise: "ReplayPreview", refusals: [409, 413],
  }),
  operation("getReplay", "GET /replays/:id", "Shows a replay job", { answer: "Replay", ...NOT_THERE }),
  operation("pauseReplay", "POST /replays/:id/pause", "Queues nothing more of a replay job until it is resumed", { answer: "Replay", refusals: [404, 409, 413] }),
  operation("resumeReplay", "POST /replays/:id/resume", "Lets a paused replay job go on", { answer: "Replay", refusals: [404, 409, 413] }),
  operation("cancelReplay", "POST /replays/:id/cancel", "Ends a replay job; what it has queued goes out", { answer: "Replay", refusals: [404, 409, 413] }),
  operation("listTargets", "GET /targets", "Lists the targets", { answer: "TargetList" }),
  operation("pauseTarget", "POST /targets/:name/pause", "Makes deliveries to a target wait", { answer: "Target", refusals: [404, 413] }),
  operation("resumeTarget", "POST /targets/:name/resume", "Lets a paused target go on", { answer: "Target", refusals: [404, 413] }),
  operation("moveTarget", "POST /targets/:name/move", "Moves what is kept for a target that the settings do not name", { answer: "Moved",
    body: { to: z.string().describe("Name of a target") }, refusals: [409, 413],
  }),
  operation("previewTarget", "POST /targets/:name/preview", "Whether a target would get a stored event, why not, and what would be sent", { answer: "TargetPreview",
    body: {
      event: z.string().describe("Id of a stored event"),
      settings: z.looseObject({}).optional().describe("Settings of the target to try; none is put in force"),
    },
    refusals: [404, 413],
  }),
  operation("listProjectFiles", "GET /project-files", "Projects whose own file is refused", { answer: "ProjectFiles" }),
  operation("listAttention", "GET /attention", "What needs an operator now", { answer: "AttentionList" }),
  operation("getRecovery", "GET /recovery", "What the relay recovers by itself", { answer: "Recovery" }),
  operation("getActivity", "GET /activity", "What the events say about the work", { answer: "ActivityReport",
    query: { project: filters.project, instance: z.string().describe("One GitLab, by its name in instances; default is that of gitlab"), author: filters.actor, from: day, to: day, group: z.enum(["day", "week"]) }, refusals: [404],
  }),
  operation("stream", "GET /stream", "Server-sent events: what happens as it happens", { answer: { content: "text/event-stream" },
    query: { ...eventFilters, ...stateFilters(), lastEventId: z.string().describe("Id of the last message seen") },
  }),
  operation("listAudit", "GET /audit", "Who changed what, newest first", { answer: "AuditPage",
    query: { ...page, subject: z.string().describe("Event or target") },
  }),
  operation("exportAudit", "GET /audit/export", "Streams the audit trail as JSON Lines", { answer: { content: "application/x-ndjson" } }),
  operation("getOpenApi", "GET /openapi.json", "This document", { answer: { content: "application/json" } }),
];

function optional(shape: Shape): Shape {
  return Object.fromEntries(Object.entries(shape).map(([name, schema]) => [name, schema.optional()]));
}

/** Taken, and without effect: what streams has no state yet. A page of the list hands its whole filter on. */
function stateFilters(): Shape {
  return { state: filters.state, target: filters.target, status: filters.status };
}

const byRoute = new Map(OPERATIONS.map((one) => [`${one.method} ${one.path}`, one]));

/** @param route method and path below /api/v1, as the route is written */
export function operationOf(route: string): ApiOperation | undefined {
  return byRoute.get(route);
}
