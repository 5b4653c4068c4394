/**
 * Makes replay jobs, and pauses, resumes and cancels them, for the API and the pages alike. The runner carries them out, here or in
 * another relay of the same storage.
 */
import { randomBytes } from "node:crypto";
import type { Clock } from "../../lib/clock.ts";
import type { Log } from "../../lib/log.ts";
import { UnknownTargetError } from "../queue/errors.ts";
import type { EventFilter } from "../queue/queue.ts";
import type { ReplayCount, ReplayJob, ReplayJobs, ReplayPlan, ReplaySet } from "../queue/replay-job.ts";
import { CHANGES, countText, type ReplayChange } from "./progress.ts";

/** Jobs that may be running or paused at a time. */
export const MAX_ACTIVE = 20;
/** How long a request may count. */
const COUNT_MS = 5000;

/** What a person asks for. */
export interface ReplayOrder {
  readonly filter: EventFilter;
  /** To exactly these; null: the deliveries that failed, or are in the filter's state, to the targets that they are for. */
  readonly targets: readonly string[] | null;
  /** @default null: as fast as the targets take them */
  readonly ratePerSecond?: number | null;
}

/** There are as many jobs as may be at a time. */
export class TooManyReplaysError extends Error {
  override readonly name = "TooManyReplaysError";
  readonly code = "too-many-replays";

  constructor() {
    super(`${MAX_ACTIVE} replay jobs are running or paused, which is the limit; wait for one, or cancel one`);
  }
}

/** A job is in a state that the change does not begin from. */
export class ReplayStateError extends Error {
  override readonly name = "ReplayStateError";
  readonly code = "replay-state";

  constructor(job: ReplayJob, change: ReplayChange) {
    super(`Cannot ${change} replay job ${job.plan.id}: it is ${job.state}`);
  }
}

export interface StartedReplay {
  readonly matched: ReplayCount;
  readonly job: ReplayJob | null;
}

export interface ReplayDesk {
  /**
   * Counts what such a job would deliver. Rejects with an UnknownTargetError.
   * @param budgetMs of counting, at most. @default COUNT_MS
   */
  preview(order: ReplayOrder, budgetMs?: number): Promise<ReplayCount>;
  /**
   * Counts what the job would deliver, and makes it; null: nothing fits, and there is no job. Durable when it resolves. Rejects with an
   * UnknownTargetError or a TooManyReplaysError.
   */
  start(order: ReplayOrder, createdBy: string): Promise<StartedReplay>;
  /** Newest first. */
  list(): Promise<readonly ReplayJob[]>;
  get(id: string): Promise<ReplayJob | null>;
  /** A job that is there already stays so. Null: there is no such job. Rejects with a ReplayStateError. */
  change(id: string, change: ReplayChange): Promise<ReplayJob | null>;
}

export interface ReplayDeskDeps {
  readonly jobs: ReplayJobs;
  readonly clock: Pick<Clock, "now">;
  readonly log: Log;
  /** Names of the targets that there are. */
  readonly targets: () => readonly string[];
  /** Told that there is something to do. */
  readonly wake: () => void;
}

export function createReplayDesk({ jobs, clock, log, targets, wake }: ReplayDeskDeps): ReplayDesk {
  async function setOf({ filter, targets: wanted }: ReplayOrder): Promise<ReplaySet> {
    const named = wanted ?? (filter.target === undefined ? [] : [filter.target]);
    const unknown = named.find((name) => !targets().includes(name));
    if (unknown !== undefined) throw new UnknownTargetError(unknown);
    return { filter, targets: wanted, upTo: await jobs.newestEvent() };
  }

  async function create(
    set: ReplaySet,
    asked: Pick<ReplayPlan, "createdBy" | "ratePerSecond" | "expected">,
  ): Promise<ReplayJob> {
    const createdAt = clock.now();
    const plan: ReplayPlan = {
      ...set,
      ...asked,
      id: `${createdAt.toString(36)}-${randomBytes(5).toString("hex")}`,
      createdAt,
      parts: partsOf(set, asked.expected, targets()),
    };
    await jobs.create(plan);
    log.info("replay.started", {
      job: plan.id,
      person: plan.createdBy,
      filter: plan.filter,
      targets: plan.targets,
      text: countText(plan.expected),
    });
    wake();
    const made = await jobs.get(plan.id);
    return made as ReplayJob;
  }

  return {
    preview: async (order, budgetMs = COUNT_MS) => jobs.count(await setOf(order), budgetMs),

    async start(order, createdBy) {
      const set = await setOf(order);
      const matched = await jobs.count(set, COUNT_MS);
      if (matched.isWhole && matched.deliveries === 0) return { matched, job: null };
      if ((await jobs.active()).length >= MAX_ACTIVE) throw new TooManyReplaysError();
      const asked = { createdBy, ratePerSecond: order.ratePerSecond ?? null, expected: matched };
      return { matched, job: await create(set, asked) };
    },

    list: () => jobs.list(),
    get: (id) => jobs.get(id),

    async change(id, change) {
      const { from, to } = CHANGES[change];
      const changed = await jobs.change(id, from, to, clock.now());
      const job = await jobs.get(id);
      if (job === null) return null;
      if (!changed && job.state !== to) throw new ReplayStateError(job, change);
      if (changed) tell(log, change, id);
      wake();
      return job;
    },
  };
}

function tell(log: Log, change: ReplayChange, job: string): void {
  switch (change) {
    case "pause":
      log.info("replay.paused", { job });
      break;
    case "resume":
      log.info("replay.resumed", { job });
      break;
    case "cancel":
      log.info("replay.cancelled", { job });
      break;
    default:
      change satisfies never;
  }
}

/** The targets that a job is about; where counting took too long, any of them may be. */
function partsOf(
  { filter, targets }: ReplaySet,
  { byTarget, isWhole }: ReplayCount,
  existing: readonly string[],
): readonly string[] {
  if (targets !== null) return [...new Set(targets)];
  if (isWhole) return Object.keys(byTarget).sort();
  return filter.target === undefined ? existing : [filter.target];
}
