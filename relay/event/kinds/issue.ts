/** Issues and work items; each kind has a confidential twin, which is the same but for its name. */
import { count, object, text, type Json } from "../../../lib/json.ts";
import type { Fact } from "../activity-facts.ts";
import { idText, plainCloudEvent } from "./cloud-event.ts";
import { fact } from "./facts.ts";
import { defineKind, payloadOf, type CloudEventName, type Meta, type Subject, type Telling } from "./kind.ts";
import type { Changes, Label, User, WithProject } from "./payload-parts.ts";
import { secondsBetween, timeOf } from "./times.ts";
import { inPlace, nounOf, numbered, pastOf, quoted, titleOf } from "./words.ts";

export interface IssueAttributes {
  readonly id: number;
  readonly iid: number;
  readonly title: string;
  readonly description: string | null;
  readonly state: "opened" | "closed";
  readonly confidential: boolean;
  readonly author_id: number;
  readonly created_at: string;
  readonly updated_at: string;
  readonly url: string;
  /** Type of a work item, such as Issue, Task, Epic. */
  readonly type?: string;
}

export interface IssuePayload extends Partial<WithProject> {
  readonly object_kind: "issue" | "work_item";
  readonly user: User;
  readonly object_attributes: IssueAttributes & {
    readonly action: "open" | "close" | "reopen" | "update";
  };
  readonly labels: readonly Label[];
  readonly changes: Changes;
  readonly assignees?: readonly User[];
}

function subject(body: Json): Subject {
  const attributes = object(body["object_attributes"]);
  return {
    iid: count(attributes["iid"]),
    title: titleOf(attributes["title"]),
    type: text(attributes["type"]),
  };
}

function sentence(telling: Telling): string {
  const { meta, who } = telling;
  const { noun, sign } = nounOf(meta.subjectType ?? (meta.kind === "work_item" ? "WorkItem" : "Issue"));
  return `${who} ${pastOf(meta.action)} ${numbered(noun, sign, meta.iid)}${quoted(meta.title)}${inPlace(telling)}`;
}

function activity(meta: Meta, body: Json): Fact[] {
  const attributes = object(body["object_attributes"]);
  const of = { key: count(attributes["iid"]), author: meta.actor };
  if (meta.action === "open") return fact("issueOpened", of, 1);
  if (meta.action !== "close") return [];
  const end = timeOf(attributes["closed_at"]) ?? timeOf(attributes["updated_at"]) ?? meta.receivedAt;
  return fact("issueClosed", of, secondsBetween(timeOf(attributes["created_at"]), end));
}

function cloudEvent(meta: Meta, body: Json): CloudEventName {
  if (meta.kind === "work_item") return plainCloudEvent(meta, body);
  const attributes = object(body["object_attributes"]);
  return { type: ["issue", idText(attributes["state"])], subject: idText(attributes["iid"]) };
}

const row = {
  payload: payloadOf<IssuePayload>(),
  has: { project: true, path: true, branch: false, labels: true, action: true },
  ref: null,
  subject,
  sentence,
  activity,
  cloudEvent,
} as const;

export const issue = defineKind({ kind: "issue", ...row });
export const confidentialIssue = defineKind({ kind: "confidential_issue", ...row });
