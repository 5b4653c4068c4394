/** Deliveries of targets that the settings no longer have, in Redis: moved to another target, or dead letters once they are too old. */
import type { Clock } from "../../../lib/clock.ts";
import type { EventMeta } from "../../event/event.ts";
import { givenUp, moved, newDelivery, type Delivery } from "../../queue/delivery-state.ts";
import { TargetExistsError, UnknownTargetError } from "../../queue/errors.ts";
import { ORPHAN_MAX_AGE_MS, orphanReason } from "../../queue/orphans.ts";
import { standingDeliveries } from "../../queue/filter.ts";
import type { EventSummary, QueueEvent } from "../../queue/queue.ts";
import { encodeDelivery } from "./codec.ts";
import type { RedisConnection } from "./connection.ts";
import { firstIdOf } from "./ids.ts";
import type { RedisIntake } from "./intake.ts";

/** Events that are looked up together. */
const PAGE = 100;

export interface OrphanDeps {
  readonly redis: RedisConnection;
  readonly clock: Clock;
  readonly intake: RedisIntake;
  /** The targets of the settings; null until they are known. */
  readonly targets: () => readonly string[] | null;
  /** The lane of an event at a target that it was not matched with. */
  readonly laneOf: (meta: EventMeta, target: string) => string | null;
  readonly get: (id: string) => Promise<EventSummary | null>;
  readonly emit: (event: QueueEvent) => void;
  readonly announce: (target: string) => void;
}

export interface RedisOrphans {
  /** As Queue.move(). */
  move(from: string, to: string): Promise<number>;
  /** Makes dead letters of what is too old; returns how many. */
  expire(): Promise<number>;
}

export function createRedisOrphans(deps: OrphanDeps): RedisOrphans {
  const { redis, clock, intake, laneOf, get, emit } = deps;
  const { client, prefix, ask } = redis;

  /**
   * Ends a delivery that is still as it was read; false: it is not.
   * @param to where a new delivery goes, in this lane; both empty: nowhere
   */
  async function retire(before: Delivery, after: Delivery, to: string, lane: string): Promise<boolean> {
    const { eventId, target, replay } = before;
    const fresh = encodeDelivery(newDelivery(eventId, to, 0, clock.now()));
    const expected = [before.state === "dead" ? "x" : "w", before.attempts];
    const args = [eventId, target, replay, ...expected, encodeDelivery(after), clock.now(), to, fresh, lane];
    return (await intake.commit("retire", args)) === 1;
  }

  /** The ids behind this one, oldest first, of events with a delivery to this target in these states. */
  async function idsAfter(target: string, after: string, states: "open" | "open-or-dead"): Promise<string[]> {
    const from = after === "" ? "-" : `(${after}\u{7f}`;
    const [open, dead] = await Promise.all([
      ask(client.zrangebylex(`${prefix}:open:${target}`, from, "+", "LIMIT", 0, PAGE)),
      states === "open-or-dead"
        ? ask(client.zrangebylex(`${prefix}:dead:${target}`, from, "+", "LIMIT", 0, PAGE))
        : [],
    ]);
    const ids = new Set([...open.map((ref) => ref.slice(0, ref.indexOf(":"))), ...dead]);
    return [...ids].sort().slice(0, PAGE);
  }

  return {
    async move(from, to) {
      const known = deps.targets() ?? [];
      if (known.includes(from)) throw new TargetExistsError(from);
      if (!known.includes(to)) throw new UnknownTargetError(to);
      let count = 0;
      for (
        let ids = await idsAfter(from, "", "open-or-dead");
        ids.length > 0;
        ids = await idsAfter(from, ids.at(-1)!, "open-or-dead")
      ) {
        for (const event of await Promise.all(ids.map(get))) {
          const deliveries = standingDeliveries(event?.deliveries ?? []).filter(
            ({ target, state }) => target === from && (state === "waiting" || state === "dead"),
          );
          for (const delivery of deliveries)
            if (await retire(delivery, moved(delivery, clock.now(), to), to, laneOf(event!.meta, to) ?? ""))
              count += 1;
          if (deliveries.length > 0) emit({ type: "replayed", id: event!.meta.id, targets: [to] });
        }
      }
      if (count > 0) deps.announce(to);
      return count;
    },

    async expire() {
      const known = deps.targets();
      if (known === null) return 0;
      const before = firstIdOf(clock.now() - ORPHAN_MAX_AGE_MS);
      let count = 0;
      for (const target of await ask(client.smembers(`${prefix}:targets`))) {
        if (known.includes(target)) continue;
        for (let ids = await idsAfter(target, "", "open"); ids.length > 0;) {
          const old = ids.filter((id) => id < before);
          for (const event of await Promise.all(old.map(get))) {
            for (const delivery of event?.deliveries ?? []) {
              if (delivery.target !== target || delivery.state !== "waiting") continue;
              const after = givenUp(delivery, clock.now(), orphanReason(target));
              if (!(await retire(delivery, after, "", ""))) continue;
              emit({ type: "settled", meta: event!.meta, delivery: after, attempt: null });
              count += 1;
            }
          }
          ids = old.length < ids.length ? [] : await idsAfter(target, ids.at(-1)!, "open");
        }
      }
      return count;
    },
  };
}
