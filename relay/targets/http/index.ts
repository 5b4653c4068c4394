/** `type: http`: delivers to an HTTP server. */
import { shownUrl } from "../../../lib/log.ts";
import type { TargetType } from "../target-type.ts";
import { createHttpTarget } from "./http.ts";
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
  address: ({ url }) => shownUrl(url),
  create: createHttpTarget,
};
