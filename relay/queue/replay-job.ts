/**
 * Replay jobs: a set of stored events that is delivered again bit by bit. What a job is, and what a storage driver keeps of it and
 * does for it. relay/replay/ decides when.
 *
 * A job has a part for each of its targets, and each part goes through the events from the oldest to the newest by a cursor of its
 * own: a target that takes nothing holds up no other. The cursor is written in one step with the deliveries that it stands for, so a
 * crash at any moment leaves every event either queued and behind the cursor, or neither.
 *
 *   running -> paused, paused -> running
 *   running, paused -> cancelled      what is queued already goes out
 *   running -> done                   every part is at its end, and what it queued has ended
 *
 * Which events belong to a job is fixed when it is made: those that fit the filter and were stored by then. Which of their deliveries
 * have failed is looked up when their turn comes.
 */
import type { EventFilter, Queue } from "./queue.ts";

export type ReplayState = "running" | "paused" | "done" | "cancelled";

/** What is delivered again, and to whom. */
export interface ReplaySet {
  readonly filter: EventFilter;
  /** To exactly these; null: the deliveries in the filter's state, `dead` by default, to the targets that they are for. */
  readonly targets: readonly string[] | null;
  /** Id of the newest event that belongs to the set; null: none does. */
  readonly upTo: string | null;
}

export interface ReplayCount {
  readonly events: number;
  readonly deliveries: number;
  readonly byTarget: Readonly<Record<string, number>>;
  /** False: counting took too long, and there are at least so many. */
  readonly isWhole: boolean;
}

/** What a job was made with; never changes. */
export interface ReplayPlan extends ReplaySet {
  readonly id: string;
  /** Wall clock, milliseconds. */
  readonly createdAt: number;
  /** Name of the person who asked for it. */
  readonly createdBy: string;
  /** Deliveries queued per second at most; null: as fast as the targets take them. */
  readonly ratePerSecond: number | null;
  /** What fitted when the job was made. */
  readonly expected: ReplayCount;
  /** Targets of its parts, each once. */
  readonly parts: readonly string[];
}

/** How far a job is with one target. */
export interface ReplayPart {
  readonly target: string;
  /** Id of the last event that was looked at; null: it has not begun. */
  readonly cursor: string | null;
  /** Nothing is left to queue. */
  readonly isScanned: boolean;
  /** Deliveries queued so far. */
  readonly queued: number;
  /** Of these: taken by the target, dead again, removed with their event or moved away; the rest is open. */
  readonly delivered: number;
  readonly failed: number;
  readonly gone: number;
  /** Events that were removed right before they were queued. */
  readonly missed: number;
}

export interface ReplayJob {
  readonly plan: ReplayPlan;
  readonly state: ReplayState;
  /** Wall clock, milliseconds; null: it is running or paused. */
  readonly endedAt: number | null;
  /** In the order of the plan. */
  readonly parts: readonly ReplayPart[];
}

/** What of a part is not over. */
export interface OpenReplays {
  readonly open: number;
  /** Of these: never tried so far, so that they wait in line with what has just arrived. */
  readonly untried: number;
}

export interface ReplayStep {
  readonly job: ReplayJob;
  readonly part: ReplayPart;
  /** Most deliveries to queue. */
  readonly limit: number;
  readonly lease: ReplayLease;
}

export interface Stepped {
  /** Deliveries that were queued. */
  readonly queued: number;
  /** Whether the part has come further: it may have looked at events of which none fits. */
  readonly hasMoved: boolean;
}

/** The right to carry out jobs, which one relay of a storage has at a time. */
export interface ReplayLease {
  readonly holder: string;
  /** False: it is another relay's now. Rejects with an UpstreamError if the storage is out of reach. */
  renew(): Promise<boolean>;
  release(): Promise<void>;
}

/** Methods reject with an UpstreamError if the storage is out of reach. What resolves is durable as a webhook is, unless it says otherwise. */
export interface ReplayJobs {
  /** Counts what a set holds now, for `budgetMs` at most. */
  count(set: ReplaySet, budgetMs: number): Promise<ReplayCount>;
  /** Id of the newest event; null: none is stored. */
  newestEvent(): Promise<string | null>;
  /** Keeps a job, which is running from now on. */
  create(plan: ReplayPlan): Promise<void>;
  /** Newest first. */
  list(): Promise<readonly ReplayJob[]>;
  /** Those that are running or paused, oldest first. */
  active(): Promise<readonly ReplayJob[]>;
  get(id: string): Promise<ReplayJob | null>;
  /** Puts a job that is in one of the states `from` into another one; false: there is no such job. @param at wall clock */
  change(id: string, from: readonly ReplayState[], to: ReplayState, at: number): Promise<boolean>;
  /** Forgets a job. */
  remove(id: string): Promise<void>;
  /** Null: another relay has it. Without renewal it ends after so many milliseconds. */
  lease(ttlMs: number): Promise<ReplayLease | null>;
  /** Notes which of the queued deliveries have ended. Not durable at once: after a crash they are noted again. */
  follow(job: ReplayJob, target: string): Promise<OpenReplays>;
  /**
   * Queues the next deliveries of a part, oldest event first, and moves its cursor, all in one step. Null, and nothing was changed, if
   * the job is not running, the part is not at the cursor of `part`, or the lease is another relay's. Looks for events for a bounded
   * time. Leaves the part alone as long as its target is not in the settings.
   */
  step(step: ReplayStep): Promise<Stepped | null>;
}

/** A queue with the replay jobs of its storage: what a driver opens. */
export interface ReplayQueue extends Queue {
  readonly replayJobs: ReplayJobs;
}
