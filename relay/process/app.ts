/**
 * The relay's HTTP interface: which path is whose. Knows Hono and nothing of sockets, files or the process.
 *
 * Webhook paths have no middleware: each would cost every webhook a chain of promises.
 */
import { Hono, type Context } from "hono";
import { getPath } from "hono/utils/url";
import { isHookKey, SYSTEM_HOOK_KEY } from "../../lib/secrets.ts";
import { messageOf } from "../../lib/errors.ts";
import type { Log } from "../../lib/log.ts";
import type { Health } from "../observe/health.ts";
import type { Ingest } from "../ingest/receive.ts";
import { webhookRequest, type ServerBindings } from "../ingest/request.ts";
import { isWebhookPath, MISDIRECTED, routedPath } from "./webhook-paths.ts";

export interface AppEnv {
  Bindings: ServerBindings;
}

export interface AppDeps {
  readonly ingest: Ingest;
  readonly log: Log;
  readonly health: () => Health;
  readonly metrics: { readonly contentType: string; text(): Promise<string> };
  /** What stands before every path in a client's eyes. @default "" */
  readonly prefix?: string;
  /** Adds the routes of the operator's side: dashboard and admin API. @default none */
  readonly mountAdmin?: (app: Hono<AppEnv>) => void;
  /** The page for a person at an address that is nobody's. @default JSON for everybody */
  readonly missingPage?: (c: Context<AppEnv>) => Response | Promise<Response>;
}

type Handle = "receive" | "known";

export function createApp(deps: AppDeps): Hono<AppEnv> {
  const app = new Hono<AppEnv>({ getPath: (request) => routedPath(getPath(request), request) });
  const { ingest, prefix = "" } = deps;

  const shared =
    (handle: Handle) =>
    (c: Context<AppEnv>): Promise<Response> =>
      ingest[handle](webhookRequest(c.req.raw, c.env), null);
  const ofInstance =
    (handle: Handle) =>
    (c: Context<AppEnv>): Promise<Response> =>
      ingest[handle](webhookRequest(c.req.raw, c.env), SYSTEM_HOOK_KEY);
  const perHook =
    (handle: Handle) =>
    (c: Context<AppEnv>): Promise<Response> | Response => {
      const hookKey = c.req.param("hookKey") as string;
      return isHookKey(hookKey) ? ingest[handle](webhookRequest(c.req.raw, c.env), hookKey) : notFound();
    };

  // Fixed paths stand before the pattern that would match them too.
  app.post("/webhooks/gitlab", shared("receive"));
  app.post("/api/v1/webhooks/gitlab", shared("receive"));
  app.post("/webhooks/gitlab/known", shared("known"));
  app.post(`/webhooks/gitlab/${SYSTEM_HOOK_KEY}`, ofInstance("receive"));
  app.post(`/webhooks/gitlab/${SYSTEM_HOOK_KEY}/known`, ofInstance("known"));
  app.post("/webhooks/gitlab/:hookKey{[pg][0-9]+}", perHook("receive"));
  app.post("/webhooks/gitlab/:hookKey{[pg][0-9]+}/known", perHook("known"));
  app.all(MISDIRECTED, () => misdirected(`${prefix}/webhooks/gitlab`));
  app.get("/healthz", (c) => c.json({ status: "ok" }));
  const ready = (c: Context<AppEnv>): Response => {
    const health = deps.health();
    return c.json(health, health.status === "ready" ? 200 : 503);
  };
  app.get("/readyz", ready);
  app.get("/api/v1/health", ready);
  app.get("/metrics", async (c) =>
    c.body(await deps.metrics.text(), 200, { "content-type": deps.metrics.contentType }),
  );

  deps.mountAdmin?.(app);

  // Other methods end up here, not in handlers of their own, which would make each webhook pass through a chain.
  app.notFound((c) => {
    if (isWebhookPath(c.req.path))
      return problem(405, "method_not_allowed", "method not allowed; use POST", { allow: "POST" });
    return isBrowsed(c) && deps.missingPage !== undefined ? deps.missingPage(c) : notFound();
  });
  app.onError((error, c) => {
    deps.log.error("request.failed", { path: c.req.path, error: messageOf(error), stack: error.stack });
    return problem(500, "internal", "internal error; see the relay's log");
  });
  return app;
}

/** Whether a person follows a link, or types an address. */
function isBrowsed(c: Context): boolean {
  const accepts = c.req.header("accept") ?? "";
  return c.req.method === "GET" && accepts.includes("text/html") && !c.req.path.startsWith("/api/");
}

function notFound(): Response {
  return problem(404, "not_found", "there is nothing at this address");
}

/** For GitLab's log of the hook, where its owner reads it. */
function misdirected(path: string): Response {
  const message = `webhooks go to ${path}; correct the URL of the webhook in GitLab`;
  return Response.json({ error: { code: "not_found", message, path } }, { status: 404 });
}

function problem(status: number, code: string, message: string, headers?: Record<string, string>): Response {
  return new Response(JSON.stringify({ error: { code, message } }), {
    status,
    headers: { "content-type": "application/json", ...headers },
  });
}
