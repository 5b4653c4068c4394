/**
 * Claims of this relay: taken from Redis, kept alive while they are sent, settled there, and handed back at the end. Redis itself
 * decides in each of these steps whether the claim is still this relay's.
 */
import { randomUUID } from "node:crypto";
import type { Clock } from "../../../lib/clock.ts";
import type { Log } from "../../../lib/log.ts";
import { decodeEvent, type EventMeta } from "../../event/event.ts";
import { settled, type Delivery, type Settlement } from "../../queue/delivery-state.ts";
import type { Claim, QueueEvent, Room } from "../../queue/queue.ts";
import { decodeDelivery, encodeDelivery } from "./codec.ts";
import type { RedisConnection } from "./connection.ts";
import { Leases, leaseTimes, type Lease } from "./leases.ts";
import type { Work } from "./work.ts";

/** No more is taken in one answer once it holds so many bytes. */
const ANSWER_BYTES = 8_388_608;
/** Values that the script answers for each claim. */
const ROW = 6;

export interface ClaimsDeps {
  readonly redis: RedisConnection;
  readonly clock: Clock;
  readonly log: Log;
  readonly work: Work;
  readonly leaseMs: number;
  /** The targets of this relay. */
  readonly targets: () => readonly string[];
  readonly emit: (event: QueueEvent) => void;
}

export interface Claims {
  claim(target: string, room: Room): Promise<Claim[]>;
  /** Renews the leases, and gives up the claims that are lost. */
  heartbeat(): Promise<void>;
  /** Hands out anew what was claimed by relays that do not renew their leases. */
  sweep(): Promise<void>;
  /** Gives back what is still held; nothing is claimed any more. */
  release(): Promise<void>;
}

export function createClaims({ redis, clock, log, work, leaseMs, targets, emit }: ClaimsDeps): Claims {
  const { run } = redis;
  const consumer = randomUUID();
  const times = leaseTimes(leaseMs);
  const leases = new Leases(clock, times.trustedMs);
  /** Those that were ever claimed from: this relay may hold something of them. */
  const claimedFrom = new Set<string>();
  let released = false;

  async function settle(
    lease: Lease,
    meta: EventMeta,
    delivery: Delivery,
    settlement: Settlement,
  ): Promise<void> {
    const { target, kind, entry, lane, eventId, replay } = lease;
    const lost = (): void => log.warn("delivery.claim-lost", { eventId, target, replay });
    if (!leases.isTrusted(lease)) {
      lost();
      return;
    }
    const now = clock.now();
    const next = settled(delivery, settlement);
    const kept = await run("settle", [
      target,
      kind,
      entry,
      consumer,
      lane,
      eventId,
      replay,
      settlement.outcome,
      encodeDelivery(next),
      now,
      next.dueAt ?? now,
    ]);
    if (kept === 0) {
      leases.lose(lease);
      lost();
      return;
    }
    leases.remove(lease);
    const attempt = settlement.outcome === "released" ? null : settlement.attempt;
    emit({ type: "settled", meta, delivery: next, attempt });
    if (next.dueAt !== null && next.dueAt > now) work.watchDue(target, next.dueAt);
    else if (lane !== "" || next.dueAt !== null) work.announce(target);
  }

  function claimOf(target: string, row: readonly Buffer[], since: number): Claim {
    const [kind = "", entry = "", lane = "", ref = ""] = row.slice(0, 4).map((b) => b.toString("utf8"));
    const { meta, body } = decodeEvent(row[4]!);
    const replay = Number(ref.slice(ref.indexOf(":") + 1));
    const stored = decodeDelivery(row[5]!.toString("utf8"), meta, target, replay);
    const delivery: Delivery = { ...stored, state: "sending" };
    const lease = leases.add({ target, kind, entry, lane, eventId: meta.id, replay }, since);
    return {
      delivery,
      meta,
      body,
      // Asked for right before the sending: a relay that was paused since the claim does not begin.
      get lost() {
        leases.isTrusted(lease);
        return lease.controller.signal;
      },
      settle: (settlement) => settle(lease, meta, delivery, settlement),
    };
  }

  return {
    async claim(target, room) {
      if (released || (room.first <= 0 && room.retry <= 0)) return [];
      claimedFrom.add(target);
      const since = clock.monotonic();
      const wanted = [Math.max(0, room.first), Math.max(0, room.retry)];
      const latest = room.capMs === undefined ? "+inf" : clock.now() + room.capMs;
      const args = [target, consumer, clock.now(), ...wanted, ANSWER_BYTES, latest];
      const reply = (await run("claim", args)) as (Buffer | null)[];
      if (reply[0]) work.watchDue(target, Number(reply[0].toString("latin1")));
      const claims: Claim[] = [];
      for (let i = 1; i < reply.length; i += ROW)
        claims.push(claimOf(target, reply.slice(i, i + ROW) as Buffer[], since));
      return claims;
    },

    async heartbeat() {
      const held = leases.trusted();
      if (held.length === 0) return;
      const since = clock.monotonic();
      const args = held.flatMap((l) => [l.target, l.kind, l.entry, l.lane, `${l.eventId}:${l.replay}`]);
      const lost = new Set((await run("heartbeat", [consumer, ...args])) as number[]);
      held.forEach((lease, i) => {
        if (lost.has(i)) leases.lose(lease);
        else lease.renewedAt = since;
      });
    },

    async sweep() {
      const args = [times.takenAfterMs, times.forgottenAfterMs, ...targets()];
      const taken = Number(await run("sweep", args));
      if (taken > 0) log.warn("redis.claims-taken-over", { claims: taken });
    },

    async release() {
      if (released) return;
      released = true;
      if (claimedFrom.size > 0) await run("release", [consumer, ...claimedFrom]);
    },
  };
}
