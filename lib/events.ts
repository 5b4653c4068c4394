/**
 * The one table of GitLab's webhook events, and the function that reads an event's routing facts out of it.
 *
 * Everything that knows an event by name uses this table: the relay's routing and metrics, the installer's hook flags, the
 * simulator, the generated documentation. Sources: GitLab's pages "Webhook events", "System hooks" and the hooks REST API
 * (attributes of project and group hooks).
 */

export type HookScope = "project" | "group" | "system";

export interface EventRow {
  /** What the event is called here: its `object_kind`, or a name of its own where GitLab sends none. */
  readonly kind: string;
  readonly title: string;
  /** `X-Gitlab-Event` on project and group hooks; a system hook always says `System Hook`. */
  readonly header: string;
  /** Values that `object_kind` takes; empty where the payload has none. */
  readonly objectKinds: readonly string[];
  /** Values that `event_name` or `event_type` takes, where they tell events apart. */
  readonly eventNames: readonly string[];
  /** The hook attribute that switches the event on; null where GitLab always sends it. */
  readonly flag: string | null;
  readonly scopes: readonly HookScope[];
  /** First GitLab version whose hooks API knows the flag, as [major, minor]; null: older than any that is supported. */
  readonly since: readonly [number, number] | null;
}

const projectAndGroup: readonly HookScope[] = ["project", "group"];
const system: readonly HookScope[] = ["system"];

function row(
  kind: string,
  title: string,
  header: string,
  objectKinds: readonly string[],
  eventNames: readonly string[],
  flag: string | null,
  scopes: readonly HookScope[],
  since: readonly [number, number] | null = null,
): EventRow {
  return { kind, title, header, objectKinds, eventNames, flag, scopes, since };
}

export const SYSTEM_HEADER = "System Hook";

