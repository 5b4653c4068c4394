/**
 * An event in one sentence: "alice pushed 3 commits to main of acme/shop". Lists know the metadata alone and get the shorter
 * form; an event's own page has the body, too. Whatever the payload lacks is left out; nothing is made up.
 */
import type { EventMeta } from "../event/event.ts";
import { cut } from "../../lib/cut.ts";
import { branchOf } from "../../lib/events.ts";

export type Json = Readonly<Record<string, unknown>>;

/** Characters of a title that are looked at; 80 are shown. */
const MAX_QUOTED = 400;
/** Characters of a sentence: paths and names come from outside. */
const MAX_SENTENCE = 1000;

interface Telling {
  readonly meta: EventMeta;
  readonly body: Json;
  readonly attributes: Json;
  /** Who did it; "someone" where the payload does not say. */
  readonly who: string;
  /** " in acme/shop", or nothing. */
  readonly where: string;
  readonly action: string | null;
}

/** @param body the parsed body; null where it was not loaded or is no JSON object */
export function sentence(meta: EventMeta, body: Json | null): string {
  const given = body ?? {};
  const place = meta.projectPath ?? meta.groupPath ?? placeById(meta);
  const telling: Telling = {
    meta,
    body: given,
    attributes: object(given["object_attributes"]),
    who: meta.actor ?? "someone",
    where: place === null ? "" : ` in ${place}`,
    action: meta.action,
  };
  const byName = meta.eventName === null ? undefined : BY_EVENT_NAME[meta.eventName];
  const tell = (meta.kind === null ? undefined : BY_KIND[meta.kind]) ?? byName ?? other;
  return cut(tell(telling), MAX_SENTENCE);
}

type Tell = (telling: Telling) => string;

