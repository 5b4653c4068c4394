/**
 * GitLab's events as types: a union told apart by `kind`, made of the rows of relay/event/kinds/. They name what GitLab documents;
 * payloads hold more, and what a hook of an old GitLab or a custom template lacks is missing at run time as well.
 */
import type { Kind } from "../../event/kinds/kind.ts";
import type { KINDS } from "../../event/kinds/kinds.ts";
import type { VisibleEvent } from "../../event/view.ts";
import type { More } from "../../event/kinds/payload-parts.ts";

export type * from "../../event/kinds/payload-parts.ts";
export type { ReleasePayload, WikiPagePayload } from "../../event/kinds/content.ts";
export type { DeploymentPayload } from "../../event/kinds/deployment.ts";
export type { IssueAttributes, IssuePayload } from "../../event/kinds/issue.ts";
export type { JobPayload } from "../../event/kinds/job.ts";
export type { MergeRequestAttributes, MergeRequestPayload } from "../../event/kinds/merge-request.ts";
export type { NotePayload } from "../../event/kinds/note.ts";
export type { PipelinePayload } from "../../event/kinds/pipeline.ts";
export type { PushCommit, PushPayload } from "../../event/kinds/push.ts";

/** An event of one kind; facts that the payload does not say are null. */
export interface EventOf<Name extends string, Payload> extends VisibleEvent {
  readonly kind: Name;
  /** GitLab's own headers, names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly payload: Payload;
}

type EventOfKind<Row> = Row extends Kind<infer Name, infer Payload> ? EventOf<Name, Payload> : never;

export type GitLabEvent = EventOfKind<(typeof KINDS)[number]> | EventOf<"unknown", More>;
