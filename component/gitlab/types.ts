/** What the installer reads of GitLab's answers; everything else in them is left alone. */

export type Level = "project" | "group";

/** Where a hook may hang: the instance's own are GitLab's system hooks. */
export type HookLevel = Level | "instance";

/** Where a hook hangs. */
export interface HookPlace {
  readonly level: HookLevel;
  /** As of a Place; of no meaning for the instance. */
  readonly id: number | string;
  readonly path: string;
}

/** A project or a group. */
export interface Place extends HookPlace {
  readonly level: Level;
  /** Always the number: a path may change during a run. Of a group whose number is not known yet, the path. */
  readonly id: number | string;
  readonly path: string;
}

export interface Project {
  readonly id: number;
  readonly path_with_namespace: string;
  readonly topics: readonly string[];
}

/** A project as the long form of a listing shows it: says why it was left out. */
export interface ProjectDetails extends Project {
  readonly archived: boolean;
  readonly deletionScheduled: boolean;
  /** Wall clock of GitLab, milliseconds: when it was made, or changed in itself, as by archiving or a transfer; null: not told. */
  readonly changedAt: number | null;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** Number of the next page; null: this is the last. */
  readonly next: number | null;
  /** Records on all pages; null: GitLab does not say (above 10,000). */
  readonly total: number | null;
}

/** A hook as GitLab shows it: which attributes there are depends on its version, so they stay a record. */
export interface Hook {
  readonly id: number;
  readonly url: string;
  readonly [attribute: string]: unknown;
}

/** What is sent of a hook, in GitLab's own names. */
export type HookBody = Readonly<Record<string, unknown>>;
