/** Settings of alerts: which of the matters that need an operator are sent to which targets. */
import { z } from "zod";
import { plainUrl } from "../../lib/fields.ts";
import { ATTENTION_KINDS } from "./attention-kinds.ts";

export const alertSettings = z.strictObject({
  to: z.array(z.string().min(1)).min(1).describe("Targets that get them, by name, such as [ops-chat]"),
  on: z
    .array(z.enum(ATTENTION_KINDS))
    .min(1)
    .default([...ATTENTION_KINDS])
    .describe("Kinds of GET /api/v1/attention, such as [not-ready, target-failing]; default: all"),
  repeatMinutes: z
    .number()
    .min(0)
    .max(43_200)
    .default(240)
    .describe("Minutes after which a matter that still stands is sent again; 0: never"),
  dashboardUrl: plainUrl
    .optional()
    .describe("Address of the dashboard for links in the messages, such as https://relay.example.com"),
});

export type AlertSettings = z.output<typeof alertSettings>;
