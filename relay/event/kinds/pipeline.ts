/** Pipelines. */
import { count, isObject, list, object, text, type Json } from "../../../lib/json.ts";
import type { Fact } from "../activity-facts.ts";
import { mergeRequestRef, refOfName } from "../ref.ts";
import { idText } from "./cloud-event.ts";
import { fact, failedJob } from "./facts.ts";
import { defineKind, payloadOf, type Meta, type RefFacts } from "./kind.ts";
import { sourceOf, type MergeRequestAttributes } from "./merge-request.ts";
import type { Commit, More, PipelineStatus, User, WithProject } from "./payload-parts.ts";
import { inPlace, numbered, onRef, stateOf } from "./words.ts";

export interface PipelinePayload extends WithProject {
  readonly object_kind: "pipeline";
  readonly user: User;
  readonly object_attributes: {
    readonly id: number;
    readonly iid: number;
    /** Of a merge request's pipeline the source branch, which may be one of a fork. */
    readonly ref: string;
    readonly tag: boolean;
    readonly sha: string;
    readonly source: string;
    readonly status: PipelineStatus;
    readonly created_at: string;
    readonly finished_at: string | null;
    readonly duration: number | null;
    readonly url: string;
  };
  readonly merge_request: MergeRequestAttributes | null;
  readonly commit: Commit | null;
  readonly builds: readonly More[];
}

function refOf(body: Json): RefFacts {
  const attributes = object(body["object_attributes"]);
  const name = text(attributes["ref"], body["ref"]);
  if (!isObject(body["merge_request"])) {
    // A merge request that is gone: its source branch may have been one of a fork.
    const isOfRequest = attributes["source"] === "merge_request_event";
    return { ref: isOfRequest ? name : refOfName(name, attributes["tag"] ?? body["tag"]) };
  }
  const iid = count(body["merge_request"]["iid"]);
  return { ref: iid === null ? name : mergeRequestRef(iid), ...sourceOf(body["merge_request"]) };
}

function activity(meta: Meta, body: Json): Fact[] {
  const attributes = object(body["object_attributes"]);
  const status = attributes["status"];
  if (status !== "success" && status !== "failed" && status !== "canceled") return [];
  const failed = list(body["builds"])
    .map(object)
    .filter((build) => build["status"] === "failed" && build["allow_failure"] !== true);
  const of = { key: count(attributes["id"]), author: meta.actor };
  return [
    ...fact("pipeline", of, [status, durationOf(attributes["duration"])]),
    ...failed.flatMap((build) => failedJob(build["id"], build["name"], meta)),
  ];
}

function durationOf(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) && value >= 0 ? Math.round(value) : null;
}

export const pipeline = defineKind({
  kind: "pipeline",
  payload: payloadOf<PipelinePayload>(),
  has: { project: true, path: true, branch: true, labels: false, action: true },
  ref: refOf,
  subject(body) {
    const attributes = object(body["object_attributes"]);
    return { iid: count(attributes["iid"], attributes["id"]) };
  },
  sentence: (telling) =>
    `${numbered("pipeline", "#", telling.meta.iid)} ${stateOf(telling.meta.action)}${onRef(telling)}${inPlace(telling)}`,
  activity,
  cloudEvent(_meta, body) {
    const attributes = object(body["object_attributes"]);
    return { type: ["pipeline", idText(attributes["status"])], subject: idText(attributes["id"]) };
  },
});
