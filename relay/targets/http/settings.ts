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
  .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, {
    error: ({ input }) => `"${String(input)}" is no name of a header: letters, digits and hyphens make one`,
  })
  .refine((name) => !RESERVED_HEADERS.has(name.toLowerCase()), {
    error: ({ input }) => `"${String(input)}" belongs to the connection and cannot be set`,
  });

/** Credentials and routes of the hook's request; each with what an operator wants instead. */
const NOT_PASSED: ReadonlyMap<string, string> = new Map([
  [
    "authorization",
    "is never passed, as it may be a credential of the relay; set headers for a credential of the target",
  ],
  ["proxy-authorization", "is never passed: it is a credential of the proxy before the relay"],
  ["cookie", "is never passed: it belongs to the relay's pages"],
  ["forwarded", "is never passed: it describes the way to the relay, not to the target"],
  ["via", "is never passed: it describes the way to the relay, not to the target"],
  ["x-gitlab-token", "is never passed: it is the relay's secret; set headers for a credential of the target"],
]);

/** By how a name begins. */
const OWN_PREFIXES: readonly (readonly [prefix: string, why: string])[] = [
  ["x-gitlab-", "is passed anyhow; leave it out"],
  ["webhook-", "is passed anyhow; leave it out"],
  ["x-relay-", "is set by the relay itself; leave it out"],
  ["ce-", "is set by the relay itself with format: cloudevents; leave it out"],
  ["x-forwarded-", "is never passed: it describes the way to the relay, not to the target"],
];

function whyNotPassed(name: string): string | null {
  const plain = name.toLowerCase();
  return NOT_PASSED.get(plain) ?? OWN_PREFIXES.find(([prefix]) => plain.startsWith(prefix))?.[1] ?? null;
}

const passedHeader = headerName.refine((name) => whyNotPassed(name) === null, {
  error: ({ input }) => `"${String(input)}" ${whyNotPassed(String(input))}`,
});

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
