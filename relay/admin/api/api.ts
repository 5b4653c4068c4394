/**
 * The admin API: events, dead letters and targets as JSON, for scripts and for the pages' own script. Lists are answered from
 * metadata alone; a body is loaded by the one route that sends it. docs/admin-api.md describes every route.
 */
import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import type { AdminDeps, AdminEnv } from "../ports.ts";
import { refuse } from "./answer.ts";
import type { ApiParts } from "./api-parts.ts";
import { createAuditApi } from "./audit.ts";
import { mountEventChanges, mountEventReads } from "./event-routes.ts";
import { mountFollow } from "./follow-route.ts";
import { openApi } from "./openapi.ts";
import { knownParameters } from "./parameters.ts";
import { createPreviewApi } from "./preview.ts";
import { refusalOfError } from "./refusals.ts";
import { mountReplayApi } from "./replay-routes.ts";
import { mountStatus } from "./status-routes.ts";
import { mountStream } from "./stream-route.ts";
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
const MAX_REQUEST_BYTES = 65_536;

const MOUNTS = [
  mountFollow,
  mountStream,
  mountEventReads,
  mountEventChanges,
  mountTargetApi,
  mountReplayApi,
  mountStatus,
];

/** Routes below /api/v1, to be mounted there. */
export function createApi(deps: AdminDeps, parts: ApiParts): Hono<AdminEnv> {
  const { log } = deps;
  const { access, masking } = parts;
  const api = new Hono<AdminEnv>();

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

  api.onError((error, c) => refuse(c, refusalOfError(error, c.req.path, log)));

  for (const mount of MOUNTS) mount(api, deps, parts);

  api.get("/openapi.json", (c) => c.json(openApi(deps.version)));

  api.route("/audit", createAuditApi(deps.audit));
  api.route("/targets", createPreviewApi(deps, masking));

  return api;
}
