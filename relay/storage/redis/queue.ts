/**
 * The queue of many relays on one Redis (or Valkey): any of them takes an event, any of them delivers it. Puts its parts together;
 * what each part does stands in its file:
 *
 *   redis/lua/*.lua     what must happen at once, and the keys it happens to
 *   redis/connection.ts, options.ts, sender.ts, wire.ts, failure.ts     the way to Redis
 *   redis/door.ts, batches.ts                           the way in
 *   redis/intake.ts     durable writes
 *   redis/self-check.ts, durability.ts                  whether Redis can make them so
 *   redis/routing.ts    matches events with targets     redis/work.ts        tells workers where something is to do
 *   redis/claims.ts, leases.ts                          claims and settlements
 *   redis/listing.ts, stats.ts, retention.ts            what the operator asks for
 *   redis/replays.ts, replay-jobs.ts                    what is delivered again
 *
 * Everything is in Redis: a crash of this process leaves its claims to the others after `leaseSeconds`, and nothing else.
 */
import { messageOf, UpstreamError } from "../../../lib/errors.ts";
import type { Log } from "../../../lib/log.ts";
import { decodeEvent, type NewEvent } from "../../event/event.ts";
import { Emitter } from "../../queue/emitter.ts";
import type {
  Check,
  Claim,
  Duplicates,
  Enqueued,
  EventFilter,
  EventPage,
  EventSummary,
  KindCounts,
  ListOrder,
  QueueEvent,
  QueueStats,
  Room,
  Router,
} from "../../queue/queue.ts";
import type { ReplayJobs, ReplayQueue } from "../../queue/replay-job.ts";
import type { StorageDeps } from "../driver.ts";
import { createClaims, type Claims } from "./claims.ts";
import type { RedisConnection } from "./connection.ts";
import { Door } from "./door.ts";
import { createIntake, type RedisIntake } from "./intake.ts";
import { leaseTimes } from "./leases.ts";
import { createRedisListing, type RedisListing } from "./listing.ts";
import { createLoops, type Loops } from "./loops.ts";
import { createRedisOrphans, type RedisOrphans } from "./orphans.ts";
import { createRedisReplayJobs } from "./replay-jobs.ts";
import { RedisReplays } from "./replays.ts";
import { createRetention, type RedisRetention } from "./retention.ts";
import { RoutingSetting } from "./routing-setting.ts";
import { createRedisMatching, type RedisMatching } from "./routing.ts";
import { startSelfCheck, type SelfCheck } from "./self-check.ts";
import { readKinds } from "./kinds.ts";
import { createStats } from "./stats.ts";
import { createWork, type Work } from "./work.ts";

/** Longest time that a lost message can cost, in milliseconds. */
const POLL_MS = 1000;
const UNROUTED_MS = 3000;
/** How long readiness may be wrong while no event comes. */
const SELF_CHECK_MS = 5000;

/** Opens the queue on a connection, which it does not close. Resolves when Redis answered, or could not be reached: then checks() say so, and it comes back by itself. */
export async function openRedisQueue(redis: RedisConnection, deps: StorageDeps): Promise<ReplayQueue> {
  return new RedisQueue(redis, deps, await startSelfCheck(redis, deps.settings().redis));
}

class RedisQueue implements ReplayQueue {
  readonly isShared = true;
  readonly replayJobs: ReplayJobs;
  readonly stats: () => Promise<QueueStats>;
  readonly kinds: () => Promise<KindCounts>;
  readonly #redis: RedisConnection;
  readonly #log: Log;
  readonly #events: Emitter<QueueEvent>;
  /** Which targets exist, and how events are matched with them. */
  readonly #setting = new RoutingSetting();
  readonly #work: Work;
  readonly #selfCheck: SelfCheck;
  readonly #intake: RedisIntake;
  readonly #matching: RedisMatching;
  readonly #door: Door;
  readonly #claims: Claims;
  readonly #listing: RedisListing;
  readonly #replays: RedisReplays;
  readonly #orphans: RedisOrphans;
  readonly #retention: RedisRetention;
  /** What this relay does again and again, until close(). */
  readonly #loops: Loops;
  /** Null until close() is called; from then on nothing is taken in or claimed. */
  #closing: Promise<void> | null = null;

