/** An event as a command that sends it again by hand. The secret is left out: it is a variable for the operator to fill in. */
import type { EventMeta } from "../../event/event.ts";

/** Headers that curl makes itself, or that the relay checks and nobody can reproduce. */
const LEFT_OUT = new Set([
  "host",
  "content-length",
  "connection",
  "accept-encoding",
  "transfer-encoding",
  "expect",
  "webhook-signature",
  "webhook-timestamp",
]);

/**
 * A line for a POSIX shell. The body comes from a file of the event's name, as the page's download saves it.
 * @param headers as they may be shown
 */
export function curlCommand(
  meta: EventMeta,
  headers: readonly (readonly [string, string])[],
  masked: string,
): string {
  const kept = headers.filter(([name, value]) => !LEFT_OUT.has(name) && value !== masked);
  const lines = kept.map(([name, value]) => `  -H ${quote(`${name}: ${value}`)}`);
  return [
    `curl -X POST "$RELAY_URL/webhooks/gitlab${meta.hookKey === null ? "" : `/${meta.hookKey}`}"`,
    ...lines,
    `  -H "X-Gitlab-Token: $GITLAB_WEBHOOK_SECRET"`,
    `  --data-binary @${meta.id}.json`,
  ].join(" \\\n");
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
