/**
 * The Redis side of a migration. An event comes in with everything that belongs to it in one script; lanes are filled at the end, when
 * their order is known. Nothing of it is handed out meanwhile, as no relay starts on a Redis with a mark.
 */
import { z } from "zod";
import { ConfigError, messageOf, UpstreamError } from "../../../lib/errors.ts";
import { jsonOrNull } from "../../../lib/json.ts";
import { decodeMeta } from "../../event/event.ts";
import { ORDERS_PER_MS, orderOf, parseId } from "../../event/event-id.ts";
import type { Delivery } from "../../queue/delivery-state.ts";
import type { StorageDeps } from "../driver.ts";
import type { ReplayPart } from "../../queue/replay-job.ts";
import type {
  MigratedDelivery,
  MigratedEvent,
  MigratedReplay,
  MigrationMark,
  MigrationSide,
} from "../migration/port.ts";
import { encodeDelivery, FRESH } from "./codec.ts";
import type { RedisConnection } from "./connection.ts";
import { gitlabIdStarts, receivedAtOf } from "./ids.ts";
import { createIntake } from "./intake.ts";
import { deliveriesOf, isRouted } from "./listing.ts";
import { readReplayJobs } from "./replay-jobs.ts";
import { scanKeys } from "./scan-keys.ts";
import { startSelfCheck } from "./self-check.ts";

/** Events that are looked up together, and bytes of them that are in memory at once. */
const PAGE = 100;
const PAGE_BYTES = 8 * 1024 * 1024;
const HASH_LENGTH = 14;
/** Deliveries of a lane that one script moves. */
const LANE_STEP = 1000;

const markContent = z.object({
  id: z.string(),
  role: z.enum(["source", "target"]),
  isDone: z.boolean(),
  other: z.string(),
  at: z.number(),
});

export const markKey = ({ prefix }: RedisConnection): string => `${prefix}:migration`;

/** Rejects with an UpstreamError if Redis is out of reach. */
export async function readRedisMark(redis: RedisConnection): Promise<MigrationMark | null> {
  const text = await redis.ask(redis.client.get(markKey(redis)));
  return text === null ? null : markContent.parse(jsonOrNull(text));
}

