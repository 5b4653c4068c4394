/**
 * Replay jobs in the Redis that relays share. A step is one script: the new deliveries and the cursor that has passed their events, if
 * the lease and the cursor are still those of the relay that asks.
 */
import type { Clock } from "../../../lib/clock.ts";
import type { EventMeta } from "../../event/event.ts";
import { newDelivery } from "../../queue/delivery-state.ts";
import { deliveryMatches, deliveryStates, standingDeliveries } from "../../queue/filter.ts";
import type { EventFilter, EventSummary, QueueEvent } from "../../queue/queue.ts";
import type {
  ReplayJob,
  ReplayJobs,
  ReplayPart,
  ReplayPlan,
  ReplaySet,
  ReplayState,
} from "../../queue/replay-job.ts";
import {
  askedOf,
  COUNT_TOGETHER,
  countSet,
  STEP_BUDGET_MS,
  withinSet,
  type FoundInSet,
  type LookInSet,
} from "../../queue/replay-set.ts";
import { encodeDelivery, letterOf } from "./codec.ts";
import type { RedisConnection } from "./connection.ts";
import type { RedisIntake } from "./intake.ts";
import type { createRedisListing } from "./listing.ts";
import { takeSoleLease } from "./sole-lease.ts";

export interface ReplayJobsDeps {
  readonly redis: RedisConnection;
  readonly clock: Clock;
  readonly intake: RedisIntake;
  readonly listing: Pick<ReturnType<typeof createRedisListing>, "oldest">;
  /** The targets of the settings. */
  readonly targets: () => readonly string[];
  /** The lane of an event at a target that it was not matched with. */
  readonly laneOf: (meta: EventMeta, target: string) => string | null;
  readonly emit: (event: QueueEvent) => void;
  readonly announce: (target: string) => void;
}

export function createRedisReplayJobs(deps: ReplayJobsDeps): ReplayJobs {
  const { redis, clock, intake, listing } = deps;
  const { client, prefix, ask } = redis;
  const leaseKey = `${prefix}:replays:lease`;

  async function look(asked: EventFilter, options: LookInSet): Promise<FoundInSet<EventSummary>> {
    const { set, cursor, limit, budgetMs } = options;
    if (set.upTo === null) return { found: [], cursor, isOver: true };
    const { events, cursor: next } = await listing.oldest(asked, limit, cursor, budgetMs);
    return withinSet(set.upTo, cursor, { found: events, cursor: next }, ({ meta }) => meta.id);
  }

  /** Targets that get an event of the set. */
  function namesOf({ deliveries }: EventSummary, set: ReplaySet, asked: EventFilter): readonly string[] {
    const exists = (name: string): boolean => deps.targets().includes(name);
    if (set.targets !== null) return set.targets.filter(exists);
    const fitting = standingDeliveries(deliveries).filter((delivery) => deliveryMatches(delivery, asked));
    return [...new Set(fitting.map(({ target }) => target))].filter(exists);
  }

  const read = (id: string): Promise<ReplayJob | null> => readReplayJob(redis, id);

  return {
    count(set, budgetMs) {
      const asked = askedOf(set);
      return countSet(set, { clock, budgetMs }, async (cursor, leftMs) => {
        const page = await look(asked, { set, cursor, limit: COUNT_TOGETHER, budgetMs: leftMs });
        return { ...page, found: page.found.map((event) => namesOf(event, set, asked)) };
      });
    },

    async newestEvent() {
      return (await ask(client.zrevrangebylex(`${prefix}:events`, "+", "-", "LIMIT", 0, 1)))[0] ?? null;
    },

    async create(plan) {
      await intake.commit("job-create", [plan.id, JSON.stringify(plan), plan.createdAt]);
    },

    async list() {
      return readReplayJobs(redis);
    },

    async active() {
      const ids = await ask(client.smembers(`${prefix}:replays:active`));
      const jobs = (await Promise.all(ids.map(read))).filter((job) => job !== null);
      return jobs.sort(({ plan: a }, { plan: b }) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1));
    },

    get: read,

    async change(id, from, to, at) {
      const end = to === "done" || to === "cancelled" ? at : "";
      return (await intake.commit("job-change", [id, to, end, ...from])) === 1;
    },

    async remove(id) {
      const job = await read(id);
      if (job !== null) await intake.commit("job-remove", [id, ...job.plan.parts]);
    },

    lease: (ttlMs) => takeSoleLease(redis, leaseKey, ttlMs),

    async follow({ plan }, target) {
      const counts = (await redis.run("job-follow", [plan.id, target])) as readonly number[];
      const [open = 0, untried = 0] = counts;
      return { open, untried };
    },

    async step({ job: { plan }, part, limit, lease }) {
      const { target } = part;
      if (!deps.targets().includes(target)) return { queued: 0, hasMoved: false };
      const asked = askedOf(plan, target);
      const from = { set: plan, cursor: part.cursor, limit, budgetMs: STEP_BUDGET_MS };
      const { found, cursor, isOver } = await look(asked, from);
      const wanted = found.filter((event) => namesOf(event, plan, asked).includes(target));
      const letters = plan.targets === null ? deliveryStates(asked).map(letterOf).join("") : "";
      const fresh = encodeDelivery(newDelivery("", "", 0, clock.now()));
      const place = [plan.id, target, lease.holder, part.cursor ?? "", cursor ?? "", isOver ? 1 : 0];
      const lanes = wanted.flatMap(({ meta }) => [meta.id, deps.laneOf(meta, target) ?? ""]);
      const done = await intake.commit("job-step", [...place, clock.now(), fresh, letters, ...lanes]);
      if (done === null) return null;
      const queued = (done as Buffer[]).map((id) => id.toString("latin1"));
      for (const id of queued) deps.emit({ type: "replayed", id, targets: [target] });
      if (queued.length > 0) deps.announce(target);
      return { queued: queued.length, hasMoved: isOver || cursor !== part.cursor };
    },
  };
}

async function readReplayJob({ client, prefix, ask }: Reading, id: string): Promise<ReplayJob | null> {
  const fields = new Map(Object.entries(await ask(client.hgetall(`${prefix}:replay:${id}`))));
  const plan = fields.get("plan");
  return plan === undefined ? null : jobOf(JSON.parse(plan) as ReplayPlan, fields);
}

type Reading = Pick<RedisConnection, "client" | "prefix" | "ask">;

/** Newest first. Rejects with an UpstreamError if Redis is out of reach. */
export async function readReplayJobs(redis: Reading): Promise<ReplayJob[]> {
  const ids = await redis.ask(redis.client.zrevrange(`${redis.prefix}:replays`, 0, -1));
  return (await Promise.all(ids.map((id) => readReplayJob(redis, id)))).filter((job) => job !== null);
}

function jobOf(plan: ReplayPlan, fields: ReadonlyMap<string, string>): ReplayJob {
  const count = (name: string): number => Number(fields.get(name) ?? 0);
  const endedAt = fields.get("endedAt");
  return {
    plan,
    state: fields.get("state") as ReplayState,
    endedAt: endedAt === undefined ? null : Number(endedAt),
    parts: plan.parts.map((target): ReplayPart => ({
      target,
      cursor: fields.get(`cursor:${target}`) ?? null,
      isScanned: fields.has(`scanned:${target}`),
      queued: count(`queued:${target}`),
      delivered: count(`delivered:${target}`),
      failed: count(`failed:${target}`),
      gone: count(`gone:${target}`),
      missed: count(`missed:${target}`),
    })),
  };
}
