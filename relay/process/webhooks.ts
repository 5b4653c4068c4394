/**
 * Webhooks on their way to the ladder. One whose request line and Host are written as usual goes there from the socket: web objects and
 * a router in front of it cost every webhook more than the ladder does. All else is left to the web framework, which refuses what is no
 * request and hands webhooks with an unusual spelling back.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { messageOf } from "../../lib/errors.ts";
import type { Log } from "../../lib/log.ts";
import { ALREADY_ANSWERED } from "../http/server.ts";
import { problem, type Reply } from "../ingest/answer.ts";
import type { Ingest } from "../ingest/receive.ts";
import { socketRequest, webRequest, type ServerBindings, type WebhookRequest } from "../ingest/request.ts";
import { respond, toResponse } from "../ingest/respond.ts";
import { webhookRoute, type WebhookRoute } from "./webhook-paths.ts";

export interface Webhooks {
  /** Answers the request if it is a webhook written as usual; false: it is untouched. */
  take(incoming: IncomingMessage, outgoing: ServerResponse): boolean;
  /** Answers a webhook that came through the web framework. Rejects only on a bug. */
  answer(web: Request, env: ServerBindings | undefined, route: WebhookRoute): Promise<Response>;
}

/** A host that needs no parser to be told from what is none, as nearly all are; addresses of IPv6 are left to the framework. */
const PLAIN_HOST = /^[a-z0-9._-]{1,255}(?::(?:\d{1,4}|[1-5]\d{4}|6[0-4]\d{3}))?$/;

export function createWebhooks({ ingest, log }: { readonly ingest: Ingest; readonly log: Log }): Webhooks {
  const ask = (request: WebhookRequest, { handle, hookKey }: WebhookRoute): Promise<Reply> =>
    handle === "receive" ? ingest.receive(request, hookKey) : ingest.known(request, hookKey);

  return {
    take(incoming, outgoing) {
      const { method, url = "" } = incoming;
      if (method !== "POST") return false;
      const query = url.indexOf("?");
      const path = query < 0 ? url : url.slice(0, query);
      const route = webhookRoute(path);
      // HTTP/1.0 has no Host; in HTTP/1.1 the parser wants one.
      if (route === null || !PLAIN_HOST.test(incoming.headers.host ?? "none")) return false;
      const request = socketRequest(incoming, outgoing);
      ask(request, route).then(
        (answer) => respond(request, answer, ingest.lingering),
        (error: unknown) => respond(request, failed(log, path, error), ingest.lingering),
      );
      return true;
    },

    async answer(web, env, route) {
      if (env?.incoming === undefined || env.outgoing === undefined)
        return toResponse(await ask(webRequest(web), route));
      const request = socketRequest(env.incoming, env.outgoing);
      respond(request, await ask(request, route), ingest.lingering);
      return ALREADY_ANSWERED;
    },
  };
}

/** A bug of ours; its reason is for the log alone. */
export function failed(log: Log, path: string, error: unknown): Reply {
  const stack = error instanceof Error ? error.stack : undefined;
  log.error("request.failed", { path, error: messageOf(error), stack });
  return problem(500, "internal", "internal error; see the relay's log");
}
