/**
 * The queue of many relays on one Redis (or Valkey): any of them takes an event, any of them delivers it. Puts its parts together;
 * what each part does stands in its file:
 *
 *   redis/lua/*.lua     what must happen at once, and the keys it happens to
 *   redis/connection.ts, options.ts, sender.ts, failure.ts      the way to Redis
 *   redis/intake.ts     durable writes                  redis/self-check.ts, durability.ts  whether Redis can make them so
 *   redis/routing.ts    matches events with targets     redis/work.ts        tells workers where something is to do
 *   redis/claims.ts, leases.ts                          claims and settlements
 *   redis/listing.ts, stats.ts, retention.ts            what the operator asks for
 *   redis/replay-jobs.ts                                replays that go on by themselves
 *
 * Everything is in Redis: a crash of this process leaves its claims to the others after `leaseSeconds`, and nothing else.
 */
import { messageOf, UpstreamError } from "../../../lib/errors.ts";
import { decodeEvent, encodeEvent, withId, type EventMeta, type NewEvent } from "../../event/event.ts";
import { newDelivery, type DeliveryState } from "../../queue/delivery-state.ts";
import { UnknownTargetError } from "../../queue/errors.ts";
import { deliveryMatches, deliveryStates, standingDeliveries } from "../../queue/filter.ts";
import { Emitter } from "../../queue/emitter.ts";
import { formatId, idWords, OrderSource } from "../../event/event-id.ts";
import type {
  BulkReplay,
  Enqueued,
  EventFilter,
  EventSummary,
  QueueEvent,
  Router,
} from "../../queue/queue.ts";
import type { ReplayQueue } from "../../queue/replay-job.ts";
import type { StorageDeps } from "../driver.ts";
import { createClaims } from "./claims.ts";
import { encodeDelivery, letterOf } from "./codec.ts";
import type { RedisConnection } from "./connection.ts";
import { firstOrderOf, gitlabIdStarts, memoryOf } from "./ids.ts";
import { createIntake } from "./intake.ts";
import { leaseTimes } from "./leases.ts";
import { createRedisListing } from "./listing.ts";
import { createLoops } from "./loops.ts";
import { createRedisOrphans } from "./orphans.ts";
import { createRedisReplayJobs } from "./replay-jobs.ts";
import { createRetention } from "./retention.ts";
import { createRedisMatching, routeArgs } from "./routing.ts";
import { startSelfCheck } from "./self-check.ts";
import { createStats } from "./stats.ts";
import { createWork } from "./work.ts";

/** Longest time that a lost message can cost, in milliseconds. */
const POLL_MS = 1000;
const UNROUTED_MS = 3000;
/** How long readiness may be wrong while no event comes. */
const SELF_CHECK_MS = 5000;
/** Events of a bulk replay that are looked up together. */
const PAGE = 100;

