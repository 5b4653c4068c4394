/**
 * The queue's side that delivery sees, in memory: claims by target and room, lanes, due times on a clock, settlements kept for
 * the test to look at. It can be made to fail.
 */
import type { Clock } from "../../lib/clock.ts";
import type { EventMeta } from "../../relay/event/event.ts";
import { newDelivery, settled, type Delivery, type Settlement } from "../../relay/queue/delivery-state.ts";
import type { Claim, Queue, Room } from "../../relay/queue/queue.ts";
import { eventMeta } from "./events.ts";

interface Entry {
  delivery: Delivery;
  readonly meta: EventMeta;
  readonly body: Uint8Array;
  readonly lane: string | null;
  claimed: AbortController | null;
}

export interface AddOptions {
  readonly meta?: Partial<EventMeta>;
  readonly body?: Uint8Array;
  readonly lane?: string;
  /** Attempts that it has behind it. */
  readonly attempts?: number;
}

export class DeliveryQueue implements Pick<Queue, "claim" | "onWork"> {
  readonly entries: Entry[] = [];
  readonly settlements: { readonly eventId: string; readonly settlement: Settlement }[] = [];
  readonly asks: { readonly target: string; readonly room: Room }[] = [];
  /** Errors that the next calls throw, in order. */
  readonly claimErrors: Error[] = [];
  readonly settleErrors: Error[] = [];
  /** Where true, changes are not told: as if the wake-up were lost. */
  silent = false;
  readonly #clock: Clock;
  readonly #listeners = new Set<(target: string) => void>();
  #waiters: { readonly wanted: () => boolean; readonly resolve: () => void }[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(target: string, options: AddOptions = {}): string {
    const id = options.meta?.id ?? `01kf${String(this.entries.length).padStart(22, "0")}`;
    const fresh = newDelivery(id, target, 0, this.#clock.now());
    const attempts = options.attempts ?? 0;
    this.entries.push({
      delivery: { ...fresh, attempts, firstAttemptAt: attempts > 0 ? this.#clock.now() : null },
      meta: eventMeta({ ...options.meta, id }),
      body: options.body ?? Buffer.from("{}"),
      lane: options.lane ?? null,
      claimed: null,
    });
    this.#tell(target);
    return id;
  }

  claim(target: string, room: Room): Promise<Claim[]> {
    this.asks.push({ target, room });
    const error = this.claimErrors.shift();
    if (error !== undefined) return Promise.reject(error);
    const left = { ...room };
    const claims: Claim[] = [];
    for (const entry of this.entries) {
      const side = entry.delivery.attempts > 0 ? "retry" : "first";
      if (left[side] === 0 || !this.#claimable(entry, target)) continue;
      left[side] -= 1;
      claims.push(this.#take(entry));
    }
    return Promise.resolve(claims);
  }

  onWork(listener: (target: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  state(eventId: string): Delivery["state"] | undefined {
    return this.entries.find((e) => e.delivery.eventId === eventId)?.delivery.state;
  }

  count(state: Delivery["state"]): number {
    return this.entries.filter((e) => e.delivery.state === state).length;
  }

  /** Takes the claim of an event away, as another relay would. */
  lose(eventId: string): void {
    const entry = this.entries.find((e) => e.delivery.eventId === eventId);
    entry?.claimed?.abort();
  }

  /** Resolves when the condition holds after a claim or settlement. */
  until(wanted: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#waiters.push({ wanted, resolve });
      this.#look();
    });
  }

  #claimable(entry: Entry, target: string): boolean {
    const { delivery, lane } = entry;
    if (delivery.target !== target || delivery.state !== "waiting") return false;
    if ((delivery.dueAt ?? 0) > this.#clock.now()) return false;
    if (lane === null) return true;
    const ahead = this.entries.find(
      (e) =>
        e.delivery.target === target &&
        e.lane === lane &&
        e.delivery.state !== "done" &&
        e.delivery.state !== "dead",
    );
    return ahead === entry;
  }

  #take(entry: Entry): Claim {
    const claimed = new AbortController();
    const delivery = entry.delivery;
    entry.claimed = claimed;
    entry.delivery = { ...delivery, state: "sending" };
    this.#look();
    return {
      delivery,
      meta: entry.meta,
      body: entry.body,
      lost: claimed.signal,
      settle: (settlement) => {
        const error = this.settleErrors.shift();
        if (error !== undefined) return Promise.reject(error);
        this.settlements.push({ eventId: delivery.eventId, settlement });
        entry.delivery = settled(entry.delivery, settlement);
        const { dueAt } = entry.delivery;
        if (dueAt !== null) {
          this.#clock.after(dueAt - this.#clock.now(), () => this.#tell(delivery.target));
        }
        this.#tell(delivery.target);
        this.#look();
        return Promise.resolve();
      },
    };
  }

  #tell(target: string): void {
    if (!this.silent) for (const listener of this.#listeners) listener(target);
  }

  #look(): void {
    const ready = this.#waiters.filter((w) => w.wanted());
    this.#waiters = this.#waiters.filter((w) => !ready.includes(w));
    for (const waiter of ready) waiter.resolve();
  }
}
