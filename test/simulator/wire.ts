/** What one delivery looks like on the wire: its body and its headers, by version. */
import { randomUUID } from "node:crypto";
import { SYSTEM_HEADER } from "../../lib/events.ts";
import { decodeSigningToken, sign } from "../../lib/signature.ts";
import type { Hook } from "./hook.ts";
import type { Json } from "./params.ts";
import { isObject } from "./params.ts";
import type { World } from "./world.ts";

/** `push_hooks` -> `Push Hook`. */
export function eventHeader(hook: Hook, trigger: string): string {
  if (hook.level === "system") return SYSTEM_HEADER;
  return trigger
    .replace(/s$/, "")
    .split("_")
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join(" ");
}

/** `Push Hook` -> `push_hooks`. */
export function triggerOf(header: string): string {
  return `${header.toLowerCase().replaceAll(" ", "_")}s`;
}

export interface WireInput {
  readonly hook: Hook;
  readonly trigger: string;
  readonly key: string;
  readonly eventUuid: string;
  readonly body: Uint8Array;
}

/** Headers of one attempt. Custom headers come first, so that GitLab's own ones win. */
export function wireHeaders(world: World, input: WireInput): Record<string, string> {
  const { hook } = input;
  const headers: Record<string, string> = {};
  if (world.since(17, 1)) for (const [name, value] of hook.customHeaders ?? []) headers[name] = value;
  set(headers, "Content-Type", "application/json");
  set(
    headers,
    "User-Agent",
    `GitLab/${world.settings.versionText}${world.settings.tier === "ce" ? "" : "-ee"}`,
  );
  if (world.since(17, 4)) set(headers, "Idempotency-Key", input.key);
  set(headers, "X-Gitlab-Event", eventHeader(hook, input.trigger));
  if (world.since(16, 2)) set(headers, "X-Gitlab-Webhook-UUID", randomUUID());
  set(headers, "X-Gitlab-Instance", world.baseUrl);
  if (world.since(19, 0)) {
    const timestamp = Math.floor(world.clock.now() / 1000);
    set(headers, "webhook-id", input.key);
    set(headers, "webhook-timestamp", String(timestamp));
    const key =
      hook.signingToken && world.settings.signingTokens ? decodeSigningToken(hook.signingToken) : null;
    if (key) set(headers, "webhook-signature", sign([key], input.key, timestamp, input.body));
  }
  if (hook.token) set(headers, "X-Gitlab-Token", hook.token.replace(/[\r\n]/g, ""));
  set(headers, "X-Gitlab-Event-UUID", input.eventUuid);
  return headers;
}

/** The headers as the log keeps them. */
export function loggedHeaders(hook: Hook, sent: Readonly<Record<string, string>>): Record<string, string> {
  const hidden = new Set([...(hook.customHeaders?.keys() ?? []), "X-Gitlab-Token"]);
  return Object.fromEntries(
    Object.entries(sent).map(([name, value]) => [name, hidden.has(name) ? "[REDACTED]" : value]),
  );
}

/** The data that goes out: as it is, or rendered by the hook's template. Throws where the template yields no JSON. */
export function render(hook: Hook, data: Json): unknown {
  if (!hook.template) return data;
  const text = hook.template.replace(/\{\{(.+?)\}\}/g, (_, path: string) => {
    let value: unknown = data;
    for (const part of path.split(".")) {
      if (Array.isArray(value))
        throw new TypeError("You may be trying to access an array value, which is not supported.");
      value = isObject(value) ? value[part] : undefined;
    }
    return typeof value === "string" ? JSON.stringify(value).slice(1, -1) : JSON.stringify(value ?? null);
  });
  return JSON.parse(text) as unknown;
}

function set(headers: Record<string, string>, name: string, value: string): void {
  for (const known of Object.keys(headers))
    if (known.toLowerCase() === name.toLowerCase()) delete headers[known];
  headers[name] = value;
}
