/**
 * How many attempts of a target may start now: its slots, its breaker and its rate limit together. Nothing is asked for that could
 * not start at once, so that waiting uses up no attempt. Times are those of the monotonic clock, in milliseconds.
 */
import type { Claim, Room } from "../queue/queue.ts";
import { admitted, afterEnd, afterStart, atTime, CLOSED, type Breaker, type Sign } from "./breaker.ts";
import { createRate, type Rate } from "./rate.ts";
import type { DeliverySettings } from "./settings.ts";
import { nextAsk } from "./slots.ts";

/** Deliveries that were never tried and those that were have their own slots. */
export type Side = "first" | "retry";

/** An attempt that was let through. */
export interface Admitted {
  readonly side: Side;
  /** Whether it decides if the breaker closes again. */
  readonly probe: boolean;
}

export class Admission {
  /** Attempts under way. */
  readonly sending = { first: 0, retry: 0 };
  #config: DeliverySettings;
  #rate: Rate | null;
  #breaker: Breaker = CLOSED;
  /** The side that got a slot last: the other one is next. */
  #last: Side = "retry";

  constructor(config: DeliverySettings) {
    this.#config = config;
    this.#rate = rateOf(config);
  }

  /** New settings. The breaker starts anew; the rate limit does so only if it changed. */
  reconfigure(config: DeliverySettings): void {
    if (JSON.stringify(this.#config.rateLimit) !== JSON.stringify(config.rateLimit))
      this.#rate = rateOf(config);
    this.#config = config;
    this.#breaker = CLOSED;
  }

  /** What to claim now; null if nothing may start. A side that is dry has nothing more to claim. */
  ask(dry: Readonly<Record<Side, boolean>>, now: number): Room | null {
    this.#breaker = atTime(this.#breaker, now);
    const { concurrency } = this.#config;
    const wanted = Math.min(concurrency, this.#rate?.available(now) ?? concurrency);
    return nextAsk({ concurrency, ...this.sending, last: this.#last }, admitted(this.#breaker, wanted), dry);
  }

  start(claim: Claim, now: number): Admitted {
    const side = sideOf(claim);
    const probe = this.#breaker.state === "half-open";
    this.sending[side] += 1;
    this.#last = side;
    this.#rate?.take(1, now);
    this.#breaker = afterStart(this.#breaker);
    return { side, probe };
  }

  /** Frees the slot of an attempt. */
  free({ side }: Admitted): void {
    this.sending[side] -= 1;
  }

  /** What the end of an attempt says of the target. Returns the breaker's state if it changed. */
  judge({ probe }: Admitted, sign: Sign, now: number): Breaker["state"] | null {
    const before = this.#breaker.state;
    this.#breaker = afterEnd(this.#breaker, { sign, probe }, this.#config.breaker, now);
    return this.#breaker.state === before ? null : this.#breaker.state;
  }

  /** Whether nothing but the number of slots holds attempts back. */
  isUnhindered(): boolean {
    return this.#breaker.state === "closed" && this.#rate === null;
  }

  isIdle(): boolean {
    return this.sending.first + this.sending.retry === 0;
  }

  breaker(now: number): Breaker {
    return atTime(this.#breaker, now);
  }

  /** Milliseconds until the rate limit lets an attempt start; null if there is no limit. */
  rateWaitMs(now: number): number | null {
    return this.#rate?.waitMs(now) ?? null;
  }
}

export function sideOf(claim: Claim): Side {
  return claim.delivery.attempts > 0 ? "retry" : "first";
}

function rateOf(config: DeliverySettings): Rate | null {
  return config.rateLimit === undefined ? null : createRate(config.rateLimit);
}
