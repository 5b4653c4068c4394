/**
 * The queue of many relays on one Redis (or Valkey): any of them takes an event, any of them delivers it.
 *
 * What must happen at once are scripts (redis/scripts.ts); this file calls them and keeps the loops going: leases of what is being
 * sent are renewed, those of relays that died are handed out anew, what is due is announced, what was left unrouted is routed.
 * Each loop goes on after a failure, however long Redis is away. A crash of this process leaves its claims to the others after
 * `leaseSeconds`; everything else is in Redis.
 */
import { randomUUID } from "node:crypto";
import type { Clock, Timer } from "../../lib/clock.ts";
import { messageOf, UpstreamError } from "../../lib/errors.ts";
import type { Log } from "../../lib/log.ts";
import type { Config } from "../config.ts";
import { decodeEvent, dedupeKeyOfDelivery, encodeEvent, type EventMeta, type NewEvent } from "../event.ts";
import { newDelivery, settled, type Attempt, type Delivery, type Settlement } from "./delivery-state.ts";
import { formatId, idWords, OrderSource } from "./event-id.ts";
import { latestDeliveries } from "./filter.ts";
import type { Check, Claim, EventFilter, Queue, QueueEvent, Route, Router } from "./queue.ts";
import { decodeDelivery, encodeDelivery } from "./redis/codec.ts";
import { openRedis, type RedisConnection } from "./redis/connection.ts";
import { inspectDurability } from "./redis/durability.ts";
import { firstIdOf, memoryOf, receivedAtOf } from "./redis/ids.ts";
import { createIntake, type SyncRule } from "./redis/intake.ts";
import { Leases, type Lease } from "./redis/leases.ts";
import { createListing } from "./redis/listing.ts";
import { createRetention } from "./redis/retention.ts";
import { NO_STATS, readStats } from "./redis/stats.ts";

export interface RedisQueueDeps {
  /** The settings in force: the retention and the dedupe window may change at run time. */
  readonly settings: () => Config["queue"];
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  /** Duration of each durable write in milliseconds. */
  readonly onSync: (durationMs: number) => void;
}

const POLL_MS = 1000;
const STATS_MS = 2000;
const SETTLE_RETRY_MS = 200;

