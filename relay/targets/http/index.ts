/** `type: http`: delivers to an HTTP server. */
import { MASK } from "../../../lib/log.ts";
import { certificateFiles } from "../connection/settings.ts";
import type { TargetType } from "../target-type.ts";
import { createHttpTarget, createRequests, settingsHeaders, shownAddress } from "./http.ts";
import { httpTargetSchema } from "./settings.ts";

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
    const configured = [...settingsHeaders(settings)];
    const hidden = configured.filter((name) => headers[name] !== undefined).map((name) => [name, MASK]);
    return {
      to: `POST ${shownAddress(settings)}`,
      headers: { ...headers, ...(Object.fromEntries(hidden) as Record<string, string>) },
      body,
    };
  },
  files: certificateFiles,
  create: createHttpTarget,
};
