/**
 * Which requests are webhooks. A slash too many in a hook's URL does not matter. A webhook at any other path must be refused in plain
 * words: GitLab follows redirects and counts them as delivered, and events sent to a page would be lost without a trace.
 */

/** Every path that takes webhooks or questions about them; the hook key as in isHookKey(). */
const WEBHOOK_PATH =
  /^(?:\/api\/v1)?\/webhooks\/gitlab$|^\/webhooks\/gitlab\/(?:known|(?:[pg][1-9]\d{0,18}|system)(?:\/known)?)$/;

/** Path that webhooks at the wrong address are routed to. No request can name it: `#` ends a path, and `%23` stays as it is. */
export const MISDIRECTED = "/#misdirected";

/** Headers that GitLab sets; custom webhook templates and old versions lack some of them. */
const GITLAB_HEADERS = ["x-gitlab-event", "x-gitlab-token", "x-gitlab-event-uuid", "x-gitlab-webhook-uuid"];

export function isWebhookPath(path: string): boolean {
  return WEBHOOK_PATH.test(path);
}

/** The path by which a request is routed. */
export function routedPath(path: string, request: Pick<Request, "method" | "headers">): string {
  if (WEBHOOK_PATH.test(path)) return path;
  const plain = path.replace(/\/{2,}/g, "/").replace(/\/$/, "");
  if (WEBHOOK_PATH.test(plain)) return plain;
  const isWebhook = request.method === "POST" && GITLAB_HEADERS.some((name) => request.headers.has(name));
  return isWebhook ? MISDIRECTED : path;
}