/** Rejects with a ConfigError if relays use this Redis. */
export async function openRedisMigration(
  redis: RedisConnection,
  { clock, settings, onSync }: StorageDeps,
): Promise<MigrationSide> {
  const { client, prefix, ask } = redis;
  await refuseUsed(redis);
  const lastSeen = (): Promise<string | null> => ask(client.get(`${prefix}:last-seen`));
  const seenBefore = await lastSeen();
  const selfCheck = await startSelfCheck(redis, settings().redis);
  const intake = createIntake({ redis, clock, rule: selfCheck.rule, onSync });
  const windowMs = settings().dedupeSeconds * 1000;
  const leftOf = (id: string): number => Math.max(0, receivedAtOf(id) + windowMs - clock.now());

  async function restore(event: MigratedEvent): Promise<void> {
    const { id, bytes, deliveries, duplicates } = event;
    const meta = decodeMeta(bytes);
    const { receivedAt } = meta;
    const over = Math.max(receivedAt, ...deliveries.map(({ delivery }) => delivery.endedAt ?? 0));
    const args = [
      id,
      clock.now(),
      id.slice(-HASH_LENGTH),
      leftOf(id),
      event.isRouted ? 1 : 0,
      duplicates?.count ?? 0,
      duplicates?.lastAt ?? 0,
      over,
      gitlabIdStarts(meta),
      ...deliveries.flatMap((one) => deliveryArgs(id, receivedAt, one)),
    ];
    await intake.commit("restore", args, { key: `${prefix}:event:${id}`, value: bytes });
  }

  return {
    async setMark(mark) {
      if (mark === null) await ask(client.del(markKey(redis)));
      else await ask(client.set(markKey(redis), JSON.stringify(mark)));
      // Its answer means that everything before it is on stable storage, too.
      await intake.commit("probe", []);
    },
    async isEmpty() {
      if ((await ask(client.zcard(`${prefix}:events`))) > 0) return false;
      for await (const _keys of scanKeys(redis, `${prefix}:seen:*`)) return false;
      return true;
    },
    events: () => eventsOf(redis),
    remembered: (since) => rememberedIn(redis, since),
    pausedTargets: () => ask(client.smembers(`${prefix}:paused`)),
    async missing(ids) {
      const scores = await Promise.all(ids.map((id) => ask(client.zscore(`${prefix}:events`, id))));
      return new Set(ids.filter((_, index) => scores[index] === null));
    },
    async add(events) {
      await Promise.all(events.map(restore));
    },
    async remember(ids) {
      const args = ids.flatMap((id) =>
        leftOf(id) > 0 ? [id.slice(-HASH_LENGTH), id.slice(0, -HASH_LENGTH), leftOf(id)] : [],
      );
      if (args.length > 0) await intake.commit("remember", args);
    },
    async pause(target) {
      await intake.commit("pause", [target, 1]);
    },
    replays: () => replaysOf(redis),
    async keepReplay({ job: { plan, state, endedAt, parts }, open }) {
      const fields = parts.flatMap(fieldsOfPart);
      const refs = parts.flatMap(({ target }, at) =>
        open[at]!.flatMap(([id, replay]) => [target, `${id}:${replay}`]),
      );
      const made = [plan.id, JSON.stringify(plan), state, plan.createdAt, endedAt ?? ""];
      await intake.commit("job-restore", [...made, fields.length / 2, ...fields, ...refs]);
    },
    async finish() {
      for (;;) {
        const [member] = (await ask(client.srandmember(`${prefix}:restore`, 1))) ?? [];
        if (member === undefined) return;
        const [target = "", lane = ""] = member.split("\n");
        while ((await intake.commit("lane", [target, lane, clock.now(), LANE_STEP])) === 0);
      }
    },
    reread: () => Promise.resolve(),
    wasUsed: async () => (await lastSeen()) !== seenBefore,
    close: () => Promise.resolve(),
  };
}

async function replaysOf(redis: RedisConnection): Promise<MigratedReplay[]> {
  const { client, prefix, ask } = redis;
  const openOf = async (id: string, target: string): Promise<[string, number][]> => {
    const refs = await ask(client.smembers(`${prefix}:replay:${id}:${target}`));
    return refs.map((ref) => {
      const [event = "", replay] = ref.split(":");
      return [event, Number(replay)];
    });
  };
  return Promise.all(
    (await readReplayJobs(redis)).map(async (job) => ({
      job,
      open: await Promise.all(job.parts.map(({ target }) => openOf(job.plan.id, target))),
    })),
  );
}

/** Names and values in the hash of a job. */
function fieldsOfPart({ target, cursor, isScanned, ...counts }: ReplayPart): (string | number)[] {
  return [
    ...(cursor === null ? [] : [`cursor:${target}`, cursor]),
    ...(isScanned ? [`scanned:${target}`, 1] : []),
    ...Object.entries(counts).flatMap(([name, count]) => [`${name}:${target}`, count]),
  ];
}

/** Each relay listens for work on a channel. */
async function refuseUsed(redis: RedisConnection): Promise<void> {
  const channel = `${redis.prefix}:work`;
  const counts = await Promise.all(
    redis.masters().map(async (server) => {
      const [, count] = await redis.ask(
        server.call("PUBSUB", "NUMSUB", channel) as Promise<[string, number]>,
      );
      return Number(count);
    }),
  ).catch((error: unknown) => {
    throw new UpstreamError("storage", messageOf(error), { retryable: true });
  });
  const relays = counts.reduce((sum, count) => sum + count, 0);
  if (relays === 0) return;
  throw new ConfigError([
    {
      path: "queue.redis",
      message: `${relays === 1 ? "a relay uses" : `${relays} relays use`} the keys "${redis.prefix}:*" of this Redis: stop ${relays === 1 ? "it" : "them"} first`,
    },
  ]);
}

