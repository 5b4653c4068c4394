/** The settings of a `type: log` target. */
import { z } from "zod";
import { deliveryFields } from "../../delivery/settings.ts";
import { routingFields } from "../rules.ts";

export const logTargetSchema = z.strictObject({
  type: z.literal("log"),
  ...routingFields,
  ...deliveryFields,
});
