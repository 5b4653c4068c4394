/** The settings of a `type: pipeline` target. */
import { z } from "zod";
import { httpUrl, secret } from "../../../lib/fields.ts";
import { deliveryFields } from "../../delivery/settings.ts";
import { templateText as template } from "../../expressions/template-field.ts";
import { connectionFields } from "../connection/settings.ts";
import { routingFields } from "../rules.ts";

export const pipelineTargetSchema = z.strictObject({
  type: z.literal("pipeline"),
  ...routingFields,
  url: httpUrl.describe("Address of the GitLab, such as https://gitlab.example.com"),
  token: secret(z.string().min(1)).describe("Trigger token of the project whose pipeline runs"),
  project: template
    .default("{{ event.project.id }}")
    .describe("Id or path of the project whose pipeline runs, as a template; default: the event's project"),
  ref: template
    .optional()
    .describe(
      "Branch or tag that it runs on, as a template, such as main; default: the event's branch or tag, or the ref that a deployment names",
    ),
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

export type PipelineTargetSettings = z.output<typeof pipelineTargetSchema>;