const BY_KIND: Readonly<Record<string, Tell>> = {
  push(t) {
    const branch = branchOf(t.meta.ref);
    const to = branch === null ? "" : ` to ${branch}`;
    const of = t.where.replace(/^ in /, " of ");
    if (isNoCommit(t.body["before"])) return `${t.who} created the branch ${branch ?? "(unnamed)"}${of}`;
    if (isNoCommit(t.body["after"])) return `${t.who} deleted the branch ${branch ?? "(unnamed)"}${of}`;
    const commits = number(t.body["total_commits_count"]);
    return `${t.who} pushed${commits === null ? "" : ` ${plural(commits, "commit")}`}${to}${of}`;
  },
  tag_push(t) {
    const tag = t.meta.ref?.replace(/^refs\/tags\//, "") ?? "";
    const verb = isNoCommit(t.body["after"]) ? "deleted" : "pushed";
    return `${t.who} ${verb} the tag ${tag}${t.where}`;
  },
  repository_update: (t) => `${t.who} updated the repository${t.where}`,
  issue: (t) => item(t, itemType(t)),
  work_item: (t) => item(t, itemType(t)),
  merge_request(t) {
    const into = branchOf(t.meta.ref);
    const which = numbered("merge request", "!", t.attributes);
    const title = quoted(t.attributes["title"]);
    const target = into === null ? "" : ` into ${into}`;
    return `${t.who} ${pastOf(t.action, "changed")} ${which}${title}${target}${t.where}`;
  },
  note(t) {
    const type = text(t.attributes["noteable_type"]);
    const on = type === null ? "" : ` on ${NOTEABLE[type] ?? `a ${type}`}`;
    const which = numbered("", type === "MergeRequest" ? "!" : "#", object(t.body[noteableKey(type)]));
    const verb = t.action === "update" ? "edited a comment" : "commented";
    return `${t.who} ${verb}${on}${which}${t.where}`;
  },
  wiki_page: (t) =>
    `${t.who} ${pastOf(t.action, "changed")} the wiki page${quoted(t.attributes["title"])}${t.where}`,
  pipeline(t) {
    const which = numbered("pipeline", "#", { iid: t.attributes["iid"] ?? t.attributes["id"] });
    return `${which} ${stateOf(t.action)}${onRef(t)}${t.where}`;
  },
  build(t) {
    const name = quoted(t.body["build_name"]);
    return `job${name} ${stateOf(t.action)}${onRef(t)}${t.where}`;
  },
  deployment(t) {
    const environment = text(t.body["environment"]);
    return `deployment${environment === null ? "" : ` to ${environment}`} ${stateOf(t.action)}${t.where}`;
  },
  feature_flag(t) {
    const active = t.attributes["active"];
    const verb = active === true ? "switched on" : active === false ? "switched off" : "changed";
    return `${t.who} ${verb} the feature flag${quoted(t.attributes["name"])}${t.where}`;
  },
  release: (t) =>
    `the release${quoted(t.body["name"] ?? t.body["tag"])} was ${pastOf(t.action, "changed")}${t.where}`,
  milestone: (t) =>
    `the milestone${quoted(t.attributes["title"])} was ${pastOf(t.action, "changed")}${t.where}`,
  emoji(t) {
    const name = text(t.attributes["name"]);
    const verb = t.meta.eventName === "revoke" ? "took back" : "reacted with";
    const on = text(t.attributes["awardable_type"]);
    return `${t.who} ${verb} ${name === null ? "an emoji" : `:${name}:`}${on === null ? "" : ` on ${NOTEABLE[on] ?? `a ${on}`}`}${t.where}`;
  },
  access_token: (t) => `the access token${quoted(t.attributes["name"])} is about to expire${t.where}`,
  deploy_token: (t) => `the deploy token${quoted(t.attributes["name"])} is about to expire${t.where}`,
  vulnerability: (t) =>
    `vulnerability${quoted(t.attributes["title"])} ${t.attributes["state"] === undefined ? "changed" : `is ${String(t.attributes["state"])}`}${t.where}`,
};

const member =
  (verb: string): Tell =>
  (t) =>
    `${t.meta.actor ?? "someone"} ${verb}${placeOf(t)}`;

const BY_EVENT_NAME: Readonly<Record<string, Tell>> = {
  user_add_to_group: member("was added to the group"),
  user_update_for_group: member("has another role in the group"),
  user_remove_from_group: member("was removed from the group"),
  user_access_request_to_group: member("asks for access to the group"),
  user_access_request_denied_for_group: member("was denied access to the group"),
  user_access_request_revoked_for_group: member("no longer asks for access to the group"),
  user_add_to_team: member("was added to the project"),
  user_update_for_team: member("has another role in the project"),
  user_remove_from_team: member("was removed from the project"),
  user_access_request_to_project: member("asks for access to the project"),
  user_access_request_revoked_for_project: member("no longer asks for access to the project"),
  project_create: (t) => `the project${placeOf(t)} was created`,
  project_destroy: (t) => `the project${placeOf(t)} was deleted`,
  project_rename: (t) => `the project${formerly(t)} was renamed to${placeOf(t)}`,
  project_transfer: (t) => `the project${formerly(t)} was moved to${placeOf(t)}`,
  project_update: (t) => `the project${placeOf(t)} was changed`,
  subgroup_create: (t) => `the subgroup${placeOf(t)} was created`,
  subgroup_destroy: (t) => `the subgroup${placeOf(t)} was deleted`,
  group_create: (t) => `the group${placeOf(t)} was created`,
  group_destroy: (t) => `the group${placeOf(t)} was deleted`,
  group_rename: (t) => `the group was renamed to${placeOf(t)}`,
  user_create: member("was created as a user"),
  user_destroy: member("was deleted as a user"),
  user_rename: member("has a new username"),
  user_failed_login: member("failed to log in"),
  key_create: member("added an SSH key"),
  key_destroy: member("removed an SSH key"),
  gitlab_subscription_member_approval: member("awaits approval for a seat"),
  gitlab_subscription_member_approvals: member("awaits approval for a seat"),
};

const NOTEABLE: Readonly<Record<string, string>> = {
  MergeRequest: "merge request",
  Issue: "issue",
  WorkItem: "work item",
  Commit: "a commit",
  Snippet: "a snippet",
  Note: "a comment",
};

const PAST: Readonly<Record<string, string>> = {
  open: "opened",
  opened: "opened",
  close: "closed",
  closed: "closed",
  reopen: "reopened",
  update: "updated",
  merge: "merged",
  approved: "approved",
  approval: "added an approval to",
  unapproved: "withdrew the approval of",
  unapproval: "withdrew an approval of",
  create: "created",
  delete: "deleted",
};

const STATE: Readonly<Record<string, string>> = {
  success: "succeeded",
  failed: "failed",
  canceled: "was cancelled",
  canceling: "is being cancelled",
  skipped: "was skipped",
  running: "is running",
  pending: "is pending",
  created: "was created",
  manual: "waits for somebody to start it",
  scheduled: "is scheduled",
  preparing: "is being prepared",
  waiting_for_resource: "waits for a resource",
  blocked: "is blocked",
};

function other(t: Telling): string {
  const name = t.meta.kind ?? t.meta.eventName ?? t.meta.header ?? "unknown";
  const by = t.meta.actor === null ? "" : ` by ${t.meta.actor}`;
  return `event "${name}"${t.action === null ? "" : ` (${t.action})`}${by}${t.where}`;
}

function item(t: Telling, type: string): string {
  const which = numbered(type.toLowerCase(), "#", t.attributes);
  return `${t.who} ${pastOf(t.action, "changed")} ${which}${quoted(t.attributes["title"])}${t.where}`;
}

function itemType(t: Telling): string {
  return text(t.attributes["type"]) ?? (t.meta.kind === "work_item" ? "work item" : "issue");
}

function noteableKey(type: string | null): string {
  return type === null ? "" : type.replace(/(?<=[a-z])(?=[A-Z])/g, "_").toLowerCase();
}

function pastOf(action: string | null, fallback: string): string {
  return action === null ? fallback : (PAST[action] ?? fallback);
}

function stateOf(state: string | null): string {
  return state === null ? "changed" : (STATE[state] ?? `is ${state.replaceAll("_", " ")}`);
}

function onRef(t: Telling): string {
  const name = t.meta.ref?.replace(/^refs\/(heads|tags)\//, "");
  return name === undefined ? "" : ` on ${name}`;
}

function placeOf(t: Telling): string {
  return t.where.replace(/^ in /, " ");
}

function formerly(t: Telling): string {
  const old = text(t.body["old_path_with_namespace"]);
  return old === null ? "" : ` ${old}`;
}

function placeById(meta: EventMeta): string | null {
  if (meta.projectId !== null) return `project ${meta.projectId}`;
  return meta.groupId === null ? null : `group ${meta.groupId}`;
}

function numbered(noun: string, sign: string, from: Json): string {
  const iid = number(from["iid"]);
  const label = iid === null ? "" : `${sign}${iid}`;
  return noun === ""
    ? label === ""
      ? ""
      : ` ${label}`
    : label === ""
      ? `a ${noun}`.replace(/^a (?=[aeiou])/, "an ")
      : `${noun} ${label}`;
}

function quoted(value: unknown): string {
  const found = text(value);
  if (found === null) return "";
  const line = found.slice(0, MAX_QUOTED).replace(/\s+/g, " ");
  return ` “${line.length > 80 ? `${line.slice(0, 79)}…` : line}”`;
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

function isNoCommit(value: unknown): boolean {
  return typeof value === "string" && /^0{40,64}$/.test(value);
}

function object(value: unknown): Json {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : {};
}

function text(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

function number(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}
