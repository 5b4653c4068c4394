/**
 * Which requests are webhooks. A slash too many in a hook's URL does not matter. A webhook at any other path must be refused in plain
 * words: GitLab follows redirects and counts them as delivered, and events sent to a page would be lost without a trace.
 */

import { isHookKey } from "../../lib/secrets.ts";

/** What a webhook path is for. */
export interface WebhookRoute {
  /** Webhooks, or questions which of them are stored. */
  readonly handle: "receive" | "known";
  /** Of the hook whose path it is; null: the path is shared. */
  readonly hookKey: string | null;
}

const SHARED: ReadonlyMap<string, WebhookRoute> = new Map([
  ["/webhooks/gitlab", { handle: "receive", hookKey: null }],
  ["/api/v1/webhooks/gitlab", { handle: "receive", hookKey: null }],
  ["/webhooks/gitlab/known", { handle: "known", hookKey: null }],
]);
const HOOKS = "/webhooks/gitlab/";
const KNOWN = "/known";

/** Null: the path takes no webhooks. */
export function webhookRoute(path: string): WebhookRoute | null {
  const shared = SHARED.get(path);
  if (shared !== undefined) return shared;
  if (!path.startsWith(HOOKS)) return null;
  const handle = path.endsWith(KNOWN) ? "known" : "receive";
  const hookKey = path.slice(HOOKS.length, handle === "known" ? -KNOWN.length : undefined);
  return isHookKey(hookKey) ? { handle, hookKey } : null;
}

/** Path that webhooks at the wrong address are routed to. No request can name it: `#` ends a path, and `%23` stays as it is. */
export const MISDIRECTED = "/#misdirected";

/** Headers that GitLab sets; custom webhook templates and old versions lack some of them. */
const GITLAB_HEADERS = ["x-gitlab-event", "x-gitlab-token", "x-gitlab-event-uuid", "x-gitlab-webhook-uuid"];

/** The path by which a request is routed. */
export function routedPath(path: string, request: Pick<Request, "method" | "headers">): string {
  if (webhookRoute(path) !== null) return path;
  const plain = path.replace(/\/{2,}/g, "/").replace(/\/$/, "");
  if (webhookRoute(plain) !== null) return plain;
  const isWebhook = request.method === "POST" && GITLAB_HEADERS.some((name) => request.headers.has(name));
  return isWebhook ? MISDIRECTED : path;
}
