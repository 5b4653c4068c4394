/**
 * GitLab's webhook events: their names, and the hook attributes that switch them on.
 *
 * The relay's routing and metrics, the installer, the simulator and the generated documentation take names from this table. What
 * the relay knows of a kind beyond its names stands in relay/event/kinds/. Sources: GitLab's pages "Webhook events" and "System
 * hooks", and the hooks REST API (attributes of project and group hooks).
 */

export type HookScope = "project" | "group" | "system";

export interface EventRow {
  /** What the event is called here: its `object_kind`, or its own name if GitLab sends none. */
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

export const SYSTEM_HEADER = "System Hook";

/* oxfmt-ignore */
export const EVENTS: readonly EventRow[] = [
  { kind: "push", title: "Push", header: "Push Hook", objectKinds: ["push"], eventNames: ["push"], flag: "push_events", scopes: ["project", "group", "system"], since: null },
  { kind: "tag_push", title: "Tag push", header: "Tag Push Hook", objectKinds: ["tag_push"], eventNames: ["tag_push"], flag: "tag_push_events", scopes: ["project", "group", "system"], since: null },
  { kind: "issue", title: "Issue and work item", header: "Issue Hook", objectKinds: ["issue", "work_item"], eventNames: ["issue"], flag: "issues_events", scopes: projectAndGroup, since: null },
  { kind: "confidential_issue", title: "Confidential issue", header: "Confidential Issue Hook", objectKinds: ["issue", "work_item"], eventNames: ["confidential_issue", "confidential_work_item"], flag: "confidential_issues_events", scopes: projectAndGroup, since: null },
  { kind: "note", title: "Comment", header: "Note Hook", objectKinds: ["note"], eventNames: ["note"], flag: "note_events", scopes: projectAndGroup, since: null },
  { kind: "confidential_note", title: "Confidential comment", header: "Confidential Note Hook", objectKinds: ["note"], eventNames: ["confidential_note"], flag: "confidential_note_events", scopes: projectAndGroup, since: null },
  { kind: "merge_request", title: "Merge request", header: "Merge Request Hook", objectKinds: ["merge_request"], eventNames: ["merge_request"], flag: "merge_requests_events", scopes: ["project", "group", "system"], since: null },
  { kind: "wiki_page", title: "Wiki page", header: "Wiki Page Hook", objectKinds: ["wiki_page"], eventNames: [], flag: "wiki_page_events", scopes: projectAndGroup, since: null },
  { kind: "pipeline", title: "Pipeline", header: "Pipeline Hook", objectKinds: ["pipeline"], eventNames: [], flag: "pipeline_events", scopes: projectAndGroup, since: null },
  { kind: "build", title: "Job", header: "Job Hook", objectKinds: ["build"], eventNames: [], flag: "job_events", scopes: projectAndGroup, since: null },
  { kind: "deployment", title: "Deployment", header: "Deployment Hook", objectKinds: ["deployment"], eventNames: [], flag: "deployment_events", scopes: projectAndGroup, since: null },
  { kind: "feature_flag", title: "Feature flag", header: "Feature Flag Hook", objectKinds: ["feature_flag"], eventNames: [], flag: "feature_flag_events", scopes: projectAndGroup, since: null },
  { kind: "release", title: "Release", header: "Release Hook", objectKinds: ["release"], eventNames: [], flag: "releases_events", scopes: projectAndGroup, since: null },
  { kind: "milestone", title: "Milestone", header: "Milestone Hook", objectKinds: ["milestone"], eventNames: ["milestone"], flag: "milestone_events", scopes: projectAndGroup, since: [18, 2] },
  { kind: "emoji", title: "Emoji reaction", header: "Emoji Hook", objectKinds: ["emoji"], eventNames: ["award", "revoke"], flag: "emoji_events", scopes: projectAndGroup, since: [16, 2] },
  { kind: "access_token", title: "Access token expiry", header: "Resource Access Token Hook", objectKinds: ["access_token"], eventNames: ["expiring_access_token"], flag: "resource_access_token_events", scopes: projectAndGroup, since: [16, 10] },
  { kind: "deploy_token", title: "Deploy token expiry", header: "Resource Deploy Token Hook", objectKinds: ["deploy_token"], eventNames: ["expiring_deploy_token"], flag: "resource_deploy_token_events", scopes: ["project"], since: [18, 4] },
  { kind: "vulnerability", title: "Vulnerability", header: "Vulnerability Hook", objectKinds: ["vulnerability"], eventNames: [], flag: "vulnerability_events", scopes: projectAndGroup, since: [17, 11] },
  { kind: "member", title: "Group member", header: "Member Hook", objectKinds: [], eventNames: ["user_add_to_group", "user_update_for_group", "user_remove_from_group", "user_access_request_to_group", "user_access_request_denied_for_group"], flag: "member_events", scopes: ["group"], since: null },
  { kind: "project", title: "Project created or destroyed", header: "Project Hook", objectKinds: [], eventNames: ["project_create", "project_destroy"], flag: "project_events", scopes: ["group"], since: [17, 6] },
  { kind: "subgroup", title: "Subgroup created or destroyed", header: "Subgroup Hook", objectKinds: [], eventNames: ["subgroup_create", "subgroup_destroy"], flag: "subgroup_events", scopes: ["group"], since: null },
  { kind: "system_project", title: "Project (system)", header: SYSTEM_HEADER, objectKinds: [], eventNames: ["project_create", "project_destroy", "project_rename", "project_transfer", "project_update"], flag: null, scopes: system, since: null },
  { kind: "system_group", title: "Group (system)", header: SYSTEM_HEADER, objectKinds: [], eventNames: ["group_create", "group_destroy", "group_rename"], flag: null, scopes: system, since: null },
  { kind: "system_user", title: "User (system)", header: SYSTEM_HEADER, objectKinds: [], eventNames: ["user_create", "user_destroy", "user_rename", "user_failed_login"], flag: null, scopes: system, since: null },
  { kind: "system_member", title: "Membership (system)", header: SYSTEM_HEADER, objectKinds: [], eventNames: ["user_add_to_team", "user_update_for_team", "user_remove_from_team", "user_add_to_group", "user_update_for_group", "user_remove_from_group", "user_access_request_to_group", "user_access_request_to_project", "user_access_request_revoked_for_group", "user_access_request_revoked_for_project"], flag: null, scopes: system, since: null },
  { kind: "system_key", title: "Key (system)", header: SYSTEM_HEADER, objectKinds: [], eventNames: ["key_create", "key_destroy"], flag: null, scopes: system, since: null },
  { kind: "system_subscription", title: "Subscription approval (system)", header: SYSTEM_HEADER, objectKinds: [], eventNames: ["gitlab_subscription_member_approval", "gitlab_subscription_member_approvals"], flag: null, scopes: system, since: null },
  { kind: "repository_update", title: "Repository update (system)", header: SYSTEM_HEADER, objectKinds: [], eventNames: ["repository_update"], flag: "repository_update_events", scopes: system, since: null },
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
