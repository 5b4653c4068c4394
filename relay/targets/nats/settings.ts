/** The settings of a `type: nats` target. */
import { z } from "zod";
import { filePath, listOf, secret } from "../../../lib/fields.ts";
import { deliveryFields } from "../../delivery/settings.ts";
import { templateText } from "../../expressions/template-field.ts";
import { connectionFields } from "../connection/settings.ts";
import { routingFields } from "../rules.ts";

const server = z
  .url({ protocol: /^(?:nats|tls)$/, error: "must be an address such as nats://nats.internal:4222" })
  .refine((text) => !URL.canParse(text) || (new URL(text).username === "" && new URL(text).password === ""), {
    error: "holds credentials; set user and password, token or credsFile instead",
  });

export const natsTargetSchema = z
  .strictObject({
    type: z.literal("nats"),
    ...routingFields,
    servers: listOf(server).describe(
      "Servers of the cluster, such as [nats://nats.internal:4222], or tls://",
    ),
    subject: templateText
      .default("gitlab.{{ event.kind }}")
      .describe(
        "Subject of the message, as a template; what an expression gives cannot leave its place: / becomes a dot, other signs become _",
      ),
    stream: z
      .string()
      .regex(/^[^\s.*>/\\]{1,255}$/, { error: "is not the name of a stream" })
      .optional()
      .describe("Stream that must take the message; default: the one that the subject belongs to"),
    messageId: templateText
      .default("{{ event.id }}")
      .describe(
        "Id by which the stream recognises what it has, as a template; -replay-<n> is added to replays",
      ),
    user: z.string().min(1).optional().describe("User name"),
    password: secret(z.string().min(1)).optional().describe("Its password"),
    token: secret(z.string().min(1)).optional().describe("Token in place of a user"),
    credsFile: filePath.optional().describe("File with JWT and seed (.creds), such as /etc/relay/nats.creds"),
    tls: connectionFields.tls,
    ...deliveryFields,
  })
  .refine(({ user, password }) => (user === undefined) === (password === undefined), {
    path: ["password"],
    error: "user and password belong together",
  })
  .refine(
    ({ user, token, credsFile }) => [user, token, credsFile].filter((one) => one !== undefined).length <= 1,
    { path: ["credsFile"], error: "set one of user, token and credsFile" },
  );

export type NatsTargetSettings = z.output<typeof natsTargetSchema>;
