/**
 * The admin API: events, dead letters and targets as JSON, for scripts and for the pages' own script. Lists are answered from
 * metadata alone; a body is loaded by the one route that sends it. docs/admin-api.md describes every route.
 */
import { Hono, type Context } from "hono";
import { bodyLimit } from "hono/body-limit";
import { UpstreamError, messageOf } from "../../../lib/errors.ts";
import type { EventFilter } from "../../queue/queue.ts";
import { TargetExistsError, UnknownTargetError } from "../../queue/errors.ts";
import { headersOf } from "../../targets/http/headers.ts";
import { compileFilter } from "../../queue/filter.ts";
import { orphansOf } from "../../observe/attention/situation.ts";
import type { Access } from "../auth/access.ts";
import type { Actions } from "./actions.ts";
import { recoveryJson } from "./recovery-json.ts";
import { createAuditApi } from "./audit.ts";
import { createPreviewApi } from "./preview.ts";
import { parseActivityQuery } from "./activity-query.ts";
import { RefusalError, refuse } from "./answer.ts";
import { NO_STATS, detailJson, duplicatesJson, isoOrNull, summaryJson, targetJson } from "./event-json.ts";
import { exportEvents } from "./export.ts";
import type { Feed } from "../live/feed.ts";
import type { Masking } from "../pages/masking.ts";
import type { AdminDeps, AdminEnv } from "../ports.ts";
import {
  DEFAULT_LIMIT,
  FILTER_NAMES,
  MAX_LIMIT,
  bad,
  joined,
  parseCursor,
  parseFilter,
  parseLimit,
  readKnown,
  type Moment,
  type Read,
} from "./query.ts";
import { knownParameters } from "./parameters.ts";
import { openApi } from "./openapi.ts";
import { findEvents } from "../pages/view.ts";
import { waitsNow } from "../pages/waiting.ts";
import { eventStream } from "../live/stream.ts";

const GUARDED_API = [
  "/events/*",
  "/dead/*",
  "/targets/*",
  "/stream",
  "/activity",
  "/attention",
  "/recovery",
  "/openapi.json",
  "/project-files",
  "/audit/*",
];
const MAX_STREAMS = 100;
const MAX_REQUEST_BYTES = 65_536;

type ApiContext = Context<AdminEnv>;

export interface ApiParts {
  readonly access: Access;
  readonly feed: Feed;
  readonly actions: Actions;
  readonly masking: () => Masking;
  readonly moment: () => Moment;
}

