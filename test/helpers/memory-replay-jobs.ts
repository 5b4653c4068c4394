/** Replay jobs in memory on any queue, for tests of the parts that use them: as the drivers', without a word about power. */
import { deliveryMatches, metaMatches, standingDeliveries, stateMatches } from "../../relay/queue/filter.ts";
import type { EventFilter, EventSummary, Queue } from "../../relay/queue/queue.ts";
import type {
  ReplayJob,
  ReplayJobs,
  ReplayLease,
  ReplayPart,
  ReplayPlan,
  ReplaySet,
  ReplayState,
} from "../../relay/queue/replay-job.ts";
import { askedOf, freshPart, replayCount } from "../../relay/queue/replay-set.ts";

interface Kept {
  readonly plan: ReplayPlan;
  state: ReplayState;
  endedAt: number | null;
  parts: ReplayPart[];
  /** Queued deliveries that are not over, by target. */
  readonly open: Map<string, { readonly id: string; readonly replay: number }[]>;
}

/** @param targets those that exist */
export function memoryReplayJobs(
  queue: Pick<Queue, "get" | "replay"> & { stored(): readonly { readonly meta: { readonly id: string } }[] },
  targets: () => readonly string[],
): ReplayJobs {
  const jobs = new Map<string, Kept>();
  let holder: string | null = null;
  let leases = 0;
  const put = (job: Kept, part: ReplayPart): void => {
    job.parts = job.parts.map((one) => (one.target === part.target ? part : one));
  };
  const view = ({ plan, state, endedAt, parts }: Kept): ReplayJob => ({ plan, state, endedAt, parts });

  async function fitting(set: ReplaySet, asked: EventFilter, after: string | null): Promise<EventSummary[]> {
    const all = await Promise.all(queue.stored().map(({ meta }) => queue.get(meta.id)));
    return all.filter(
      (event): event is EventSummary =>
        event !== null &&
        event.meta.id <= (set.upTo ?? "") &&
        (after === null || event.meta.id > after) &&
        metaMatches(event.meta, asked) &&
        stateMatches(event.deliveries, true, asked),
    );
  }

  const namesOf = ({ deliveries }: EventSummary, set: ReplaySet, asked: EventFilter): readonly string[] =>
    (
      set.targets ??
      standingDeliveries(deliveries)
        .filter((delivery) => deliveryMatches(delivery, asked))
        .map(({ target }) => target)
    ).filter((name) => targets().includes(name));

  return {
    async count(set) {
      const asked = askedOf(set);
      const byTarget = new Map<string, number>();
      let events = 0;
      for (const event of await fitting(set, asked, null)) {
        const names = namesOf(event, set, asked);
        if (names.length > 0) events += 1;
        for (const name of names) byTarget.set(name, (byTarget.get(name) ?? 0) + 1);
      }
      return replayCount(events, byTarget, true);
    },
    newestEvent: async () => queue.stored().at(-1)?.meta.id ?? null,
    async create(plan) {
      const parts = plan.parts.map(freshPart);
      jobs.set(plan.id, { plan, state: "running", endedAt: null, parts, open: new Map() });
    },
    list: async () => [...jobs.values()].toReversed().map(view),
    active: async () => [...jobs.values()].filter(({ endedAt }) => endedAt === null).map(view),
    async get(id) {
      const job = jobs.get(id);
      return job === undefined ? null : view(job);
    },
    async change(id, from, to, at) {
      const job = jobs.get(id);
      if (job === undefined || !from.includes(job.state)) return false;
      job.state = to;
      job.endedAt = to === "done" || to === "cancelled" ? at : null;
      return true;
    },
    async remove(id) {
      jobs.delete(id);
    },
    async lease() {
      if (holder !== null) return null;
      const mine = `lease-${(leases += 1)}`;
      holder = mine;
      return {
        holder: mine,
        renew: async () => holder === mine,
        async release() {
          if (holder === mine) holder = null;
        },
      } satisfies ReplayLease;
    },
    async follow({ plan }, target) {
      const job = jobs.get(plan.id) as Kept;
      const before = job.open.get(target) ?? [];
      const still: typeof before = [];
      const ended = { delivered: 0, failed: 0, gone: 0 };
      let untried = 0;
      for (const ref of before) {
        const delivery = (await queue.get(ref.id))?.deliveries.find(
          (one) => one.target === target && one.replay === ref.replay,
        );
        if (delivery === undefined) ended.gone += 1;
        else if (delivery.state === "done") ended.delivered += 1;
        else if (delivery.state === "dead") ended.failed += 1;
        else {
          still.push(ref);
          if (delivery.attempts === 0) untried += 1;
        }
      }
      job.open.set(target, still);
      const part = job.parts.find((one) => one.target === target) as ReplayPart;
      put(job, {
        ...part,
        delivered: part.delivered + ended.delivered,
        failed: part.failed + ended.failed,
        gone: part.gone + ended.gone,
      });
      return { open: still.length, untried };
    },
    async step({ job: { plan }, part, limit, lease }) {
      const job = jobs.get(plan.id);
      const { target } = part;
      const present = job?.parts.find((one) => one.target === target);
      if (job?.state !== "running" || present === undefined) return null;
      if (present.cursor !== part.cursor || lease.holder !== holder) return null;
      const asked = askedOf(plan, target);
      const all = await fitting(plan, asked, part.cursor);
      const found = all.slice(0, limit);
      const open = job.open.get(target) ?? [];
      let queued = 0;
      for (const event of found) {
        if (!namesOf(event, plan, asked).includes(target)) continue;
        await queue.replay(event.meta.id, [target]);
        const replays = (await queue.get(event.meta.id))?.deliveries.filter((one) => one.target === target);
        open.push({ id: event.meta.id, replay: Math.max(...(replays ?? []).map(({ replay }) => replay)) });
        queued += 1;
      }
      job.open.set(target, open);
      const isScanned = found.length === all.length;
      const cursor = found.at(-1)?.meta.id ?? part.cursor;
      put(job, { ...present, cursor, isScanned, queued: present.queued + queued });
      return { queued, hasMoved: isScanned || cursor !== part.cursor };
    },
  };
}
