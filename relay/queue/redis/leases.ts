/**
 * The claims that this relay holds, and for how long it may trust them. A claim whose lease could not be renewed in time is given
 * up here before another relay may take it: its signal aborts, and nothing more is sent for it.
 */
import type { Clock } from "../../../lib/clock.ts";

export interface Lease {
  /** Name of the stream without the prefix: `first:<target>` or `retry:<target>`. */
  readonly stream: string;
  readonly entry: string;
  readonly controller: AbortController;
  /** Monotonic time of the last moment at which Redis is known to have held it for us. */
  renewedAt: number;
}

/** Share of the lease after which a claim counts as lost: the rest covers what is still on its way out. */
const TRUSTED_SHARE = 0.8;

export class Leases {
  readonly #held = new Map<string, Lease>();
  readonly #clock: Clock;
  readonly #leaseMs: number;

  constructor(clock: Clock, leaseMs: number) {
    this.#clock = clock;
    this.#leaseMs = leaseMs;
  }

  get size(): number {
    return this.#held.size;
  }

  /** @param since monotonic time before the claim was asked for */
  add(stream: string, entry: string, since: number): Lease {
    const lease: Lease = { stream, entry, controller: new AbortController(), renewedAt: since };
    this.#held.set(`${stream} ${entry}`, lease);
    return lease;
  }

  remove(lease: Lease): void {
    this.#held.delete(`${lease.stream} ${lease.entry}`);
  }

  /** Gives up what can no longer be trusted; returns what is left. */
  trusted(): Lease[] {
    const oldest = this.#clock.monotonic() - this.#leaseMs * TRUSTED_SHARE;
    for (const lease of this.#held.values()) if (lease.renewedAt < oldest) this.lose(lease);
    return [...this.#held.values()];
  }

  /** Notes that Redis confirmed these at `since`, all but the lost ones. */
  renewed(leases: readonly Lease[], lostEntries: ReadonlySet<string>, since: number): void {
    for (const lease of leases) {
      if (lostEntries.has(lease.entry)) this.lose(lease);
      else lease.renewedAt = since;
    }
  }

  lose(lease: Lease): void {
    this.remove(lease);
    lease.controller.abort(new Error("the claim was lost to another relay"));
  }

  isHeld(lease: Lease): boolean {
    return this.#held.has(`${lease.stream} ${lease.entry}`);
  }
}
