/** The part of relay.yaml that says where events go, by which rules and how: types of targets, overrides. */
import { z } from "zod";
import { KNOWN_EVENT_NAMES } from "../../lib/events.ts";
import { count, globPattern, positive, projectPattern, secret, signingToken } from "../config/fields.ts";
import { compileExpression } from "../expressions/expression.ts";
import { RESERVED_HEADERS } from "./http/headers.ts";
import { compileTemplate } from "../expressions/template.ts";

const eventName = z.string().refine((name) => KNOWN_EVENT_NAMES.has(name), {
  error: "is not an event that GitLab sends; see docs/events.md",
});

const listOf = <T extends z.ZodType>(item: T): z.ZodArray<T> =>
  z.array(item).min(1, { error: "lists nothing: leave it out for no restriction" });

const words = listOf(z.string().min(1));
const globs = listOf(globPattern);

const expression = z.string().superRefine((text, context) => {
  const compiled = compileExpression(text, "bool");
  if ("problem" in compiled) context.addIssue({ code: "custom", message: compiled.problem });
});

const template = z.string().superRefine((text, context) => {
  const compiled = compileTemplate(text);
  if ("problem" in compiled) context.addIssue({ code: "custom", message: compiled.problem });
});

const enabled = z.boolean();

const ruleFields = {
  events: listOf(eventName)
    .optional()
    .describe(
      "Events that it gets, by object_kind or event_name, such as [push, merge_request]; default: all",
    ),
  branches: globs
    .optional()
    .describe(
      "Globs of branches, with ! to leave out, such as [main, release/*]; events without a branch pass",
    ),
  actions: words
    .optional()
    .describe(
      "Actions or states, with ! to leave out, such as [open, merge] or [failed]; events without one pass",
    ),
  labels: globs
    .optional()
    .describe(
      "Globs of labels of which the issue or merge request has one, with ! to leave out, such as [backend, !wip]; events that know no labels pass",
    ),
  when: expression
    .optional()
    .describe(
      "CEL expression over event and body, such as body.object_attributes.draft == false; the event passes where it is true",
    ),
};

const routingFields = {
  enabled: enabled
    .default(true)
    .describe("Whether the target gets events; the overrides may switch it per project"),
  projects: listOf(projectPattern)
    .optional()
    .describe(
      "Projects whose events it gets: globs of path_with_namespace, with ! to leave out, or ids; default: all",
    ),
  ...ruleFields,
};

const retry = z.strictObject({
  maxAttempts: count.default(25).describe("Attempts after which a delivery becomes a dead letter"),
  maxAgeSeconds: positive
    .default(259_200)
    .describe("Age in seconds, from the first attempt, after which a delivery becomes a dead letter"),
  baseSeconds: positive
    .default(1)
    .describe(
      "Ceiling of the first wait in seconds; it doubles with each attempt, the wait is drawn evenly below it",
    ),
  capSeconds: positive.default(3600).describe("Greatest wait between two attempts in seconds"),
});

const deliveryFields = {
  timeoutSeconds: positive.max(3600).default(10).describe("Longest duration of one attempt in seconds"),
  concurrency: count.max(1024).default(16).describe("Attempts under way at once"),
  rateLimit: z
    .strictObject({
      requests: count.describe("Attempts that may start in each period"),
      perSeconds: positive.default(1).describe("Length of the period in seconds"),
    })
    .optional()
    .describe("Most attempts in a period; waiting for it uses up no attempt"),
  ordering: z
    .enum(["none", "project"])
    .default("none")
    .describe("project: the events of a project go one after another, a dead letter lets the next one go"),
  retry: retry.prefault({}),
  breaker: z
    .strictObject({
      failures: count.default(10).describe("Failures in a row that open it"),
      cooldownSeconds: positive.default(30).describe("Seconds until a probe is let through"),
    })
    .prefault({})
    .describe("Stops attempts on a target that keeps failing; waiting for it uses up no attempt"),
};

const httpUrl = z.url({ protocol: /^https?$/, error: "must be an http or https URL" });

const file = z.string().min(1);

const connectionFields = {
  tls: z
    .strictObject({
      caFile: file
        .optional()
        .describe(
          "File with certificates (PEM) to trust in place of the system's, such as /etc/relay/ca.pem",
        ),
      certFile: file
        .optional()
        .describe("File with the client's certificate (PEM), such as /etc/relay/client.pem"),
      keyFile: file.optional().describe("File with its key (PEM), such as /etc/relay/client.key"),
    })
    .refine((tls) => (tls.certFile === undefined) === (tls.keyFile === undefined), {
      error: "certFile and keyFile belong together",
    })
    .optional()
    .describe("Certificates of the connection; read anew whenever the settings change"),
  allowPrivateNetworks: z
    .boolean()
    .default(true)
    .describe("Whether the target may live on a private or loopback address; cloud metadata addresses never"),
};

