/**
 * What one event says about the work, as facts with a name of their own: "commit 1f3a of alice touched 3 files". Adding a fact
 * twice changes nothing, whatever the order: so replays, crashes and two hooks of one project count once. Types alone; the kinds of
 * events say which facts they hold, relay/observe/activity/ keeps and adds them up.
 */

/** What the value of a fact is, by its type. The key names the thing within its project. */
export interface FactValues {
  /**
   * key: beginning of the SHA. Files added, modified, removed; hour of the day as the author's clock showed it; how sure it is who
   * the author is (facts of 0.1.0 lack it).
   */
  readonly commit: readonly [
    added: number,
    modified: number,
    removed: number,
    hour: number,
    certainty?: Certainty,
  ];
  /** key: beginning of the SHA. Beginning of the SHA of the commit before it. */
  readonly older: string;
  /** key: beginning of the SHA of the oldest commit that a push lists, and how many it has before that one: `1f3a+30`. */
  readonly unlisted: number;
  /** key: ref and commits of the push; of 0.1.0: the event. Branch, and commits that the payload does not list (0.1.0; now 0). */
  readonly push: readonly [branch: string, unlisted: number];
  /** key: merge request. */
  readonly opened: 1;
  /** key: merge request. Seconds from creation to merge; null if the payload does not say. */
  readonly merged: number | null;
  readonly closed: 1;
  /** key: merge request and time, `17@<milliseconds>`; of 0.1.0: merge request. An approval by somebody other than its author. */
  readonly approved: 1;
  /** key: as of an approval. It was withdrawn. */
  readonly unapproved: 1;
  /** key: as of an approval. All approvals of the merge request were withdrawn, as GitLab does when commits are pushed to it. */
  readonly approvalsReset: 1;
  /** key: comment. On somebody else's merge request, which is the value. */
  readonly reviewed: number;
  readonly issueOpened: 1;
  /** key: issue. Seconds from creation to close. */
  readonly issueClosed: number | null;
  /** key: pipeline. */
  readonly pipeline: readonly [status: "success" | "failed" | "canceled", seconds: number | null];
  /** key: job. Its name. */
  readonly failedJob: string;
  /** key: deployment. */
  readonly deployed: "success" | "failed";
}

/** Who the author of a commit is: 0 by name, 1 by e-mail address, 2 by username. */
export type Certainty = 0 | 1 | 2;

export type FactType = keyof FactValues;

export interface Fact<T extends FactType = FactType> {
  readonly type: T;
  /** Null: the event itself, whose id is given later. */
  readonly key: string | null;
  /** Username if it is known, else e-mail address or name; null if the payload says nothing. */
  readonly author: string | null;
  readonly value: FactValues[T];
}

/** The facts of one event. */
export interface ActivityFacts {
  /** UTC day of receipt, such as 2026-01-31. */
  readonly day: string;
  readonly project: string;
  readonly facts: readonly Fact[];
}
