/** `type: http`: delivers to an HTTP server. */
import { MASK, shownUrl } from "../../../lib/log.ts";
import type { TargetType } from "../target-type.ts";
import { createHttpTarget, createRequests } from "./http.ts";
import { httpTargetSchema, type HttpTargetSettings } from "./settings.ts";

/** The path of a chat's webhook is its password. */
const SECRET_PATHS: ReadonlySet<string> = new Set(["slack", "mattermost", "teams", "discord"]);

function shownAddress({ url, format }: HttpTargetSettings): string {
  return SECRET_PATHS.has(format) ? `${new URL(url).origin}/…` : shownUrl(url);
}

export const httpType: TargetType<"http", typeof httpTargetSchema> = {
  name: "http",
  schema: httpTargetSchema,
  example: `ci-bot:
  type: http
  url: https://bot.internal/gitlab
  events: [push, merge_request]
  headers: { Authorization: "Bearer \${BOT_TOKEN}" }
`,
  address: shownAddress,
  preview(settings, event) {
    const { body, headers } = createRequests(settings)({ ...event, attempt: 1 }, Date.now());
    const configured = ["authorization", ...Object.keys(settings.headers).map((name) => name.toLowerCase())];
    const hidden = configured.filter((name) => headers[name] !== undefined).map((name) => [name, MASK]);
    return {
      to: `POST ${shownAddress(settings)}`,
      headers: { ...headers, ...(Object.fromEntries(hidden) as Record<string, string>) },
      body,
    };
  },
  create: createHttpTarget,
};
