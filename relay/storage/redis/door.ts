/**
 * The way in: gives an event its id, matches it if the rules answer at once, and stores it with its routes and the memory of its
 * delivery in one durable write, which events that come together share. Redis tells a duplicate from a new event in the same script.
 */
import type { Clock } from "../../../lib/clock.ts";
import { encodeEvent, withId, type NewEvent } from "../../event/event.ts";
import { formatId, idWords, OrderSource } from "../../event/event-id.ts";
import { PairChangedError } from "../../queue/errors.ts";
import type { Enqueued, QueueEvent } from "../../queue/queue.ts";
import { createBatches, type Arriving, type Batches } from "./batches.ts";
import type { RedisConnection } from "./connection.ts";
import { countedKind } from "./kinds.ts";
import { firstOrderOf, gitlabIdStart, gitlabIdStarts, memoryOf } from "./ids.ts";
import type { RedisIntake } from "./intake.ts";
import { routeArgs, type RedisMatching } from "./routing.ts";
import type { SelfCheck } from "./self-check.ts";

export interface DoorDeps {
  readonly redis: RedisConnection;
  readonly clock: Clock;
  readonly intake: RedisIntake;
  /** Told what became of each write, so that readiness knows before it looks itself. */
  readonly selfCheck: SelfCheck;
  readonly matching: RedisMatching;
  /** Asked anew each time, as settings change. */
  readonly dedupeSeconds: () => number;
  readonly emit: (event: QueueEvent) => void;
  readonly announce: (target: string) => void;
}

/** Answer of the script: no id. */
const CHANGED = Buffer.from("changed");

/** What the script needs to tell whether another event of the pair was stored meanwhile; empty: nobody asks. */
function pairOf({ meta: { pairKey }, pairsSeen }: NewEvent): string {
  return pairKey === undefined || pairsSeen === undefined ? "" : `${gitlabIdStart(pairKey)}${pairsSeen}`;
}

export class Door {
  readonly #deps: DoorDeps;
  readonly #orders = new OrderSource();
  readonly #batches: Batches;

  constructor(deps: DoorDeps) {
    this.#deps = deps;
    const { redis, intake, selfCheck, clock, dedupeSeconds } = deps;
    this.#batches = createBatches({
      keyOf: (id) => `${redis.prefix}:event:${id}`,
      leading: () => [clock.now(), dedupeSeconds() * 1000, this.#oldestRemembered()],
      commit: (args, staged) => intake.commit("enqueue", args, staged),
      // If the rule cannot be found out, the call says so.
      sharesWaits: () =>
        selfCheck.rule().then(
          (rule) => rule !== null,
          () => false,
        ),
    });
  }

  /** As Queue.enqueue(). A crash before the answer may leave the event stored: its repetition is then a duplicate. */
  async enqueue(event: NewEvent): Promise<Enqueued> {
    const { matching, emit, announce } = this.#deps;
    const { digest } = memoryOf(event.dedupeKey);
    const words = idWords(this.#orders.next(event.meta.receivedAt), digest);
    const id = formatId(words[0]!, words[1]!, words[2]!, words[3]!);
    const meta = withId(event.meta, id);
    const routes = await matching.routesNow(meta, event.body);
    const known = await this.#store({
      id,
      bytes: encodeEvent({ meta, body: event.body }),
      args: [
        typeof event.formerDedupeKey === "string" ? memoryOf(event.formerDedupeKey).text : "",
        gitlabIdStarts(meta),
        countedKind(meta),
        pairOf(event),
        ...(routes === null ? ["-1"] : [`${routes.length}`, ...routeArgs(routes)]),
      ],
    });
    if (known?.equals(CHANGED) === true) throw new PairChangedError();
    if (known !== null) {
      const first = known.toString("latin1");
      emit({ type: "duplicate", id: first });
      return { status: "duplicate", id: first };
    }
    emit({ type: "stored", meta });
    if (routes === null) {
      matching.matchLater(meta, event.body);
    } else {
      emit({ type: "routed", meta, targets: routes.map((route) => route.target) });
      for (const { target } of routes) announce(target);
    }
    return { status: "accepted", id };
  }

  /** As Queue.known(). */
  async known(dedupeKeys: readonly string[]): Promise<string[]> {
    if (dedupeKeys.length === 0) return [];
    const { client, prefix, ask } = this.#deps.redis;
    const keys = dedupeKeys.map((key) => `${prefix}:seen:${memoryOf(key).text}`);
    const found = await ask(client.mget(keys));
    const oldest = this.#oldestRemembered();
    return dedupeKeys.filter((_, i) => (found[i] ?? "") >= oldest);
  }

  #oldestRemembered(): string {
    const { clock, dedupeSeconds } = this.#deps;
    return firstOrderOf(clock.now() - dedupeSeconds() * 1000);
  }

  /** Resolves with the id of the event that this one repeats; null: it is new. */
  async #store(event: Arriving): Promise<Buffer | null> {
    const { selfCheck } = this.#deps;
    try {
      const reply = await this.#batches.store(event);
      selfCheck.stored();
      return reply;
    } catch (error) {
      selfCheck.refused(error);
      throw error;
    }
  }
}
