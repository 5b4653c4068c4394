/** `type: log`: writes a line to the relay's log. */
import type { TargetType } from "../target-type.ts";
import { createLogTarget } from "./log.ts";
import { logTargetSchema } from "./settings.ts";

export const logType: TargetType<"log", typeof logTargetSchema> = {
  name: "log",
  schema: logTargetSchema,
  example: `seen:
  type: log
`,
  address: () => null,
  create: (_settings, { log }) => createLogTarget(log),
};