/** Opens the queue on a connection, which it does not close. Resolves when Redis answered, or could not be reached: then checks() say so, and it comes back by itself. */
export async function openRedisQueue(redis: RedisConnection, deps: StorageDeps): Promise<ReplayQueue> {
  const { clock, log, random, settings } = deps;
  const config = settings().redis;
  const leaseMs = config.leaseSeconds * 1000;
  const { client, prefix, ask } = redis;

  let configured: readonly string[] | null = null;
  let router: Router | null = null;
  let closing: Promise<void> | null = null;
  const existing = (): readonly string[] => configured ?? [];

  const events = new Emitter<QueueEvent>(log);
  const emit = (event: QueueEvent): void => events.emit(event);
  const orders = new OrderSource();
  const work = createWork(redis, clock, log);
  const selfCheck = await startSelfCheck(redis, config);
  const intake = createIntake({ redis, clock, rule: selfCheck.rule, onSync: deps.onSync });
  const routing = createRedisMatching({ redis, clock, log, emit, announce: work.announce });
  const claims = createClaims({ redis, clock, log, work, leaseMs, targets: existing, emit });
  const listing = createRedisListing(redis, clock);
  const retention = createRetention({
    redis,
    clock,
    retain: () => settings().retain,
    get: (id) => listing.get(id),
    removed: (id) => emit({ type: "removed", id }),
  });
  const laneOf = (meta: EventMeta, target: string): string | null => router?.laneOf?.(meta, target) ?? null;
  const shared = { redis, clock, intake, laneOf, emit, announce: work.announce };
  const orphans = createRedisOrphans({
    ...shared,
    targets: () => configured,
    get: (id) => listing.get(id),
  });
  const replayJobs = createRedisReplayJobs({ ...shared, listing, targets: existing });
  const loops = createLoops({ clock, random, log });
  const oldestRemembered = (): string => firstOrderOf(clock.now() - settings().dedupeSeconds * 1000);

  async function store(...args: Parameters<typeof intake.commit>): Promise<unknown> {
    try {
      const reply = await intake.commit(...args);
      selfCheck.stored();
      return reply;
    } catch (error) {
      selfCheck.refused(error);
      throw error;
    }
  }

  async function enqueue(event: NewEvent): Promise<Enqueued> {
    if (closing !== null)
      throw new UpstreamError("closed", "the relay is shutting down", { retryable: true });
    const { digest, text } = memoryOf(event.dedupeKey);
    const words = idWords(orders.next(event.meta.receivedAt), digest);
    const id = formatId(words[0]!, words[1]!, words[2]!, words[3]!);
    const meta = withId(event.meta, id);
    const routes = await routing.routesNow(meta, event.body);
    const known = (await store(
      "enqueue",
      [
        text,
        id,
        clock.now(),
        settings().dedupeSeconds * 1000,
        oldestRemembered(),
        typeof event.formerDedupeKey === "string" ? memoryOf(event.formerDedupeKey).text : "",
        gitlabIdStarts(meta),
        ...(routes === null ? ["0"] : ["1", ...routeArgs(routes)]),
      ],
      { key: `${prefix}:event:${id}`, value: Buffer.concat(encodeEvent({ meta, body: event.body })) },
    )) as Buffer | null;
    if (known !== null) {
      const first = known.toString("latin1");
      emit({ type: "duplicate", id: first });
      return { status: "duplicate", id: first };
    }
    emit({ type: "stored", meta });
    if (routes === null) {
      routing.matchLater(meta, event.body);
    } else {
      emit({ type: "routed", meta, targets: routes.map((r) => r.target) });
      for (const { target } of routes) work.announce(target);
    }
    return { status: "accepted", id };
  }

  /**
   * @param states null: exactly to these targets; `any`: to those of these that it was matched with; else to those of these to which
   * its delivery is in one of them
   */
  async function replay(
    meta: EventMeta,
    states: readonly DeliveryState[] | "any" | null,
    names: readonly string[],
  ): Promise<readonly string[] | null> {
    const { id } = meta;
    const letters = states === null ? "" : states === "any" ? "any" : states.map(letterOf).join("");
    const fresh = encodeDelivery(newDelivery(id, "", 0, clock.now()));
    const lanes = [...new Set(names)].flatMap((name) => [name, laneOf(meta, name) ?? ""]);
    const args = [id, fresh, clock.now(), letters, ...lanes];
    const done = (await intake.commit("replay", args)) as Buffer[] | null;
    if (done === null) return null;
    const replayed = done.map((name) => name.toString("utf8"));
    if (replayed.length > 0) emit({ type: "replayed", id, targets: replayed });
    for (const name of replayed) work.announce(name);
    return replayed;
  }

  function refuseUnknown(names: readonly string[]): void {
    const unknown = names.find((name) => !existing().includes(name));
    if (unknown !== undefined) throw new UnknownTargetError(unknown);
  }

  async function replayAll(
    filter: EventFilter,
    chosen: readonly string[] | null,
    limit: number,
  ): Promise<BulkReplay> {
    refuseUnknown(chosen ?? []);
    const asked: EventFilter = chosen === null ? { ...filter, state: filter.state ?? "dead" } : filter;
    const states = chosen === null ? deliveryStates(asked) : [];
    if (chosen === null && states.length === 0)
      return { events: 0, deliveries: 0, more: false, cursor: null };
    const namesOf = ({ deliveries: all }: EventSummary): readonly string[] =>
      chosen ??
      standingDeliveries(all)
        .filter((delivery) => existing().includes(delivery.target) && deliveryMatches(delivery, asked))
        .map(({ target }) => target);
    let count = 0;
    let deliveries = 0;
    let cursor: string | null = null;
    do {
      const page = await listing.oldest(asked, Math.min(PAGE, limit - count), cursor);
      // Sent in this order and carried out in it: Redis does one thing after another.
      const done = await Promise.all(
        page.events.map((event) => replay(event.meta, chosen === null ? states : null, namesOf(event))),
      );
      const replayed = done.filter((found) => found !== null && found.length > 0);
      count += replayed.length;
      deliveries += replayed.reduce((sum, found) => sum + (found?.length ?? 0), 0);
      ({ cursor } = page);
    } while (cursor !== null && count < limit);
    const more = cursor !== null && (await listing.oldest(asked, 1, cursor)).events.length > 0;
    return { events: count, deliveries, more, cursor };
  }

  async function close(): Promise<void> {
    loops.stop();
    work.stop();
    await routing.close();
    await claims.release().catch((error: unknown) => {
      log.warn("redis.claims-kept", { note: "others take them over", error: messageOf(error) });
    });
  }

  const times = leaseTimes(leaseMs);
  loops.every("heartbeat", times.renewEveryMs, claims.heartbeat);
  loops.every("leases", times.sweepEveryMs, claims.sweep);
  loops.every("unrouted", UNROUTED_MS, routing.sweep);
  loops.every("self-check", SELF_CHECK_MS, selfCheck.look);
  loops.every("poll", POLL_MS, () => existing().forEach((target) => work.announce(target)));

  return {
    enqueue,

    async known(dedupeKeys) {
      if (dedupeKeys.length === 0) return [];
      const keys = dedupeKeys.map((key) => `${prefix}:seen:${memoryOf(key).text}`);
      const found = await ask(client.mget(keys));
      const oldest = oldestRemembered();
      return dedupeKeys.filter((_, i) => (found[i] ?? "") >= oldest);
    },

    setRouting(newRouter, newTargets) {
      const targets = [...newTargets];
      configured = targets;
      router = newRouter;
      routing.set(newRouter);
      claims.sweep().catch((error: unknown) => {
        log.debug("redis.sweep-failed", { error: messageOf(error) });
      });
      for (const target of targets) work.announce(target);
    },

    claim: (target, room) => (closing === null ? claims.claim(target, room) : Promise.resolve([])),
    onWork: (listener) => work.on(listener),
    onEvent: (listener) => events.on(listener),
    list: (filter, limit, cursor) => listing.page(filter, limit, cursor),
    get: (id) => listing.get(id),
    find: (id) => listing.find(id),

    async body(id) {
      const bytes = await ask(client.getBuffer(`${prefix}:event:${id}`));
      return bytes === null ? null : decodeEvent(bytes).body;
    },

    async duplicates(id) {
      const { count, at } = await ask(client.hgetall(`${prefix}:duplicates:${id}`));
      return count === undefined ? null : { count: Number(count), lastAt: Number(at) };
    },

    async replay(id, names) {
      refuseUnknown(names ?? []);
      const event = await listing.get(id);
      if (event === null) return null;
      return names === null ? replay(event.meta, "any", existing()) : replay(event.meta, null, names);
    },
    replayAll,
    replayJobs,
    move: (from, to) => orphans.move(from, to),
    async remove(id) {
      if ((await retention.remove(id)) === 0) return false;
      // Gives up what this relay is sending of it; the others notice with their next heartbeat.
      await claims.heartbeat();
      return true;
    },

    async setPaused(target, paused) {
      await intake.commit("pause", [target, paused ? 1 : 0]);
      if (!paused) work.announce(target);
    },

    stats: createStats(redis, existing),
    checks: selfCheck.checks,
    selfCheck: selfCheck.look,
    async expire() {
      await orphans.expire();
      return retention.expire();
    },
    async compact() {
      // Redis gives space back by itself; its append-only file is rewritten by its own rules (auto-aof-rewrite-percentage).
    },
    async verify() {
      // Redis checks its append-only file when it loads it.
    },
    close() {
      closing ??= close();
      return closing;
    },
  };
}