  constructor(redis: RedisConnection, deps: StorageDeps, selfCheck: SelfCheck) {
    const { clock, log, random, settings, onSync } = deps;
    const leaseMs = settings().redis.leaseSeconds * 1000;
    this.#redis = redis;
    this.#log = log;
    this.#events = new Emitter<QueueEvent>(log);
    this.#selfCheck = selfCheck;
    this.#work = createWork(redis, clock, log);
    this.#intake = createIntake({ redis, clock, rule: selfCheck.rule, onSync });
    this.#listing = createRedisListing(redis, clock);
    const emit = (event: QueueEvent): void => this.#events.emit(event);
    const { announce } = this.#work;
    const targets = (): readonly string[] => this.#setting.targets;
    const get = (id: string): Promise<EventSummary | null> => this.#listing.get(id);
    const shared = { redis, clock, intake: this.#intake, emit, announce };
    this.#matching = createRedisMatching({ redis, clock, log, emit, announce });
    this.#door = new Door({
      ...shared,
      selfCheck,
      matching: this.#matching,
      dedupeSeconds: () => settings().dedupeSeconds,
    });
    this.#claims = createClaims({ redis, clock, log, work: this.#work, leaseMs, targets, emit });
    this.#replays = new RedisReplays({ ...shared, listing: this.#listing, setting: this.#setting });
    const laneOf: RoutingSetting["laneOf"] = (meta, target) => this.#setting.laneOf(meta, target);
    this.#orphans = createRedisOrphans({ ...shared, laneOf, targets: () => this.#setting.knownTargets, get });
    this.replayJobs = createRedisReplayJobs({ ...shared, laneOf, targets, listing: this.#listing });
    const removed = (id: string): void => emit({ type: "removed", id });
    this.#retention = createRetention({ redis, clock, retain: () => settings().retain, get, removed });
    this.stats = createStats(redis, targets);
    this.kinds = () => readKinds(redis);
    this.#loops = createLoops({ clock, random, log });
    this.#startLoops(leaseMs);
  }

  async enqueue(event: NewEvent): Promise<Enqueued> {
    if (this.#closing !== null)
      throw new UpstreamError("closed", "the relay is shutting down", { retryable: true });
    return this.#door.enqueue(event);
  }

  known(dedupeKeys: readonly string[]): Promise<string[]> {
    return this.#door.known(dedupeKeys);
  }

  setRouting(router: Router, targets: readonly string[]): void {
    this.#setting.set(router, targets);
    this.#matching.set(router);
    this.#claims.sweep().catch((error: unknown) => {
      this.#log.debug("redis.sweep-failed", { error: messageOf(error) });
    });
    this.#announceAll();
  }

  async claim(target: string, room: Room): Promise<Claim[]> {
    return this.#closing === null ? this.#claims.claim(target, room) : [];
  }

  onWork(listener: (target: string) => void): () => void {
    return this.#work.on(listener);
  }

  onEvent(listener: (event: QueueEvent) => void): () => void {
    return this.#events.on(listener);
  }

  list(
    filter: EventFilter,
    limit: number,
    cursor: string | null,
    order: ListOrder = "newest",
  ): Promise<EventPage> {
    return this.#listing.page(filter, limit, { cursor, order });
  }

  get(id: string): Promise<EventSummary | null> {
    return this.#listing.get(id);
  }

  find(id: string): Promise<readonly EventSummary[]> {
    return this.#listing.find(id);
  }

  async body(id: string): Promise<Uint8Array | null> {
    const { client, prefix, ask } = this.#redis;
    const bytes = await ask(client.getBuffer(`${prefix}:event:${id}`));
    return bytes === null ? null : decodeEvent(bytes).body;
  }

  async duplicates(id: string): Promise<Duplicates | null> {
    const { client, prefix, ask } = this.#redis;
    const { count, at } = await ask(client.hgetall(`${prefix}:duplicates:${id}`));
    return count === undefined ? null : { count: Number(count), lastAt: Number(at) };
  }

  replay(id: string, targets: readonly string[] | null): Promise<readonly string[] | null> {
    return this.#replays.replay(id, targets);
  }

  move(from: string, to: string): Promise<number> {
    return this.#orphans.move(from, to);
  }

  async remove(id: string): Promise<boolean> {
    if ((await this.#retention.remove(id)) === 0) return false;
    // Gives up what this relay is sending of it; the others notice with their next heartbeat.
    await this.#claims.heartbeat();
    return true;
  }

  async setPaused(target: string, paused: boolean): Promise<void> {
    await this.#intake.commit("pause", [target, paused ? 1 : 0]);
    if (!paused) this.#work.announce(target);
  }

  checks(): readonly Check[] {
    return this.#selfCheck.checks();
  }

  selfCheck(): Promise<void> {
    return this.#selfCheck.look();
  }

  async expire(): Promise<number> {
    await this.#orphans.expire();
    return this.#retention.expire();
  }

  async compact(): Promise<void> {
    // Redis gives space back by itself; its append-only file is rewritten by its own rules (auto-aof-rewrite-percentage).
  }

  async verify(): Promise<void> {
    // Redis checks its append-only file when it loads it.
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#loops.stop();
    this.#work.stop();
    await this.#matching.close();
    await this.#claims.release().catch((error: unknown) => {
      this.#log.warn("redis.claims-kept", { note: "others take them over", error: messageOf(error) });
    });
  }

  #startLoops(leaseMs: number): void {
    const times = leaseTimes(leaseMs);
    this.#loops.every("heartbeat", times.renewEveryMs, () => this.#claims.heartbeat());
    this.#loops.every("leases", times.sweepEveryMs, () => this.#claims.sweep());
    this.#loops.every("unrouted", UNROUTED_MS, () => this.#matching.sweep());
    this.#loops.every("self-check", SELF_CHECK_MS, () => this.#selfCheck.look());
    this.#loops.every("poll", POLL_MS, () => this.#announceAll());
  }

  #announceAll(): void {
    for (const target of this.#setting.targets) this.#work.announce(target);
  }
}
