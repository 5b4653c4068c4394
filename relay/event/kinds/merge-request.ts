/** Merge requests. */
import { count, list, object, text, type Json } from "../../../lib/json.ts";
import type { Fact } from "../activity-facts.ts";
import { branchRef, shortRef } from "../ref.ts";
import { idText } from "./cloud-event.ts";
import { fact } from "./facts.ts";
import { defineKind, payloadOf, type Meta, type RefFacts, type Telling } from "./kind.ts";
import type { Changes, Commit, Label, User, WithProject } from "./payload-parts.ts";
import { rfc3339, secondsBetween, timeOf } from "./times.ts";
import { inPlace, numbered, pastOf, quoted, titleOf } from "./words.ts";

export interface MergeRequestAttributes {
  readonly id: number;
  readonly iid: number;
  readonly title: string;
  readonly description: string | null;
  readonly state: "opened" | "closed" | "locked" | "merged";
  readonly draft: boolean;
  readonly source_branch: string;
  readonly target_branch: string;
  readonly source_project_id: number;
  readonly target_project_id: number;
  readonly author_id: number;
  readonly created_at: string;
  readonly updated_at: string;
  readonly url: string;
  readonly last_commit: Commit;
  readonly labels: readonly Label[];
}

export interface MergeRequestPayload extends WithProject {
  readonly object_kind: "merge_request";
  readonly user: User;
  readonly object_attributes: MergeRequestAttributes & {
    readonly action:
      | "open"
      | "close"
      | "reopen"
      | "update"
      | "approved"
      | "unapproved"
      | "approval"
      | "unapproval"
      | "merge";
    /** Former head; present if an update brought commits. */
    readonly oldrev?: string;
  };
  readonly labels: readonly Label[];
  readonly changes: Changes;
  readonly assignees?: readonly User[];
  readonly reviewers?: readonly User[];
}

/** Its ref is the branch that it goes into. */
function refOf(body: Json): RefFacts {
  const attributes = object(body["object_attributes"]);
  const target = text(attributes["target_branch"]);
  return { ref: target === null ? null : branchRef(target), ...sourceOf(attributes) };
}

/** Where a merge request comes from, as the payloads of several kinds hold it. */
export function sourceOf(request: Json): Pick<RefFacts, "sourceProjectId" | "sourceBranch"> {
  return {
    sourceProjectId: count(request["source_project_id"]),
    sourceBranch: text(request["source_branch"]),
  };
}

function sentence(telling: Telling): string {
  const { meta, who } = telling;
  const target = meta.ref === null ? "" : ` into ${shortRef(meta.ref)}`;
  const which = `${numbered("merge request", "!", meta.iid)}${quoted(meta.title)}`;
  return `${who} ${pastOf(meta.action)} ${which}${target}${inPlace(telling)}`;
}

function activity(meta: Meta, body: Json): Fact[] {
  const attributes = object(body["object_attributes"]);
  const iid = count(attributes["iid"]);
  const of = { key: iid, author: meta.actor };
  switch (meta.action) {
    case "open":
      return fact("opened", of, 1);
    case "merge": {
      const end = timeOf(attributes["merged_at"]) ?? timeOf(attributes["updated_at"]) ?? meta.receivedAt;
      const seconds = secondsBetween(timeOf(attributes["created_at"]), end);
      return fact("merged", { key: iid, author: authorOf({ meta, body, attributes }) }, seconds);
    }
    case "close":
      return fact("closed", of, 1);
    case "approved":
    case "approval":
    case "unapproved":
    case "unapproval":
      return approvalFacts({ meta, body, attributes });
    default:
      return [];
  }
}

interface OfRequest {
  readonly meta: Meta;
  readonly body: Json;
  readonly attributes: Json;
}

/**
 * An approval is a fact of its person, its merge request and its time: the latest word of each person counts, whatever order the
 * events come in. The author's own word is none. GitLab itself withdraws all approvals when commits are pushed, in one event.
 */
function approvalFacts({ meta, body, attributes }: OfRequest): Fact[] {
  const iid = count(attributes["iid"]);
  const at = timeOf(attributes["updated_at"]) ?? 0;
  const of = { key: iid === null ? null : `${iid}@${at}.${meta.receivedAt}`, author: meta.actor };
  const isWithdrawn = meta.action === "unapproved" || meta.action === "unapproval";
  if (isWithdrawn && attributes["system"] === true) return fact("approvalsReset", of, 1);
  const person = count(object(body["user"])["id"]);
  if (person !== null && person === count(attributes["author_id"])) return [];
  return isWithdrawn ? fact("unapproved", of, 1) : fact("approved", of, 1);
}

/** Whose merge request it is, if the payload tells; else who merged it. */
function authorOf({ meta, body, attributes }: OfRequest): string | null {
  const people = [body["user"], ...list(body["assignees"]), ...list(body["reviewers"])].map(object);
  const author = people.find((one) => one["id"] !== undefined && one["id"] === attributes["author_id"]);
  return text(author?.["username"]) ?? meta.actor;
}

export const mergeRequest = defineKind({
  kind: "merge_request",
  payload: payloadOf<MergeRequestPayload>(),
  has: { project: true, path: true, branch: true, labels: true, action: true },
  ref: refOf,
  subject(body) {
    const attributes = object(body["object_attributes"]);
    return { iid: count(attributes["iid"]), title: titleOf(attributes["title"]) };
  },
  sentence,
  activity,
  cloudEvent(_meta, body) {
    const attributes = object(body["object_attributes"]);
    return {
      type: ["merge_request", idText(attributes["action"])],
      subject: idText(attributes["iid"]),
      time: rfc3339(attributes["created_at"]),
    };
  },
});