/* oxfmt-ignore */
export const EVENTS: readonly EventRow[] = [
  row("push", "Push", "Push Hook", ["push"], ["push"], "push_events", ["project", "group", "system"]),
  row("tag_push", "Tag push", "Tag Push Hook", ["tag_push"], ["tag_push"], "tag_push_events", ["project", "group", "system"]),
  row("issue", "Issue and work item", "Issue Hook", ["issue", "work_item"], ["issue"], "issues_events", projectAndGroup),
  row("confidential_issue", "Confidential issue", "Confidential Issue Hook", ["issue", "work_item"], ["confidential_issue"], "confidential_issues_events", projectAndGroup),
  row("note", "Comment", "Note Hook", ["note"], ["note"], "note_events", projectAndGroup),
  row("confidential_note", "Confidential comment", "Confidential Note Hook", ["note"], ["confidential_note"], "confidential_note_events", projectAndGroup),
  row("merge_request", "Merge request", "Merge Request Hook", ["merge_request"], ["merge_request"], "merge_requests_events", ["project", "group", "system"]),
  row("wiki_page", "Wiki page", "Wiki Page Hook", ["wiki_page"], [], "wiki_page_events", projectAndGroup),
  row("pipeline", "Pipeline", "Pipeline Hook", ["pipeline"], [], "pipeline_events", projectAndGroup),
  row("build", "Job", "Job Hook", ["build"], [], "job_events", projectAndGroup),
  row("deployment", "Deployment", "Deployment Hook", ["deployment"], [], "deployment_events", projectAndGroup),
  row("feature_flag", "Feature flag", "Feature Flag Hook", ["feature_flag"], [], "feature_flag_events", projectAndGroup),
  row("release", "Release", "Release Hook", ["release"], [], "releases_events", projectAndGroup),
  row("milestone", "Milestone", "Milestone Hook", ["milestone"], ["milestone"], "milestone_events", projectAndGroup, [18, 2]),
  row("emoji", "Emoji reaction", "Emoji Hook", ["emoji"], ["award", "revoke"], "emoji_events", projectAndGroup, [16, 2]),
  row("access_token", "Access token expiry", "Resource Access Token Hook", ["access_token"], ["expiring_access_token"], "resource_access_token_events", projectAndGroup, [16, 10]),
  row("deploy_token", "Deploy token expiry", "Resource Deploy Token Hook", ["deploy_token"], ["expiring_deploy_token"], "resource_deploy_token_events", ["project"], [18, 4]),
  row("vulnerability", "Vulnerability", "Vulnerability Hook", ["vulnerability"], [], "vulnerability_events", projectAndGroup, [17, 11]),
  row("member", "Group member", "Member Hook", [], ["user_add_to_group", "user_update_for_group", "user_remove_from_group", "user_access_request_to_group", "user_access_request_denied_for_group"], "member_events", ["group"]),
  row("project", "Project created or destroyed", "Project Hook", [], ["project_create", "project_destroy"], "project_events", ["group"], [17, 6]),
  row("subgroup", "Subgroup created or destroyed", "Subgroup Hook", [], ["subgroup_create", "subgroup_destroy"], "subgroup_events", ["group"]),
  row("system_project", "Project (system)", SYSTEM_HEADER, [], ["project_create", "project_destroy", "project_rename", "project_transfer", "project_update"], null, system),
  row("system_group", "Group (system)", SYSTEM_HEADER, [], ["group_create", "group_destroy", "group_rename"], null, system),
  row("system_user", "User (system)", SYSTEM_HEADER, [], ["user_create", "user_destroy", "user_rename", "user_failed_login"], null, system),
  row("system_member", "Membership (system)", SYSTEM_HEADER, [], ["user_add_to_team", "user_update_for_team", "user_remove_from_team", "user_add_to_group", "user_update_for_group", "user_remove_from_group", "user_access_request_to_group", "user_access_request_to_project", "user_access_request_revoked_for_group", "user_access_request_revoked_for_project"], null, system),
  row("system_key", "Key (system)", SYSTEM_HEADER, [], ["key_create", "key_destroy"], null, system),
  row("system_subscription", "Subscription approval (system)", SYSTEM_HEADER, [], ["gitlab_subscription_member_approval", "gitlab_subscription_member_approvals"], null, system),
  row("repository_update", "Repository update (system)", SYSTEM_HEADER, [], ["repository_update"], "repository_update_events", system),
];

/** Rows that a hook of this level can be subscribed to, that is: rows with a flag. */
export function subscribable(scope: HookScope): readonly (EventRow & { readonly flag: string })[] {
  return EVENTS.filter((r): r is EventRow & { flag: string } => r.flag !== null && r.scopes.includes(scope));
}

const byAnyName = new Map<string, EventRow>();
for (const r of EVENTS) {
  const aliases = [r.kind, r.flag, r.flag?.replace(/_events$/, ""), ...(r.kind === "build" ? ["job"] : [])];
  for (const name of aliases) if (name && !byAnyName.has(name)) byAnyName.set(name, r);
}

/** The row that somebody means by a kind (`merge_request`), a flag (`merge_requests_events`) or its stem (`merge_requests`). */
export function eventByName(name: string): EventRow | undefined {
  return byAnyName.get(name);
}

/** All names under which an event may be asked for in the relay's `events:` filter. */
export const KNOWN_EVENT_NAMES: ReadonlySet<string> = new Set(
  EVENTS.flatMap((r) => [r.kind, ...r.objectKinds, ...r.eventNames]).concat("job"),
);

/** What routing, lists and metrics need of an event. Null means: the payload does not say, or says it in a wrong type. */
export interface EventFacts {
  /** `object_kind`, else `event_name`, else the kind that the header names. */
  readonly kind: string | null;
  /** `event_name`, else `event_type`. */
  readonly eventName: string | null;
  /** The row of the table, by header first, since many group hook payloads have no `object_kind`. */
  readonly row: EventRow | null;
  readonly action: string | null;
  readonly projectId: number | null;
  readonly projectPath: string | null;
  readonly groupId: number | null;
  readonly groupPath: string | null;
  /** Full ref: `refs/heads/...` or `refs/tags/...`; of a merge request its target branch. */
  readonly ref: string | null;
  /** Username of who caused it, else the display name. */
  readonly actor: string | null;
}

