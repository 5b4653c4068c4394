/**
 * Parts of the payloads that GitLab documents. Payloads hold more, and what a hook of an old GitLab or a custom template lacks is
 * missing at run time as well.
 */

export interface User {
  readonly id: number;
  readonly name: string;
  readonly username: string;
  readonly avatar_url: string | null;
  /** `[REDACTED]` for a user who shows none. */
  readonly email: string;
}

export interface PayloadProject {
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

/** What changed, by attribute. */
export type Changes = Readonly<Record<string, { readonly previous: unknown; readonly current: unknown }>>;

/** A payload, or a part of one, that is not described further. */
export type More = Readonly<Record<string, unknown>>;

export interface WithProject {
  readonly project: PayloadProject;
}

/** Status of a pipeline or job. */
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