/** Routes below /api/v1, to be mounted there. */
export function createApi(deps: AdminDeps, parts: ApiParts): Hono<AdminEnv> {
  const { queue, log, activity = null } = deps;
  const { access, feed, actions, masking, moment } = parts;
  const mask = (text: string): string => masking().text(text);
  const api = new Hono<AdminEnv>();
  let streams = 0;

  for (const path of GUARDED_API) api.use(path, access.api);

  api.on(
    "POST",
    ["/events/*", "/dead/*", "/targets/*"],
    bodyLimit({
      maxSize: MAX_REQUEST_BYTES,
      onError: (c) =>
        refuse(c, {
          status: 413,
          code: "too_large",
          message: `the body is longer than ${MAX_REQUEST_BYTES} bytes`,
        }),
    }),
  );

  for (const path of GUARDED_API) api.use(path, knownParameters);
  for (const path of GUARDED_API) api.use(path, access.audited);

  api.onError((error, c) => {
    if (error instanceof RefusalError) return refuse(c, error.refusal);
    if (error instanceof UnknownTargetError) return refuse(c, bad(error.message).refusal);
    if (error instanceof TargetExistsError)
      return refuse(c, { status: 409, code: "target_exists", message: error.message });
    if (error instanceof UpstreamError)
      return refuse(c, {
        status: 503,
        code: "unavailable",
        message: error.message,
        retryAfterSeconds: Math.ceil((error.retryAfterMs ?? 5000) / 1000),
      });
    log.error("admin.failed", { path: c.req.path, error: messageOf(error), stack: (error as Error).stack });
    return refuse(c, {
      status: 500,
      code: "internal",
      message: "the relay failed to answer; its log says why",
    });
  });

  api.get("/events", async (c) => {
    const read = knownQuery(c, ["limit", "cursor"]);
    const page = await findEvents(
      queue,
      parseFilter(read, moment()),
      parseLimit(read("limit"), DEFAULT_LIMIT, MAX_LIMIT),
      parseCursor(read("cursor")),
    );
    return c.json({
      events: page.events.map((event) => summaryJson(event, mask)),
      cursor: page.cursor,
      partial: page.partial,
    });
  });

  api.get("/events/export", async (c) => {
    const read = knownQuery(c, ["bodies"]);
    const filter = parseFilter(read, moment());
    const bodies = read("bodies") === "1" || read("bodies") === "true";
    const waitsFor = await waitsNow(deps);
    log.info("admin.exported", { filter, bodies });
    return c.body(exportEvents(queue, { filter, masking: masking(), bodies, waitsFor }), 200, {
      "Content-Type": "application/x-ndjson",
      "Content-Disposition": 'attachment; filename="events.jsonl"',
    });
  });

  api.get("/events/:id", async (c) => {
    const id = c.req.param("id");
    const [event, duplicates] = await Promise.all([queue.get(id), queue.duplicates(id)]);
    if (event === null) return noEvent(c);
    return c.json({
      ...detailJson(event, masking(), await waitsNow(deps)),
      duplicates: duplicatesJson(duplicates),
    });
  });

  api.get("/events/:id/body", async (c) => {
    const id = c.req.param("id");
    const event = await queue.get(id);
    const body = event === null ? null : await queue.body(id);
    if (event === null || body === null) return noEvent(c);
    log.info("admin.body-sent", { eventId: id, bytes: body.length });
    const type = event.meta.headers.find(([name]) => name === "content-type")?.[1];
    return c.body(body as Uint8Array<ArrayBuffer>, 200, {
      "Content-Type": type ?? "application/json",
      "Content-Disposition": `attachment; filename="${id}.json"`,
      "Content-Security-Policy": "sandbox",
    });
  });

  api.get("/events/:id/delivery", async (c) => {
    const id = c.req.param("id");
    const event = await queue.get(id);
    const body = event === null ? null : await queue.body(id);
    if (event === null || body === null) return noEvent(c);
    log.info("admin.body-sent", { eventId: id, bytes: body.length });
    const headers = headersOf({ meta: event.meta, attempt: 1 }, {}, {});
    return c.json({ id, headers, body: Buffer.from(body).toString("base64") });
  });

  api.post("/events/:id/replay", async (c) => {
    const id = c.req.param("id");
    const targets = targetsOf(await jsonBody(c), deps);
    const replayed = await actions.replay(id, targets);
    return replayed === null ? noEvent(c) : c.json({ id, targets: replayed });
  });

  api.post("/events/replay", async (c) => {
    const { targets, dryRun = false, ...fields } = await jsonBody(c);
    if (typeof dryRun !== "boolean") throw bad("dryRun must be true or false");
    const filter = filterOf(c, fields, moment());
    const chosen = targetsOf({ targets }, deps);
    if (chosen !== null && Object.keys(filter).length === 0)
      throw bad("name at least one filter, or leave targets out to replay dead letters");
    const { count, more } = dryRun
      ? await actions.preview(filter, chosen)
      : await actions.replayAll(filter, chosen);
    return c.json(dryRun ? { wouldReplay: count, more } : { replayed: count, more });
  });

  api.post("/dead/replay", async (c) => {
    return c.json({ replayed: await actions.replayDead(filterOf(c, await jsonBody(c), moment())) });
  });

  api.delete("/events/:id", async (c) => {
    return (await actions.remove(c.req.param("id"))) ? c.body(null, 204) : noEvent(c);
  });

  api.get("/targets", async (c) => {
    const stats = await queue.stats();
    const statuses = deps.targets();
    const names = statuses.map(({ name }) => name);
    return c.json({
      targets: statuses.map((status) => targetJson(status, stats.targets.get(status.name) ?? NO_STATS, mask)),
      orphans: orphansOf(stats, names).map(({ name, waiting, dead, oldestAt }) => ({
        name,
        waiting,
        dead,
        oldestAt: isoOrNull(oldestAt),
      })),
    });
  });

  for (const [verb, paused] of [
    ["pause", true],
    ["resume", false],
  ] as const) {
    api.post(`/targets/:name/${verb}`, async (c) => {
      const name = c.req.param("name");
      const status = deps.targets().find((target) => target.name === name);
      if (status === undefined)
        return refuse(c, { status: 404, code: "not_found", message: `there is no target "${name}"` });
      await actions.setPaused(name, paused);
      const { targets } = await queue.stats();
      return c.json(targetJson(status, targets.get(name) ?? { ...NO_STATS, paused }, mask));
    });
  }

  api.post("/targets/:name/move", async (c) => {
    const { to } = await jsonBody(c);
    if (typeof to !== "string") throw bad("to must be the name of a target");
    return c.json({ moved: await actions.move(c.req.param("name"), to) });
  });

  api.get("/attention", async (c) => {
    const items = await deps.attention();
    return c.json({
      items: items.map(({ kind, severity, since, count, text, link }) => ({
        kind,
        severity,
        since: isoOrNull(since),
        count,
        text: mask(text),
        link,
      })),
    });
  });

  api.get("/recovery", (c) => {
    readKnown(c.req.query(), []);
    const status = deps.selfRecovery();
    return c.json({ configured: status !== null, ...(status === null ? {} : recoveryJson(status, mask)) });
  });

  api.get("/activity", async (c) => {
    const asked = parseActivityQuery(queryOf(c), deps.clock.now());
    if (activity === null)
      return refuse(c, {
        status: 404,
        code: "not_enabled",
        message: "activity is not counted; set activity.enabled in relay.yaml",
      });
    return c.json(await activity.report(asked));
  });

  api.get("/stream", (c) => {
    const read = knownQuery(c, ["lastEventId"]);
    const filter = parseFilter(read, moment());
    if (streams >= MAX_STREAMS)
      return refuse(c, { status: 503, code: "too_many_streams", message: `${MAX_STREAMS} streams are open` });
    const stream = eventStream({
      feed,
      clock: deps.clock,
      mask,
      lastId: c.req.header("last-event-id") ?? read("lastEventId") ?? null,
      wants: compileFilter(filter).meta,
      grant: c.get("identity").grant,
      onEnd: () => void (streams -= 1),
    });
    streams += 1;
    return c.body(stream, 200, {
      "Content-Type": "text/event-stream; charset=utf-8",
      "Cache-Control": "no-store",
      "X-Accel-Buffering": "no",
    });
  });

  api.get("/openapi.json", (c) => c.json(openApi(deps.version)));

  api.route("/audit", createAuditApi(deps.audit));
  api.route("/targets", createPreviewApi(deps, masking));

  api.get("/project-files", (c) =>
    c.json({
      refused: deps.routing
        .refusedFiles()
        .slice(0, MAX_LIMIT)
        .map(({ projectId, at, error }) => ({
          projectId,
          at: isoOrNull(at),
          error: mask(error),
        })),
    }),
  );

  return api;
}

