/** Replays in Redis: new deliveries of stored events, of one or of all that fit. Redis numbers them in the script that makes them. */
import type { Clock } from "../../../lib/clock.ts";
import type { EventMeta } from "../../event/event.ts";
import { newDelivery, type DeliveryState } from "../../queue/delivery-state.ts";
import { deliveryMatches, deliveryStates, standingDeliveries } from "../../queue/filter.ts";
import type { BulkReplay, EventFilter, EventSummary, QueueEvent } from "../../queue/queue.ts";
import { encodeDelivery, letterOf } from "./codec.ts";
import type { RedisIntake } from "./intake.ts";
import type { RedisListing } from "./listing.ts";
import type { RoutingSetting } from "./routing-setting.ts";

/** Events of a bulk replay that are looked up together. */
const PAGE = 100;

/** To which of the named targets an event goes: exactly these, those that it was matched with, or those whose delivery is in a state. */
type Choice = "exactly" | "matched" | readonly DeliveryState[];

export interface ReplayDeps {
  readonly clock: Clock;
  readonly intake: RedisIntake;
  readonly listing: RedisListing;
  readonly setting: RoutingSetting;
  readonly emit: (event: QueueEvent) => void;
  readonly announce: (target: string) => void;
}

export class RedisReplays {
  readonly #deps: ReplayDeps;

  constructor(deps: ReplayDeps) {
    this.#deps = deps;
  }

  /** As Queue.replay(). */
  async replay(id: string, names: readonly string[] | null): Promise<readonly string[] | null> {
    const { setting, listing } = this.#deps;
    setting.refuseUnknown(names ?? []);
    const event = await listing.get(id);
    if (event === null) return null;
    return names === null
      ? this.#send(event.meta, "matched", setting.targets)
      : this.#send(event.meta, "exactly", names);
  }

  /** As Queue.replayAll(). */
  async replayAll(filter: EventFilter, chosen: readonly string[] | null, limit: number): Promise<BulkReplay> {
    const { setting, listing } = this.#deps;
    setting.refuseUnknown(chosen ?? []);
    const asked: EventFilter = chosen === null ? { ...filter, state: filter.state ?? "dead" } : filter;
    const choice = chosen === null ? deliveryStates(asked) : "exactly";
    if (choice.length === 0) return { events: 0, deliveries: 0, more: false, cursor: null };
    let events = 0;
    let deliveries = 0;
    let cursor: string | null = null;
    do {
      const page = await listing.oldest(asked, Math.min(PAGE, limit - events), cursor);
      // Sent in this order and carried out in it: Redis does one thing after another.
      const done = await Promise.all(
        page.events.map((event) => this.#send(event.meta, choice, chosen ?? this.#targetsIn(event, asked))),
      );
      const replayed = done.filter((found) => found !== null && found.length > 0);
      events += replayed.length;
      deliveries += replayed.reduce((sum, found) => sum + (found?.length ?? 0), 0);
      ({ cursor } = page);
    } while (cursor !== null && events < limit);
    const more = cursor !== null && (await listing.oldest(asked, 1, cursor)).events.length > 0;
    return { events, deliveries, more, cursor };
  }

  /** The targets that exist and whose delivery is as the filter asks. */
  #targetsIn({ deliveries }: EventSummary, asked: EventFilter): string[] {
    const { targets } = this.#deps.setting;
    return standingDeliveries(deliveries)
      .filter((delivery) => targets.includes(delivery.target) && deliveryMatches(delivery, asked))
      .map(({ target }) => target);
  }

  /** Durable when it resolves; null: the event is gone. */
  async #send(meta: EventMeta, choice: Choice, names: readonly string[]): Promise<readonly string[] | null> {
    const { clock, intake, setting, emit, announce } = this.#deps;
    const { id } = meta;
    const fresh = encodeDelivery(newDelivery(id, "", 0, clock.now()));
    const lanes = [...new Set(names)].flatMap((name) => [name, setting.laneOf(meta, name) ?? ""]);
    const args = [id, fresh, clock.now(), lettersOf(choice), ...lanes];
    const done = (await intake.commit("replay", args)) as Buffer[] | null;
    if (done === null) return null;
    const replayed = done.map((name) => name.toString("utf8"));
    if (replayed.length > 0) emit({ type: "replayed", id, targets: replayed });
    for (const name of replayed) announce(name);
    return replayed;
  }
}

/** As replay.lua takes it. */
function lettersOf(choice: Choice): string {
  if (choice === "exactly") return "";
  return choice === "matched" ? "any" : choice.map(letterOf).join("");
}
