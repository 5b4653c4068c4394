/**
 * The relay's HTTP interface: which path is whose. Knows Hono and nothing of sockets, files or the process.
 *
 * Nearly all webhooks are answered before they come here (webhooks.ts); those with an unusual request line pass through.
 */
import { Hono, type Context } from "hono";
import { getPath } from "hono/utils/url";
import type { Log } from "../../lib/log.ts";
import type { Health } from "../observe/health.ts";
import type { ServerBindings } from "../ingest/request.ts";
import { toResponse } from "../ingest/respond.ts";
import { MISDIRECTED, routedPath, webhookRoute } from "./webhook-paths.ts";
import { failed, type Webhooks } from "./webhooks.ts";

export interface AppEnv {
  Bindings: ServerBindings;
}

export interface AppDeps {
  readonly webhooks: Webhooks;
  readonly log: Log;
  readonly health: () => Health;
  readonly metrics: { readonly contentType: string; text(): Promise<string> };
  /** What stands before every path in a client's eyes. @default "" */
  readonly prefix?: string;
  /** Adds the routes of the operator's side: dashboard and admin API. @default none */
  readonly mountAdmin?: (app: Hono<AppEnv>) => void;
  /** The page for a person at an address that leads nowhere. @default JSON for everybody */
  readonly missingPage?: (c: Context<AppEnv>) => Response | Promise<Response>;
}

export function createApp(deps: AppDeps): Hono<AppEnv> {
  const app = new Hono<AppEnv>({ getPath: (request) => routedPath(getPath(request), request) });
  const { webhooks, prefix = "" } = deps;

  const receive = (c: Context<AppEnv>): Promise<Response> | Response => {
    const route = webhookRoute(c.req.path);
    return route === null ? notFound() : webhooks.answer(c.req.raw, c.env, route);
  };
  app.post("/webhooks/gitlab", receive);
  app.post("/webhooks/gitlab/*", receive);
  app.post("/api/v1/webhooks/gitlab", receive);
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

  // Other methods end up here, not in their own handlers, which would make each webhook pass through a chain.
  app.notFound((c) => {
    if (webhookRoute(c.req.path) !== null)
      return problem(405, "method_not_allowed", "method not allowed; use POST", { allow: "POST" });
    return isBrowsed(c) && deps.missingPage !== undefined ? deps.missingPage(c) : notFound();
  });
  app.onError((error, c) => toResponse(failed(deps.log, c.req.path, error)));
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