const headerName = z
  .string()
  .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/)
  .refine((name) => !RESERVED_HEADERS.has(name.toLowerCase()), {
    error: "belongs to the connection and cannot be set",
  });

const headerValue = secret(
  z.string().regex(/^[\t\x20-\x7e\x80-\xff]*$/, { error: "must be printable Latin-1 on one line" }),
);

const httpTarget = z.strictObject({
  type: z.literal("http"),
  ...routingFields,
  url: httpUrl.describe("Where the events go, such as https://bot.internal/gitlab"),
  headers: z
    .record(headerName, headerValue)
    .default({})
    .describe('Headers sent along, such as { Authorization: "Bearer ${BOT_TOKEN}" }'),
  signingTokens: z
    .array(signingToken)
    .default([])
    .describe("Signs each attempt by Standard Webhooks, with every key listed"),
  format: z
    .enum(["raw", "cloudevents"])
    .default("raw")
    .describe("raw: the received bytes; cloudevents: wrapped in a CloudEvent"),
  cloudEventsMode: z
    .enum(["structured", "binary"])
    .default("structured")
    .describe(
      "structured: one JSON document with the received bytes as its data; binary: the received bytes, attributes as ce- headers",
    ),
  ...connectionFields,
  ...deliveryFields,
});

const moduleTarget = z.strictObject({
  type: z.literal("module"),
  ...routingFields,
  handler: file.describe("Module that exports handle(event, ctx), such as ./handlers/review.ts"),
  options: z
    .record(z.string(), secret(z.string()))
    .default({})
    .describe('Texts that the handler finds in ctx.options, such as { chatUrl: "${CHAT_URL}" }'),
  memoryMb: z
    .number()
    .int()
    .min(16)
    .default(512)
    .describe("Heap in MiB beyond which the handler's thread is ended and started anew (not on Deno)"),
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

const pipelineTarget = z.strictObject({
  type: z.literal("pipeline"),
  ...routingFields,
  url: httpUrl.describe("Address of the GitLab, such as https://gitlab.example.com"),
  token: secret(z.string().min(1)).describe("Trigger token of the project whose pipeline runs"),
  project: template
    .default("{{ event.project.id }}")
    .describe("Id or path of the project whose pipeline runs, as a template; default: the event's project"),
  ref: template
    .default("{{ event.branch }}")
    .describe("Branch or tag that it runs on, as a template; default: the event's branch"),
  variables: z
    .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), template)
    .default({})
    .describe(
      'Variables of the pipeline, as templates, such as { MR_IID: "{{ body.object_attributes.iid }}" }',
    ),
  inputs: z
    .record(z.string().min(1), template)
    .default({})
    .describe("Inputs of the pipeline, as templates; a template that is one expression keeps its type"),
  apiToken: secret(z.string().min(1))
    .optional()
    .describe(
      "Token that may read the project's pipelines and their variables: finds out before a repetition whether the pipeline runs already",
    ),
  ...connectionFields,
  ...deliveryFields,
});

const logTarget = z.strictObject({
  type: z.literal("log"),
  ...routingFields,
  ...deliveryFields,
});

export const targetSchema = z.discriminatedUnion("type", [
  httpTarget,
  moduleTarget,
  pipelineTarget,
  logTarget,
]);

export const targetName = z.string().regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, {
  error: "a target's name is 1 to 63 characters of a-z, 0-9, _ and -, beginning with a letter or digit",
});

export const overrideSchema = z.strictObject({
  projects: listOf(projectPattern).describe("Projects it is for: globs of path_with_namespace or ids"),
  targets: z
    .record(
      z.string(),
      z.strictObject({
        enabled: enabled.optional().describe("Whether the target gets these projects' events"),
        ...ruleFields,
      }),
    )
    .describe("What takes the place of the target's own rules for these projects, by target"),
});

/** What a project's own file may hold: rules that an event has to pass as well. */
export const projectFileSchema = z.strictObject({
  targets: z
    .record(
      z.string(),
      z.strictObject({
        enabled: enabled.default(true).describe("false: the target gets nothing of this project"),
        ...ruleFields,
      }),
    )
    .default({})
    .describe("Further restrictions, by target"),
});

export type TargetConfig = z.output<typeof targetSchema>;
export type HttpTargetConfig = z.output<typeof httpTarget>;
export type ModuleTargetConfig = z.output<typeof moduleTarget>;
export type PipelineTargetConfig = z.output<typeof pipelineTarget>;
export type RetryConfig = z.output<typeof retry>;
/** The rules alone, as targets, overrides and projects' own files have them. */
export type RuleConfig = Pick<
  TargetConfig,
  "events" | "projects" | "branches" | "actions" | "labels" | "when"
>;
