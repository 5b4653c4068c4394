/** `type: module`: calls a function of the operator's own in its own process, or a thread on Deno. */
import type { TargetType } from "../target-type.ts";
import { handlerProblem } from "./check-handler.ts";
import { createModuleTarget } from "./module.ts";
import { moduleTargetSchema } from "./settings.ts";
import { startProcess } from "./handler-process.ts";
import { startThread, watchFolder } from "./thread.ts";

const start = "deno" in process.versions ? startThread : startProcess;

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
  files: ({ handler }) => ({ handler }),
  async check(settings, { clock }) {
    const message = await handlerProblem(settings, { clock, startThread: start });
    return message === null ? [] : [{ path: "handler", message }];
  },
  create: (settings, deps) => createModuleTarget(settings, { ...deps, startThread: start, watchFolder }),
};
