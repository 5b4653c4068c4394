/** An event is sent again: new deliveries in Redis, which numbers them in the script that makes them. */
import type { Clock } from "../../../lib/clock.ts";
import type { EventMeta } from "../../event/event.ts";
import { newDelivery } from "../../queue/delivery-state.ts";
import type { QueueEvent } from "../../queue/queue.ts";
import { encodeDelivery } from "./codec.ts";
import type { RedisIntake } from "./intake.ts";
import type { RedisListing } from "./listing.ts";
import type { RoutingSetting } from "./routing-setting.ts";

/** To which of the named targets an event goes: exactly these, or those that it was matched with. */
type Choice = "exactly" | "matched";

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

  /** Durable when it resolves; null: the event is gone. */
  async #send(meta: EventMeta, choice: Choice, names: readonly string[]): Promise<readonly string[] | null> {
    const { clock, intake, setting, emit, announce } = this.#deps;
    const { id } = meta;
    const fresh = encodeDelivery(newDelivery(id, "", 0, clock.now()));
    const lanes = [...new Set(names)].flatMap((name) => [name, setting.laneOf(meta, name) ?? ""]);
    const args = [id, fresh, clock.now(), choice === "matched" ? "any" : "", ...lanes];
    const done = (await intake.commit("replay", args)) as Buffer[] | null;
    if (done === null) return null;
    const replayed = done.map((name) => name.toString("utf8"));
    if (replayed.length > 0) emit({ type: "replayed", id, targets: replayed });
    for (const name of replayed) announce(name);
    return replayed;
  }
}
