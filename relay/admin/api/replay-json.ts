/** Replay jobs as the API shows them. */
import type { EventFilter } from "../../queue/queue.ts";
import type { ReplayCount, ReplayJob } from "../../queue/replay-job.ts";
import { countText, progressOf } from "../../replay/progress.ts";
import { isoOrNull } from "./event-json.ts";

type Json = Readonly<Record<string, unknown>>;

export function replayJson(job: ReplayJob): Json {
  const { plan, state, endedAt, parts } = job;
  return {
    id: plan.id,
    state,
    createdAt: isoOrNull(plan.createdAt),
    createdBy: plan.createdBy,
    endedAt: isoOrNull(endedAt),
    filter: filterJson(plan.filter),
    targets: plan.targets,
    rate: plan.ratePerSecond,
    matched: countJson(plan.expected),
    progress: progressOf(job),
    parts: parts.map(({ target, isScanned, queued, delivered, failed }) => ({
      target,
      queued,
      delivered,
      failed,
      isQueued: isScanned,
    })),
  };
}

export function countJson(count: ReplayCount): Json {
  const { events, deliveries, byTarget, isWhole } = count;
  return { text: countText(count), events, deliveries, byTarget, isWhole };
}

/** By the names of parameters, times as text. */
export function filterJson({ text, from, to, ...rest }: EventFilter): Json {
  return {
    ...rest,
    ...(text === undefined ? {} : { q: text }),
    ...(from === undefined ? {} : { from: isoOrNull(from) }),
    ...(to === undefined ? {} : { to: isoOrNull(to) }),
  };
}
