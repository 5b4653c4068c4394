/**
 * Which headers of a webhook are kept: GitLab's own, and custom ones that a target's `passHeaders` names. A custom header of a hook is a
 * credential for a gateway as often as not, so its value is shown and searched nowhere.
 */

/** Kept beside `x-gitlab-*`: what tells deliveries apart, what the signature covers, and what the body is. */
const OWN: ReadonlySet<string> = new Set([
  "idempotency-key",
  "webhook-id",
  "webhook-timestamp",
  "webhook-signature",
  "content-type",
  "user-agent",
  "x-relay-recovered",
  "x-relay-alert-targets",
  "traceparent",
  "tracestate",
]);

/** The secret token: it is neither stored nor passed on. */
export const SECRET_HEADER = "x-gitlab-token";

/** Whether a header is GitLab's or the relay's own. @param name in lower case */
export function isOwnHeader(name: string): boolean {
  return name.startsWith("x-gitlab-") || OWN.has(name);
}
