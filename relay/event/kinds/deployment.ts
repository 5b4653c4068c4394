/** Deployments. Their `ref` is a short name of a branch or of a tag, and nothing in the payload tells which. */
import { count, text, type Json } from "../../../lib/json.ts";
import type { Fact } from "../activity-facts.ts";
import { plainCloudEvent } from "./cloud-event.ts";
import { fact } from "./facts.ts";
import { defineKind, payloadOf, type Meta } from "./kind.ts";
import type { User, WithProject } from "./payload-parts.ts";
import { inPlace, stateOf, titleOf } from "./words.ts";

export interface DeploymentPayload extends WithProject {
  readonly object_kind: "deployment";
  readonly user: User | null;
  readonly status: "running" | "success" | "failed" | "canceled" | "blocked";
  readonly status_changed_at: string;
  readonly deployment_id: number;
  readonly environment: string;
  readonly ref: string;
  readonly short_sha: string;
  readonly commit_url: string;
}

function activity(meta: Meta, body: Json): Fact[] {
  const status = body["status"];
  if (status !== "success" && status !== "failed") return [];
  return fact("deployed", { key: count(body["deployment_id"]), author: meta.actor }, status);
}

export const deployment = defineKind({
  kind: "deployment",
  payload: payloadOf<DeploymentPayload>(),
  has: { project: true, path: true, branch: false, labels: false, action: true },
  ref: (body) => ({ ref: text(body["ref"]) }),
  subject: (body) => ({ title: titleOf(body["environment"]) }),
  sentence: (telling) => {
    const { title, action } = telling.meta;
    return `${title === undefined ? "a deployment" : `deployment to ${title}`} ${stateOf(action)}${inPlace(telling)}`;
  },
  activity,
  cloudEvent: plainCloudEvent,
});
