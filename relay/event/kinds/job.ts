/** Jobs, which GitLab calls builds. */
import { object, text } from "../../../lib/json.ts";
import { refOfName } from "../ref.ts";
import { idText } from "./cloud-event.ts";
import { failedJob } from "./facts.ts";
import { defineKind, payloadOf } from "./kind.ts";
import type { PipelineStatus, User, WithProject } from "./payload-parts.ts";
import { inPlace, onRef, stateOf, titled, titleOf } from "./words.ts";

export interface JobPayload extends WithProject {
  readonly object_kind: "build";
  readonly user: User;
  readonly project_id: number;
  readonly pipeline_id: number;
  /** Short name of a branch or tag; of a merge request's pipeline `refs/merge-requests/N/head`. */
  readonly ref: string;
  readonly tag: boolean;
  readonly sha: string;
  readonly build_id: number;
  readonly build_name: string;
  readonly build_stage: string;
  readonly build_status: PipelineStatus;
  readonly build_duration: number | null;
  readonly build_failure_reason: string;
  readonly build_allow_failure: boolean;
  readonly retries_count: number;
}

export const job = defineKind({
  kind: "build",
  payload: payloadOf<JobPayload>(),
  has: { project: true, path: true, branch: true, labels: false, action: true },
  ref: (body) => {
    const attributes = object(body["object_attributes"]);
    return { ref: refOfName(text(body["ref"], attributes["ref"]), body["tag"] ?? attributes["tag"]) };
  },
  subject: (body) => ({ title: titleOf(body["build_name"]) }),
  sentence: (telling) =>
    `${titled("job", telling.meta.title)} ${stateOf(telling.meta.action)}${onRef(telling)}${inPlace(telling)}`,
  activity: (meta, body) =>
    body["build_status"] !== "failed" || body["build_allow_failure"] === true
      ? []
      : failedJob(body["build_id"], body["build_name"], meta),
  cloudEvent: (_meta, body) => ({
    type: ["job", idText(body["build_status"])],
    subject: idText(body["build_id"]),
  }),
});