function queryOf(c: ApiContext): Read {
  return (name) => c.req.query(name);
}

/** As queryOf(), after a look for misspelt parameters: ignored, they would widen what is shown. Throws a RefusalError (400). */
function knownQuery(c: ApiContext, others: readonly string[]): Read {
  return readKnown(c.req.queries(), [...FILTER_NAMES, ...others]);
}

function noEvent(c: ApiContext): Response {
  return refuse(c, {
    status: 404,
    code: "not_found",
    message: "there is no such event; it may have expired",
  });
}

/** The JSON object of a request; an empty body is an empty object. Throws a RefusalError (400). */
async function jsonBody(c: ApiContext): Promise<Readonly<Record<string, unknown>>> {
  const text = await c.req.text();
  if (text.trim() === "") return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw bad("the body is not JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw bad("the body must be a JSON object");
  return value as Record<string, unknown>;
}

/** `{"targets": ["a", "b"]}`; null: all that the event was matched with. */
function targetsOf(body: Readonly<Record<string, unknown>>, deps: AdminDeps): readonly string[] | null {
  const { targets } = body;
  if (targets === undefined || targets === null) return null;
  if (!Array.isArray(targets) || targets.length === 0 || !targets.every((t) => typeof t === "string"))
    throw bad("targets must be an array of target names");
  const known = new Set(deps.targets().map((target) => target.name));
  const unknown = targets.find((name) => !known.has(name));
  if (unknown !== undefined) throw bad(`there is no target "${unknown}"`);
  return [...new Set(targets)];
}

/** A filter from the query, or from fields of the same names in the body. */
function filterOf(c: ApiContext, body: Readonly<Record<string, unknown>>, moment: Moment): EventFilter {
  const unknown = Object.keys(body).find((name) => !(FILTER_NAMES as readonly string[]).includes(name));
  if (unknown !== undefined) throw bad(`there is no filter "${unknown}"`);
  return parseFilter((name) => {
    const given = body[name];
    if (given === undefined || given === null) return joined(c.req.queries(name) ?? []);
    const isListed = Array.isArray(given) && given.every((one) => typeof one === "string");
    if (isListed) return joined(given);
    if (typeof given !== "string" && typeof given !== "number") throw bad(`${name} must be text`);
    return String(given);
  }, moment);
}
