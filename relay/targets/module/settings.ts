/** The settings of a `type: module` target. */
import { z } from "zod";
import { filePath, httpUrl, listOf, secret } from "../../../lib/fields.ts";
import { deliveryFields } from "../../delivery/settings.ts";
import { routingFields } from "../rules.ts";

export const moduleTargetSchema = z.strictObject({
  type: z.literal("module"),
  ...routingFields,
  handler: filePath.describe("Module that exports handle(event, ctx), such as ./handlers/review.ts"),
  options: z
    .record(z.string(), secret(z.string()))
    .default({})
    .describe('Texts that the handler finds in ctx.options, such as { chatUrl: "${CHAT_URL}" }'),
  memoryMb: z
    .number()
    .int()
    .min(16)
    .default(512)
    .describe("Memory in MiB that the handler may take: heap everywhere but on Deno, buffers too on Linux"),
  gitlab: z
    .strictObject({
      url: httpUrl.describe("Address of the GitLab, such as https://gitlab.example.com"),
      tokens: listOf(secret(z.string().min(1))).describe(
        "Access tokens with the api scope; when one is used up or refused, the next one takes over",
      ),
    })
    .optional()
    .describe("The GitLab that the handler reaches as ctx.gitlab"),
  ...deliveryFields,
});

export type ModuleTargetSettings = z.output<typeof moduleTargetSchema>;