function deliveryArgs(id: string, receivedAt: number, { delivery, lane, order }: MigratedDelivery) {
  const { target, replay, state, attempts, dueAt } = delivery;
  const isUntouched = replay === 0 && state === "waiting" && attempts === 0 && dueAt === receivedAt;
  return [
    target,
    replay,
    isUntouched ? FRESH : encodeDelivery(delivery),
    lane ?? "",
    order ?? orderOfId(id),
    attempts,
    dueAt ?? 0,
  ];
}

function orderOfId(id: string): number {
  const words = parseId(id);
  return words === null ? 0 : orderOf(words[0]!, words[1]!);
}

async function* eventsOf(redis: RedisConnection): AsyncGenerator<MigratedEvent> {
  const { client, prefix, ask } = redis;
  for (let from = "-"; ;) {
    const ids = await ask(client.zrangebylex(`${prefix}:events`, from, "+", "LIMIT", 0, PAGE));
    const sizes = await Promise.all(ids.map((id) => ask(client.strlen(`${prefix}:event:${id}`))));
    let batch: string[] = [];
    let bytes = 0;
    for (const [index, id] of ids.entries()) {
      batch.push(id);
      bytes += sizes[index]!;
      if (bytes < PAGE_BYTES && index < ids.length - 1) continue;
      for (const event of await Promise.all(batch.map((one) => readEvent(redis, one))))
        if (event !== null) yield event;
      batch = [];
      bytes = 0;
    }
    const last = ids.at(-1);
    if (last === undefined || ids.length < PAGE) return;
    from = `(${last}`;
  }
}

async function readEvent(redis: RedisConnection, id: string): Promise<MigratedEvent | null> {
  const { client, prefix, ask } = redis;
  const [bytes, state, again] = await Promise.all([
    ask(client.getBuffer(`${prefix}:event:${id}`)),
    ask(client.hgetall(`${prefix}:state:${id}`)),
    ask(client.hgetall(`${prefix}:duplicates:${id}`)),
  ]);
  if (bytes === null) return null;
  const { receivedAt } = decodeMeta(bytes);
  const deliveries: MigratedDelivery[] = [];
  for (const found of deliveriesOf({ id, receivedAt }, state)) {
    const delivery: Delivery = found.state === "sending" ? { ...found, state: "waiting" } : found;
    const lane = state[`@${found.target}:${found.replay}`] ?? null;
    deliveries.push({ delivery, lane, order: await orderIn(redis, delivery, lane) });
  }
  const duplicates =
    again["count"] === undefined ? null : { count: Number(again["count"]), lastAt: Number(again["at"]) };
  return { id, bytes, isRouted: isRouted(state), deliveries, duplicates };
}

/**
 * Redis keeps a lane as a list, not by numbers: a replay without an attempt stands behind what came before it was asked for, which is
 * when it fell due. What is at the head of its lane comes before everything behind it, as its event did.
 */
async function orderIn(
  { client, prefix, ask }: RedisConnection,
  { eventId, target, replay, state, attempts, dueAt }: Delivery,
  lane: string | null,
): Promise<number | null> {
  if (lane === null || replay === 0 || state !== "waiting" || attempts > 0 || dueAt === null) return null;
  const head = await ask(client.lindex(`${prefix}:lane:${target}:${lane}`, 0));
  return head === `${eventId}:${replay}` ? null : dueAt * ORDERS_PER_MS;
}

async function* rememberedIn(redis: RedisConnection, since: number): AsyncGenerator<string[]> {
  const { client, prefix, ask } = redis;
  const seen = `${prefix}:seen:`;
  for await (const keys of scanKeys(redis, `${seen}*`)) {
    const orders = await ask(client.mget(keys));
    const ids = keys.flatMap((key, index) => {
      const order = orders[index];
      return order === null || order === undefined ? [] : [order + key.slice(seen.length)];
    });
    const wanted = ids.filter((id) => receivedAtOf(id) >= since);
    const there = await Promise.all(wanted.map((id) => ask(client.exists(`${prefix}:event:${id}`))));
    const gone = wanted.filter((_, index) => there[index] === 0);
    if (gone.length > 0) yield gone;
  }
}
