/** `type: module`: calls a function of the operator's own in a thread. */
import type { TargetType } from "../target-type.ts";
import { createModuleTarget } from "./module.ts";
import { moduleTargetSchema } from "./settings.ts";
import { startThread, watchFolder } from "./thread.ts";

export const moduleType: TargetType<"module", typeof moduleTargetSchema> = {
  name: "module",
  schema: moduleTargetSchema,
  example: `review-bot:
  type: module
  handler: ./handlers/review.ts
  events: [merge_request]
  options: { chatUrl: "\${CHAT_URL}" }
`,
  address: ({ handler }) => handler,
  create: (settings, deps) => createModuleTarget(settings, { ...deps, startThread, watchFolder }),
};
