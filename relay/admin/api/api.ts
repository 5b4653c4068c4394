/**
 * The admin API: events, dead letters and targets as JSON, for scripts and for the pages' own script. Lists are answered from
 * metadata alone; a body is loaded by the one route that sends it. docs/admin-api.md describes every route.
 */
import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { UpstreamError, messageOf } from "../../../lib/errors.ts";
import { TargetExistsError, UnknownTargetError } from "../../queue/errors.ts";
import { compileFilter } from "../../queue/filter.ts";
import { ReplayStateError, TooManyReplaysError } from "../../replay/jobs.ts";
import { eventStream } from "../live/stream.ts";
import type { AdminDeps, AdminEnv } from "../ports.ts";
import { parseActivityQuery } from "./activity-query.ts";
import { RefusalError, refuse } from "./answer.ts";
import type { ApiParts } from "./api-parts.ts";
import { createAuditApi } from "./audit.ts";
import { isoOrNull } from "./event-json.ts";
import { mountEventChanges, mountEventReads } from "./event-routes.ts";
import { mountFollow } from "./follow-route.ts";
import { openApi } from "./openapi.ts";
import { knownParameters } from "./parameters.ts";
import { createPreviewApi } from "./preview.ts";
import { MAX_LIMIT, bad } from "./query.ts";
import { recoveryJson } from "./recovery-json.ts";
import { queryOf } from "../auth/forms.ts";
import { mountReplayApi } from "./replay-routes.ts";
import { mountTargetApi } from "./target-routes.ts";

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
  "/replays/*",
];
const MAX_STREAMS = 100;
const MAX_REQUEST_BYTES = 65_536;

/** Routes below /api/v1, to be mounted there. */
export function createApi(deps: AdminDeps, parts: ApiParts): Hono<AdminEnv> {
  const { log, activity = null } = deps;
  const { access, feed, masking, readFilter } = parts;
  const mask = (text: string): string => masking().text(text);
  const api = new Hono<AdminEnv>();
  let streams = 0;

  for (const path of GUARDED_API) api.use(path, access.api);

  api.on(
    "POST",
    ["/events/*", "/dead/*", "/targets/*", "/replays/*"],
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
    if (error instanceof ReplayStateError || error instanceof TooManyReplaysError)
      return refuse(c, { status: 409, code: error.code.replaceAll("-", "_"), message: error.message });
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

  for (const mount of [mountFollow, mountEventReads, mountEventChanges, mountTargetApi, mountReplayApi])
    mount(api, deps, parts);

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
    const instances = deps.recoveries().map((recovery) => recoveryJson(recovery, mask));
    return c.json({ configured: instances.length > 0, ...instances[0], instances });
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

  api.get("/stream", async (c) => {
    const read = queryOf(c);
    const filter = await readFilter(read);
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
