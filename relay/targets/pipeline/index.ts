/** `type: pipeline`: triggers a GitLab pipeline. */
import { shownUrl } from "../../../lib/log.ts";
import { certificateFiles } from "../connection/settings.ts";
import type { TargetType } from "../target-type.ts";
import { createPipelineTarget, previewPipeline } from "./pipeline.ts";
import { pipelineTargetSchema } from "./settings.ts";

export const pipelineType: TargetType<"pipeline", typeof pipelineTargetSchema> = {
  name: "pipeline",
  schema: pipelineTargetSchema,
  example: `triage:
  type: pipeline
  url: https://gitlab.example.com
  token: "\${TRIGGER_TOKEN}"
  project: acme/triage
  ref: main
  events: [issue]
`,
  address: ({ url }) => shownUrl(url),
  preview: previewPipeline,
  files: certificateFiles,
  create: createPipelineTarget,
};
