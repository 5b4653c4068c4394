/** Comments, also confidential ones. */
import { count, object, text, type Json } from "../../../lib/json.ts";
import type { Fact } from "../activity-facts.ts";
import { idText } from "./cloud-event.ts";
import { fact } from "./facts.ts";
import type { IssueAttributes } from "./issue.ts";
import { defineKind, payloadOf, type CloudEventName, type Meta, type Subject, type Telling } from "./kind.ts";
import type { MergeRequestAttributes } from "./merge-request.ts";
import type { Commit, More, User, WithProject } from "./payload-parts.ts";
import { rfc3339 } from "./times.ts";
import { inPlace, onSubject, snakeCase, titleOf } from "./words.ts";

export interface NotePayload extends WithProject {
  readonly object_kind: "note";
  readonly user: User;
  readonly project_id: number;
  readonly object_attributes: {
    readonly id: number;
    readonly note: string;
    readonly noteable_type: "Commit" | "MergeRequest" | "Issue" | "Snippet";
    readonly noteable_id: number | null;
    readonly author_id: number;
    readonly system: boolean;
    readonly created_at: string;
    readonly url: string;
    readonly action?: "create" | "update";
  };
  readonly merge_request?: MergeRequestAttributes;
  readonly issue?: IssueAttributes;
  readonly commit?: Commit;
  readonly snippet?: More;
}

/** Type of what can be commented and has a number -> what the payload says of it. */
const NUMBERED: ReadonlyMap<string, (body: Json) => unknown> = new Map([
  ["MergeRequest", (body: Json) => body["merge_request"]],
  ["Issue", (body: Json) => body["issue"]],
  ["WorkItem", (body: Json) => body["work_item"]],
  ["Epic", (body: Json) => body["epic"]],
]);

/** What a comment or reaction is on, by its type. */
export function subjectOf(type: string | null, body: Json): Subject {
  const on = object(type === null ? undefined : NUMBERED.get(type)?.(body));
  return { type, iid: count(on["iid"]), title: titleOf(on["title"]) };
}

function subject(body: Json): Subject {
  return subjectOf(text(object(body["object_attributes"])["noteable_type"]), body);
}

function sentence(telling: Telling): string {
  const verb = telling.meta.action === "update" ? "edited a comment" : "commented";
  return `${telling.who} ${verb}${onSubject(telling)}${inPlace(telling)}`;
}

/** A comment of somebody else on a merge request is a review. */
function activity(meta: Meta, body: Json): Fact[] {
  const attributes = object(body["object_attributes"]);
  if (
    attributes["noteable_type"] !== "MergeRequest" ||
    meta.action === "update" ||
    attributes["system"] === true
  )
    return [];
  const request = object(body["merge_request"]);
  const iid = count(request["iid"]);
  const writer = count(object(body["user"])["id"], attributes["author_id"]);
  if (iid === null || (writer !== null && writer === count(request["author_id"]))) return [];
  return fact("reviewed", { key: count(attributes["id"]), author: meta.actor }, iid);
}

function cloudEvent(_meta: Meta, body: Json): CloudEventName {
  const attributes = object(body["object_attributes"]);
  const noteable = idText(attributes["noteable_type"]);
  const address = text(attributes["url"]);
  const anchor = address?.lastIndexOf("#note_") ?? -1;
  return {
    type: ["note", noteable === null ? null : snakeCase(noteable)],
    subject: idText(attributes["id"]),
    time: rfc3339(attributes["created_at"]),
    source:
      noteable === "Commit"
        ? text(object(body["commit"])["url"])
        : anchor < 0
          ? address
          : (address?.slice(0, anchor) ?? null),
  };
}

const row = {
  payload: payloadOf<NotePayload>(),
  has: { project: true, path: true, branch: false, labels: true, action: true },
  ref: null,
  subject,
  sentence,
  activity,
  cloudEvent,
} as const;

export const note = defineKind({ kind: "note", ...row });
export const confidentialNote = defineKind({ kind: "confidential_note", ...row });