type Json = Record<string, unknown>;

function object(value: unknown): Json {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : {};
}

function text(...candidates: unknown[]): string | null {
  for (const c of candidates) if (typeof c === "string" && c !== "") return c;
  return null;
}

/** Ids above 2^53 have lost digits in JSON.parse: no id is better than a wrong one. */
function id(...candidates: unknown[]): number | null {
  for (const c of candidates) if (typeof c === "number" && Number.isSafeInteger(c) && c >= 0) return c;
  return null;
}

function fullRef(ref: string | null, isTag: boolean): string | null {
  if (ref === null || ref.startsWith("refs/")) return ref;
  return `refs/${isTag ? "tags" : "heads"}/${ref}`;
}

const systemRows = EVENTS.filter((r) => r.scopes.includes("system"));
const rowsByHeader = new Map<string, readonly EventRow[]>([[SYSTEM_HEADER, systemRows]]);
for (const r of EVENTS) {
  if (r.header !== SYSTEM_HEADER) rowsByHeader.set(r.header, [...(rowsByHeader.get(r.header) ?? []), r]);
}

function fits(r: EventRow, objectKind: string | null, eventName: string | null): boolean {
  return (
    (eventName !== null && r.eventNames.includes(eventName)) ||
    (objectKind !== null && r.objectKinds.includes(objectKind))
  );
}

function findRow(
  header: string | null,
  objectKind: string | null,
  eventName: string | null,
): EventRow | null {
  const named = (header === null ? undefined : rowsByHeader.get(header)) ?? [];
  for (const r of named) if (fits(r, objectKind, eventName)) return r;
  if (header !== SYSTEM_HEADER && named[0] !== undefined) return named[0];
  for (const r of EVENTS) if (fits(r, objectKind, eventName)) return r;
  return null;
}

/**
 * Reads the facts of one event. Never throws, whatever the payload holds.
 * @param header value of `X-Gitlab-Event`, null where it was not sent
 * @param body the parsed JSON object
 */
export function eventFacts(header: string | null, body: unknown): EventFacts {
  const b = object(body);
  const attributes = object(b["object_attributes"]);
  const project = object(b["project"]);
  const group = object(b["group"]);
  const user = object(b["user"]);
  const objectKind = text(b["object_kind"]);
  const eventName = text(b["event_name"], b["event_type"]);
  const found = findRow(header, objectKind, eventName);
  const isTag = b["tag"] === true || attributes["tag"] === true;
  return {
    kind: objectKind ?? text(b["event_name"]) ?? found?.kind ?? null,
    eventName,
    row: found,
    action: text(
      attributes["action"],
      b["action"],
      attributes["status"],
      b["build_status"],
      b["status"],
      objectKind === "emoji" ? b["event_type"] : null,
    ),
    projectId: id(project["id"], b["project_id"], attributes["project_id"]),
    projectPath: text(
      project["path_with_namespace"],
      b["path_with_namespace"],
      b["project_path_with_namespace"],
    ),
    groupId: id(b["group_id"], group["group_id"], group["id"], attributes["group_id"]),
    groupPath: text(b["full_path"], group["full_path"], b["group_path"]),
    ref: fullRef(text(b["ref"], attributes["ref"], attributes["target_branch"]), isTag),
    actor: text(b["user_username"], user["username"], b["username"], b["user_name"], user["name"]),
  };
}

/** The branch that a ref names; null for tags and for events without a ref. */
export function branchOf(ref: string | null): string | null {
  return ref !== null && ref.startsWith("refs/heads/") ? ref.slice("refs/heads/".length) : null;
}