/** Opens the queue. Resolves when Redis answered, or could not be reached: then checks() say so, and it comes back by itself. */
export async function openRedisQueue(deps: RedisQueueDeps): Promise<Queue> {
  const { clock, log, random, settings } = deps;
  const config = settings().redis;
  const redis: RedisConnection = await openRedis(config, log, random);
  const { client, prefix, ask, run } = redis;
  const consumer = randomUUID();
  const leaseMs = config.leaseSeconds * 1000;
  const leases = new Leases(clock, leaseMs);
  const listing = createListing(redis, clock);
  const retention = createRetention({
    redis,
    clock,
    retain: () => settings().retain,
    get: (id) => listing.get(id),
    removed: (id) => emit({ type: "removed", id }),
  });
  const orders = new OrderSource();
  const workListeners = new Set<(target: string) => void>();
  const eventListeners = new Set<(event: QueueEvent) => void>();
  const dueTimers = new Map<string, Timer>();
  const loops = new Set<Timer>();

  let route: Router | null = null;
  let targets: readonly string[] = [];
  let checks: readonly Check[] = [{ name: "redis", ok: false, detail: "not looked at yet" }];
  let syncRule: SyncRule | null = null;
  let stats = NO_STATS;
  let closing = false;
  const intake = createIntake(redis, () => syncRule, deps.onSync);

  function emit(event: QueueEvent): void {
    for (const listener of eventListeners) {
      try {
        listener(event);
      } catch (error) {
        log.error("queue.listener-failed", { type: event.type, error: messageOf(error) });
      }
    }
  }

  function announce(target: string): void {
    for (const listener of workListeners) listener(target);
  }

  /** Runs `task` again and again, `ms` apart and a little at random so that relays do not march in step. */
  function loop(name: string, ms: number, task: () => Promise<void>): void {
    let failing = false;
    const again = (): void => {
      const timer = clock.after(ms * (0.75 + random() / 2), () => {
        loops.delete(timer);
        task()
          .then(
            () => {
              failing = false;
            },
            (error: unknown) => {
              if (!failing) log.warn("redis.loop-failed", { loop: name, error: messageOf(error) });
              failing = true;
            },
          )
          .finally(() => {
            if (!closing) again();
          });
      });
      loops.add(timer);
    };
    again();
  }

  function routesNow(meta: EventMeta, body: Uint8Array): readonly Route[] | Promise<readonly Route[]> | null {
    return route === null ? null : route(meta, () => Promise.resolve(body));
  }

  function routeArgs(id: string, routes: readonly Route[]): string[] {
    return routes.flatMap(({ target, lane }) => [
      target,
      lane ?? "",
      encodeDelivery(newDelivery(id, target, 0, receivedAtOf(id))),
    ]);
  }

  async function routeLater(meta: EventMeta, wanted: Promise<readonly Route[]>): Promise<void> {
    const routes = await wanted;
    if ((await run("relayRoute", [meta.id, clock.now(), ...routeArgs(meta.id, routes)])) === 1) {
      emit({ type: "routed", meta, targets: routes.map((r) => r.target) });
      for (const { target } of routes) announce(target);
    }
  }

  /** Routes what a relay stored but did not come to route: it died, or the routing failed. */
  async function sweepUnrouted(): Promise<void> {
    if (route === null) return;
    const before = firstIdOf(clock.now() - 3000);
    const ids = await ask(client.zrangebylex(`${prefix}:unrouted`, "-", `(${before}`, "LIMIT", 0, 100));
    for (const id of ids) {
      const bytes = await ask(client.getBuffer(`${prefix}:event:${id}`));
      if (bytes === null) {
        await ask(client.zrem(`${prefix}:unrouted`, id));
        continue;
      }
      const { meta, body } = decodeEvent(bytes);
      try {
        await routeLater(meta, Promise.resolve(route(meta, () => Promise.resolve(body))));
      } catch (error) {
        log.error("queue.routing-failed", { eventId: id, error: messageOf(error) });
      }
    }
  }

  async function heartbeat(): Promise<void> {
    const held = leases.trusted();
    if (held.length === 0) return;
    const since = clock.monotonic();
    const lost = (await run("relayHeartbeat", [
      consumer,
      ...held.flatMap((l) => [l.stream, l.entry]),
    ])) as Buffer[];
    leases.renewed(held, new Set(lost.map((entry) => entry.toString("latin1"))), since);
  }

  async function sweepLeases(): Promise<void> {
    if (targets.length === 0) return;
    const taken = (await run("relaySweep", [leaseMs, ...targets])) as number;
    if (taken > 0) log.warn("redis.claims-taken-over", { claims: taken });
  }

  function watchDue(target: string, dueAt: number): void {
    dueTimers.get(target)?.cancel();
    const wait = Math.min(Math.max(dueAt - clock.now(), 0), POLL_MS * 60);
    dueTimers.set(
      target,
      clock.after(wait, () => announce(target)),
    );
  }

  async function settleClaim(
    claim: { lease: Lease; target: string; kind: string; lane: string; meta: EventMeta; delivery: Delivery },
    settlement: Settlement,
  ): Promise<void> {
    const { lease, target, kind, lane, meta, delivery } = claim;
    const now = clock.now();
    const next = settled(delivery, settlement);
    const args = [target, kind, lease.entry, consumer, lane, meta.id, delivery.replay, settlement.outcome];
    for (;;) {
      if (!leases.isHeld(lease)) {
        log.warn("delivery.claim-lost", { eventId: meta.id, target });
        return;
      }
      try {
        const kept = await run("relaySettle", [...args, encodeDelivery(next), now, next.dueAt ?? now]);
        leases.remove(lease);
        if (kept !== 1) {
          log.warn("delivery.claim-lost", { eventId: meta.id, target });
          return;
        }
        const attempt: Attempt | null = settlement.outcome === "released" ? null : settlement.attempt;
        emit({ type: "settled", meta, delivery: next, attempt });
        if (next.dueAt !== null && next.dueAt > now) watchDue(target, next.dueAt);
        else announce(target);
        return;
      } catch (error) {
        // The outcome is known and Redis is not there: it is held as long as the lease can be trusted, then another relay repeats it.
        if (closing) throw error;
        log.warn("delivery.settle-failed", { eventId: meta.id, target, error: messageOf(error) });
        await new Promise<void>((resolve) => clock.after(SETTLE_RETRY_MS * (0.5 + random()), resolve));
      }
    }
  }

  function claimOf(target: string, row: readonly Buffer[], since: number): Claim {
    const [kind, entry, lane, ref] = row.slice(0, 4).map((b) => b.toString("utf8")) as [
      string,
      string,
      string,
      string,
    ];
    const { meta, body } = decodeEvent(row[4]!);
    const number = Number(ref.slice(ref.indexOf(":") + 1));
    const stored = decodeDelivery(row[5]!.toString("utf8"), meta.id, target, number, meta.receivedAt);
    const delivery: Delivery = { ...stored, state: "sending" };
    const lease = leases.add(`${kind}:${target}`, entry, since);
    return {
      delivery,
      meta,
      body,
      lost: lease.controller.signal,
      settle: (settlement) => settleClaim({ lease, target, kind, lane, meta, delivery }, settlement),
    };
  }

  async function refreshStats(): Promise<void> {
    stats = await readStats(redis, targets);
  }

  async function selfCheck(): Promise<void> {
    try {
      const found = await inspectDurability(redis, config);
      checks = found.checks;
      syncRule = found.waitForSync ? { replicas: config.waitReplicas } : null;
    } catch (error) {
      checks = [{ name: "redis", ok: false, detail: messageOf(error) }];
    }
  }

  async function replay(id: string, wanted: readonly string[] | null): Promise<readonly string[] | null> {
    const bytes = await ask(client.getBuffer(`${prefix}:event:${id}`));
    const summary = await listing.get(id);
    if (bytes === null || summary === null) return null;
    const { meta, body } = decodeEvent(bytes);
    const routes = route === null ? [] : await route(meta, () => Promise.resolve(body));
    const former = [...new Set(summary.deliveries.map((d) => d.target))];
    const names = wanted ?? (former.length > 0 ? former : routes.map((r) => r.target));
    const lanes = new Map(routes.map((r) => [r.target, r.lane]));
    const done = await run("relayReplay", [
      id,
      ...routeArgs(
        id,
        names.map((target) => ({ target, lane: lanes.get(target) ?? null })),
      ),
    ]);
    if (done === null) return null;
    emit({ type: "replayed", id, targets: names });
    for (const target of names) announce(target);
    return names;
  }

  async function subscribe(): Promise<void> {
    redis.subscriber.on("message", (_channel: string, target: string) => announce(target));
    const listen = (): void => {
      redis.subscriber.subscribe(`${prefix}:work`).catch((error: unknown) => {
        log.debug("redis.subscribe-failed", { error: messageOf(error) });
      });
    };
    redis.subscriber.on("ready", listen);
    if (redis.subscriber.status === "ready") listen();
  }

  await subscribe();
  await selfCheck();
  loop("heartbeat", leaseMs / 6, heartbeat);
  loop("leases", leaseMs / 2, sweepLeases);
  loop("unrouted", POLL_MS * 3, sweepUnrouted);
  loop("stats", STATS_MS, refreshStats);
  loop("poll", POLL_MS, async () => {
    for (const target of targets) announce(target);
  });

  return {
    async enqueue(event: NewEvent) {
      if (closing) throw new UpstreamError("closed", "the relay is shutting down", { retryable: true });
      const { digest, text } = memoryOf(event.dedupeKey);
      const words = idWords(orders.next(event.meta.receivedAt), digest);
      const id = formatId(words[0]!, words[1]!, words[2]!, words[3]!);
      const meta: EventMeta = { ...event.meta, id };
      let routes: readonly Route[] | Promise<readonly Route[]> | null = null;
      try {
        routes = routesNow(meta, event.body);
      } catch (error) {
        log.error("queue.routing-failed", { eventId: id, error: messageOf(error) });
      }
      const known = await intake.commit([
        text,
        id,
        clock.now(),
        settings().dedupeSeconds * 1000,
        firstIdOf(clock.now() - settings().dedupeSeconds * 1000),
        Buffer.concat(encodeEvent({ meta, body: event.body })),
        ...(Array.isArray(routes) ? ["1", ...routeArgs(id, routes as readonly Route[])] : ["0"]),
      ]);
      if (known !== null) {
        emit({ type: "duplicate", id: known });
        return { status: "duplicate", id: known };
      }
      emit({ type: "stored", meta });
      if (Array.isArray(routes)) {
        const names = (routes as readonly Route[]).map((r) => r.target);
        emit({ type: "routed", meta, targets: names });
        for (const name of names) announce(name);
      } else if (routes !== null) {
        routeLater(meta, routes as Promise<readonly Route[]>).catch((error: unknown) => {
          log.error("queue.routing-failed", { eventId: id, error: messageOf(error) });
        });
      }
      return { status: "accepted", id };
    },

    async known(deliveryIds) {
      const keys = deliveryIds.map((id) => `${prefix}:seen:${memoryOf(dedupeKeyOfDelivery(id)).text}`);
      const found = await Promise.all(keys.map((key) => ask(client.get(key))));
      const oldest = firstIdOf(clock.now() - settings().dedupeSeconds * 1000);
      return deliveryIds.filter((_, i) => (found[i] ?? "") >= oldest);
    },

    setRouting(newRoute, newTargets) {
      route = newRoute;
      targets = [...newTargets];
      for (const target of targets) announce(target);
    },

    async claim(target, room) {
      if (closing || (room.first <= 0 && room.retry <= 0)) return [];
      const since = clock.monotonic();
      const args = [target, consumer, clock.now(), Math.max(0, room.first), Math.max(0, room.retry)];
      const reply = (await run("relayClaim", args)) as (Buffer | null)[];
      if (reply[0]) watchDue(target, Number(reply[0].toString("latin1")));
      const claims: Claim[] = [];
      for (let i = 1; i < reply.length; i += 6)
        claims.push(claimOf(target, reply.slice(i, i + 6) as Buffer[], since));
      return claims;
    },

    onWork(listener) {
      workListeners.add(listener);
      return () => workListeners.delete(listener);
    },

    onEvent(listener) {
      eventListeners.add(listener);
      return () => eventListeners.delete(listener);
    },

    list: (filter, limit, cursor) => listing.page(filter, limit, cursor),
    get: (id) => listing.get(id),

    async body(id) {
      const bytes = await ask(client.getBuffer(`${prefix}:event:${id}`));
      return bytes === null ? null : decodeEvent(bytes).body;
    },

    replay,

    async replayDead(filter: EventFilter) {
      let replayed = 0;
      let cursor: string | null = null;
      do {
        const page = await listing.page({ ...filter, state: "dead" }, 100, cursor);
        for (const { meta, deliveries } of page.events) {
          const dead = latestDeliveries(deliveries).filter(
            (d) => d.state === "dead" && (filter.target === undefined || d.target === filter.target),
          );
          const done = await replay(
            meta.id,
            dead.map((d) => d.target),
          );
          replayed += done?.length ?? 0;
        }
        ({ cursor } = page);
      } while (cursor !== null);
      return replayed;
    },

    async remove(id) {
      return (await retention.remove(id)) === 1;
    },

    async setPaused(target, paused) {
      await ask(paused ? client.sadd(`${prefix}:paused`, target) : client.srem(`${prefix}:paused`, target));
      await refreshStats();
      if (!paused) await ask(client.publish(`${prefix}:work`, target));
    },

    stats: () => stats,
    checks: () => checks,
    async selfCheck() {
      await selfCheck();
      if (checks.every((check) => check.ok)) await refreshStats();
    },
    expire: () => retention.expire(),
    async compact() {
      // Redis gives space back by itself; its append-only file is rewritten by its own rules (auto-aof-rewrite-percentage).
    },
    async close() {
      closing = true;
      for (const timer of [...loops, ...dueTimers.values()]) timer.cancel();
      await redis.close();
    },
  };
}
