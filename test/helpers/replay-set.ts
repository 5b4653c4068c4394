/** Carries out a replay job by hand, as the runner does bit by bit, and forgets it. */
import type { EventFilter } from "../../relay/queue/queue.ts";
import type { ReplayLease, ReplayPlan, ReplayQueue } from "../../relay/queue/replay-job.ts";
import { eventually } from "./eventually.ts";

/** Events of a step. */
const LIMIT = 100;

/**
 * Queues what fits: to these targets, or (null) what is dead or in the filter's state.
 * @returns deliveries that were queued
 */
export async function replaySet(
  { replayJobs: jobs }: ReplayQueue,
  filter: EventFilter,
  targets: readonly string[] | null = null,
): Promise<number> {
  const set = { filter, targets, upTo: await jobs.newestEvent() };
  const expected = await jobs.count(set, 60_000);
  const plan: ReplayPlan = {
    ...set,
    id: "by-hand",
    createdAt: 1,
    createdBy: "alice",
    ratePerSecond: null,
    expected,
    parts: targets ?? Object.keys(expected.byTarget),
  };
  await jobs.create(plan);
  let lease: ReplayLease | null = null;
  await eventually(async () => (lease = await jobs.lease(60_000)) !== null);
  const mine = lease as unknown as ReplayLease;
  let queued = 0;
  for (;;) {
    const job = await jobs.get(plan.id);
    const part = job?.parts.find((one) => !one.isScanned);
    if (job === null || part === undefined) break;
    queued += (await jobs.step({ job, part, limit: LIMIT, lease: mine }))?.queued ?? 0;
  }
  await mine.release();
  await jobs.remove(plan.id);
  return queued;
}
