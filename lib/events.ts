/**
 * GitLab's webhook events: their names, and the hook attributes that switch them on.
 *
 * The relay's routing and metrics, the installer, the simulator and the generated documentation take names from this table. What
 * the relay knows of a kind beyond its names stands in relay/event/kinds/. Sources: GitLab's pages "Webhook events" and "System
 * hooks", and the hooks REST API (attributes of project and group hooks).
 */

export type HookScope = "project" | "group" | "system";

export interface EventRow {
  /** What the event is called here: its `object_kind`, or a name of its own if GitLab sends none. */
  readonly kind: string;
  readonly title: string;
  /** `X-Gitlab-Event` on project and group hooks; a system hook always says `System Hook`. */
  readonly header: string;
  /** Values that `object_kind` takes; empty if the payload has none. */
  readonly objectKinds: readonly string[];
  /** Values that `event_name` or `event_type` takes, if they tell events apart. */
  readonly eventNames: readonly string[];
  /** The hook attribute that switches the event on; null if GitLab always sends it. */
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
  row("confidential_issue", "Confidential issue", "Confidential Issue Hook", ["issue", "work_item"], ["confidential_issue", "confidential_work_item"], "confidential_issues_events", projectAndGroup),
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
for (const r of EVENTS)
  for (const name of [...r.objectKinds, ...r.eventNames]) if (!byAnyName.has(name)) byAnyName.set(name, r);

/**
 * The row that a name means: a kind (`merge_request`), a flag (`merge_requests_events`), its stem (`merge_requests`), or a value
 * of `object_kind`, `event_name` or `event_type` (`work_item`).
 */
export function eventByName(name: string): EventRow | undefined {
  return byAnyName.get(name);
}

/** All names under which an event may be asked for in the relay's `events:` filter. */
export const KNOWN_EVENT_NAMES: ReadonlySet<string> = new Set(
  EVENTS.flatMap((r) => [r.kind, ...r.objectKinds, ...r.eventNames]).concat("job"),
);

/** How an event names itself. */
export interface EventNames {
  /** `X-Gitlab-Event`; null if it was not sent. */
  readonly header: string | null;
  /** `object_kind`, else `event_name`, else the kind that the header names. */
  readonly kind: string | null;
  /** `event_name`, else `event_type`. */
  readonly eventName: string | null;
}

const rowsByHeader = new Map<string, readonly EventRow[]>();
for (const r of EVENTS) {
  for (const header of new Set([r.header, ...(r.scopes.includes("system") ? [SYSTEM_HEADER] : [])]))
    rowsByHeader.set(header, [...(rowsByHeader.get(header) ?? []), r]);
}

function fitsKind(r: EventRow, kind: string | null): boolean {
  return kind !== null && (r.objectKinds.includes(kind) || r.eventNames.includes(kind));
}

function fitsName(r: EventRow, eventName: string | null): boolean {
  return eventName !== null && r.eventNames.includes(eventName);
}

/** By its kind, among several of that kind by its name as well. */
function rowOfKind(rows: readonly EventRow[], { kind, eventName }: EventNames): EventRow | null {
  let first: EventRow | null = null;
  for (const r of rows) {
    if (!fitsKind(r, kind)) continue;
    if (fitsName(r, eventName)) return r;
    first ??= r;
  }
  return first;
}

/** The row that the header stands for by itself. A system hook says the same of every event. */
function rowOfHeader(header: string | null): EventRow | null {
  return header === null || header === SYSTEM_HEADER ? null : (rowsByHeader.get(header)?.[0] ?? null);
}

/**
 * The row of an event. What the payload says of its kind counts most; the header chooses among rows of one kind, and stands for the
 * kind of a payload that says nothing, as many payloads of group hooks have no `object_kind`. Null for an event that the table does
 * not have.
 */
export function eventRow(names: EventNames): EventRow | null {
  const { header, eventName } = names;
  const allowed = header === null ? [] : (rowsByHeader.get(header) ?? []);
  return (
    rowOfKind(allowed, names) ??
    rowOfKind(EVENTS, names) ??
    allowed.find((r) => fitsName(r, eventName)) ??
    EVENTS.find((r) => fitsName(r, eventName)) ??
    rowOfHeader(header)
  );
}

/**
 * All names that an event goes by in a rule. An event can be two things: a confidential task is `issue`, `work_item`,
 * `confidential_issue` and `confidential_work_item`.
 */
export function namesOf(names: EventNames): ReadonlySet<string> {
  const all = new Set<string>();
  const add = (name: string | null | undefined): void => {
    if (name !== null && name !== undefined) all.add(name);
  };
  const found = eventRow(names);
  add(names.kind);
  add(names.eventName);
  add(found?.kind);
  add(rowOfHeader(names.header)?.kind);
  if (found !== null && found.kind.startsWith(CONFIDENTIAL)) {
    add(found.kind.slice(CONFIDENTIAL.length));
    if (names.kind !== null && found.objectKinds.includes(names.kind)) add(`${CONFIDENTIAL}${names.kind}`);
  }
  return all;
}

const CONFIDENTIAL = "confidential_";
