/**
 * The claims that this relay holds, and for how long it may trust them. A claim whose lease could not be renewed in time is given
 * up here before another relay may take it: its signal aborts, and nothing more is sent for it.
 *
 * Of a lease, in its parts: renewed every sixth, trusted here for 0.6 since it was last asked for, taken away by others after 0.8,
 * which they look for every eighth. So a relay that died is replaced within its lease.
 */
import type { Clock } from "../../../lib/clock.ts";

const TRUSTED_SHARE = 0.6;
const TAKEN_SHARE = 0.8;

/** When things happen to leases of this length, in milliseconds. */
export function leaseTimes(leaseMs: number) {
  return {
    renewEveryMs: leaseMs / 6,
    trustedMs: leaseMs * TRUSTED_SHARE,
    takenAfterMs: Math.round(leaseMs * TAKEN_SHARE),
    sweepEveryMs: leaseMs / 8,
    /** A consumer that holds nothing and was silent for so long is forgotten. */
    forgottenAfterMs: leaseMs * 10,
  };
}

/** What a claim is to Redis. */
export interface Held {
  readonly target: string;
  readonly kind: string;
  readonly entry: string;
  /** Empty: none. */
  readonly lane: string;
  readonly eventId: string;
  readonly replay: number;
}

export interface Lease extends Held {
  readonly controller: AbortController;
  /** Monotonic time of the last moment at which Redis is known to have held it for us. */
  renewedAt: number;
}

export class Leases {
  readonly #held = new Set<Lease>();
  readonly #clock: Clock;
  readonly #trustedMs: number;

  /** @param trustedMs how long after its last renewal a claim is believed in */
  constructor(clock: Clock, trustedMs: number) {
    this.#clock = clock;
    this.#trustedMs = trustedMs;
  }

  /** @param since monotonic time before the claim was asked for */
  add(held: Held, since: number): Lease {
    const lease: Lease = { ...held, controller: new AbortController(), renewedAt: since };
    this.#held.add(lease);
    return lease;
  }

  remove(lease: Lease): void {
    this.#held.delete(lease);
  }

  /** Gives up what can no longer be trusted; returns what is left. */
  trusted(): Lease[] {
    return [...this.#held].filter((lease) => this.isTrusted(lease));
  }

  /** Whether the claim is still this relay's, as far as it can know; one that was not renewed in time is given up. */
  isTrusted(lease: Lease): boolean {
    if (!this.#held.has(lease)) return false;
    if (this.#clock.monotonic() - lease.renewedAt <= this.#trustedMs) return true;
    this.lose(lease);
    return false;
  }

  lose(lease: Lease): void {
    this.remove(lease);
    lease.controller.abort(new Error("the claim was lost to another relay"));
  }
}
