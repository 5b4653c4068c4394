/** The settings of a `type: http` target. */
import { z } from "zod";
import { httpUrl, secret, signingToken } from "../../../lib/fields.ts";
import { deliveryFields } from "../../delivery/settings.ts";
import { connectionFields } from "../connection/settings.ts";
import { routingFields } from "../rules.ts";
import { compileTemplateTree } from "../../expressions/template-tree.ts";
import { READY_NAMES } from "./formats/ready.ts";

/** Names that the operator cannot set: they belong to the connection. Lower case. */
const RESERVED_HEADERS: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "expect",
  "host",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

const headerName = z
  .string()
  .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/)
  .refine((name) => !RESERVED_HEADERS.has(name.toLowerCase()), {
    error: "belongs to the connection and cannot be set",
  });

/** Credentials of the hook, and what the relay says itself. */
const NOT_PASSED: ReadonlySet<string> = new Set([
  "authorization",
  "proxy-authorization",
  "cookie",
  "forwarded",
  "via",
]);
const OWN_PREFIX = /^(?:x-gitlab-|x-relay-|x-forwarded-|webhook-|ce-)/;

const passedHeader = headerName.refine(
  (name) => !NOT_PASSED.has(name.toLowerCase()) && !OWN_PREFIX.test(name.toLowerCase()),
  { error: "is passed by itself or not at all; for a credential of the target set headers" },
);

const headerValue = secret(
  z.string().regex(/^[\t\x20-\x7e\x80-\xff]*$/, { error: "must be printable Latin-1 on one line" }),
);

const bodyTemplate = z
  .union([z.record(z.string(), z.unknown()), z.array(z.unknown())])
  .superRefine((body, context) => {
    const compiled = compileTemplateTree(body, "");
    if ("tree" in compiled) return;
    for (const { path, message } of compiled.problems)
      context.addIssue({ code: "custom", message, path: path.split(".").slice(1) });
  });

const fields = z.strictObject({
  type: z.literal("http"),
  ...routingFields,
  url: httpUrl.describe("Where the events go, such as https://bot.internal/gitlab"),
  headers: z
    .record(headerName, headerValue)
    .default({})
    .describe('Headers sent along, such as { Authorization: "Bearer ${BOT_TOKEN}" }'),
  passHeaders: z
    .array(passedHeader)
    .max(20)
    .default([])
    .describe("Custom headers of GitLab's hooks that the target gets as they came, such as [X-Tenant]"),
  signingTokens: z
    .array(signingToken)
    .default([])
    .describe("Signs each attempt by Standard Webhooks, with every key listed"),
  format: z
    .enum(["raw", "cloudevents", ...READY_NAMES])
    .default("raw")
    .describe(
      "raw: the received bytes; cloudevents: wrapped in a CloudEvent; otherwise the event as the receiver of that name wants it",
    ),
  body: bodyTemplate
    .optional()
    .describe(
      "JSON sent in place of the received bytes; its texts are templates, such as { text: '{{ event.sentence }}' }",
    ),
  cloudEventsMode: z
    .enum(["structured", "binary"])
    .default("structured")
    .describe(
      "structured: one JSON document with the received bytes as its data; binary: the received bytes, attributes as ce- headers",
    ),
  ...connectionFields,
  ...deliveryFields,
});

export const httpTargetSchema = fields.refine(({ body, format }) => body === undefined || format === "raw", {
  path: ["body"],
  error: "replaces the format; set only one of the two",
});

export type HttpTargetSettings = z.output<typeof httpTargetSchema>;
