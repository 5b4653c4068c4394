/**
 * GitLab's events as types: a union told apart by `kind`, the first column of the table in lib/events.ts. They name what GitLab
 * documents; payloads hold more, and what a hook of an old GitLab or a custom template lacks is missing at run time as well.
 */

export interface User {
  readonly id: number;
  readonly name: string;
  readonly username: string;
  readonly avatar_url: string | null;
  /** `[REDACTED]` where the user shows none. */
  readonly email: string;
}

export interface Project {
  readonly id: number;
  readonly name: string;
  readonly description: string | null;
  readonly web_url: string;
  readonly git_ssh_url: string;
  readonly git_http_url: string;
  readonly namespace: string;
  /** 0 private, 10 internal, 20 public. */
  readonly visibility_level: number;
  readonly path_with_namespace: string;
  readonly default_branch: string;
}

export interface Label {
  readonly id: number;
  readonly title: string;
  readonly color: string;
  readonly description: string | null;
  readonly type: "ProjectLabel" | "GroupLabel";
}

export interface Commit {
  readonly id: string;
  readonly message: string;
  readonly title: string;
  readonly timestamp: string;
  readonly url: string;
  readonly author: { readonly name: string; readonly email: string };
}

export interface PushCommit extends Commit {
  readonly added: readonly string[];
  readonly modified: readonly string[];
  readonly removed: readonly string[];
}

/** What changed, by attribute. */
export type Changes = Readonly<Record<string, { readonly previous: unknown; readonly current: unknown }>>;

type More = Readonly<Record<string, unknown>>;

interface WithProject {
  readonly project: Project;
}

export interface PushPayload extends WithProject {
  readonly object_kind: "push" | "tag_push";
  readonly before: string;
  readonly after: string;
  readonly ref: string;
  readonly ref_protected: boolean;
  /** Null where the ref was deleted. */
  readonly checkout_sha: string | null;
  readonly user_id: number;
  readonly user_name: string;
  readonly user_username: string;
  readonly project_id: number;
  /** The newest 20 at most. */
  readonly commits: readonly PushCommit[];
  readonly total_commits_count: number;
}

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
    /** Former head; where an update brought commits. */
    readonly oldrev?: string;
  };
  readonly labels: readonly Label[];
  readonly changes: Changes;
  readonly assignees?: readonly User[];
  readonly reviewers?: readonly User[];
}

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

export interface WikiPagePayload extends WithProject {
  readonly object_kind: "wiki_page";
  readonly user: User;
  readonly object_attributes: {
    readonly title: string;
    readonly slug: string;
    readonly content: string;
    readonly url: string;
    readonly action: "create" | "update" | "delete";
  };
}

export type PipelineStatus =
  | "created"
  | "waiting_for_resource"
  | "preparing"
  | "pending"
  | "running"
  | "success"
  | "failed"
  | "canceling"
  | "canceled"
  | "skipped"
  | "manual"
  | "scheduled";

export interface PipelinePayload extends WithProject {
  readonly object_kind: "pipeline";
  readonly user: User;
  readonly object_attributes: {
    readonly id: number;
    readonly iid: number;
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

export interface JobPayload extends WithProject {
  readonly object_kind: "build";
  readonly user: User;
  readonly project_id: number;
  readonly pipeline_id: number;
  readonly ref: string;
  readonly tag: boolean;
  readonly sha: string;
  readonly build_id: number;
  readonly build_name: string;
  readonly build_stage: string;
  readonly build_status: PipelineStatus;
  readonly build_duration: number | null;
  readonly build_failure_reason: string;
  readonly build_allow_failure: boolean;
  readonly retries_count: number;
}

export interface DeploymentPayload extends WithProject {
  readonly object_kind: "deployment";
  readonly user: User;
  readonly status: "running" | "success" | "failed" | "canceled" | "blocked";
  readonly status_changed_at: string;
  readonly deployment_id: number;
  readonly environment: string;
  readonly ref: string;
  readonly short_sha: string;
  readonly commit_url: string;
}

export interface ReleasePayload extends WithProject {
  readonly object_kind: "release";
  readonly id: number;
  readonly name: string;
  readonly tag: string;
  readonly description: string;
  readonly url: string;
  readonly action: "create" | "update" | "delete";
  readonly released_at: string;
  readonly commit: Commit;
}

/** An event of one kind; facts that the payload does not say are null. */
export interface EventOf<Kind extends string, Payload> {
  readonly kind: Kind;
  /** The relay's id; the same in every attempt. */
  readonly id: string;
  readonly action: string | null;
  readonly project: { readonly id: number | null; readonly path: string | null };
  readonly group: { readonly id: number | null; readonly path: string | null };
  readonly ref: string | null;
  readonly branch: string | null;
  /** Username of who caused it. */
  readonly actor: string | null;
  /** ISO 8601. */
  readonly receivedAt: string;
  /** GitLab's own headers, names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly payload: Payload;
}

/** Kinds whose payloads are not described further. */
export type OtherKind =
  | "feature_flag"
  | "milestone"
  | "emoji"
  | "access_token"
  | "deploy_token"
  | "vulnerability"
  | "member"
  | "project"
  | "subgroup"
  | "system_project"
  | "system_group"
  | "system_user"
  | "system_member"
  | "system_key"
  | "system_subscription"
  | "repository_update"
  | "unknown";

export type GitLabEvent =
  | EventOf<"push", PushPayload>
  | EventOf<"tag_push", PushPayload>
  | EventOf<"merge_request", MergeRequestPayload>
  | EventOf<"issue" | "confidential_issue", IssuePayload>
  | EventOf<"note" | "confidential_note", NotePayload>
  | EventOf<"wiki_page", WikiPagePayload>
  | EventOf<"pipeline", PipelinePayload>
  | EventOf<"build", JobPayload>
  | EventOf<"deployment", DeploymentPayload>
  | EventOf<"release", ReleasePayload>
  | EventOf<OtherKind, More>;
