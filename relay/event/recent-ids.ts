/**
 * Which events a reader has had: enough to tell one that comes late from one that comes again. Events are stored in the order of
 * their ids, except for a few: a repetition takes the id of the write that failed, and relays of one Redis have their own clocks.
 */
import { orderOf, parseId, timeOfOrder } from "./event-id.ts";

/** How much later than a younger one an event may come and still be told from one that the reader has had. */
const KEPT_MS = 60_000;
/** Ids that are kept whatever their age. */
const KEPT_LEAST = 500;
const KEPT_MOST = 10_000;

export class RecentIds {
  /** In the order in which the reader had them. */
  readonly #ids = new Set<string>();
  #floor: string | null;

  /** @param floor the reader begins behind this event; null: at the oldest one */
  constructor(floor: string | null) {
    this.#floor = floor;
  }

  /** What the reader has had of the events behind this one is in here; null: of all events. */
  get floor(): string | null {
    return this.#floor;
  }

  has(id: string): boolean {
    return this.#ids.has(id);
  }

  add(id: string): void {
    this.#ids.add(id);
    const oldest = timeOf(id) - KEPT_MS;
    for (const first of this.#ids) {
      const size = this.#ids.size;
      if (size <= KEPT_LEAST || (size <= KEPT_MOST && timeOf(first) >= oldest)) return;
      this.#ids.delete(first);
      if (this.#floor === null || this.#floor < first) this.#floor = first;
    }
  }
}

/** Wall clock of storing, milliseconds. */
function timeOf(id: string): number {
  const [w0 = 0, w1 = 0] = parseId(id) ?? [];
  return timeOfOrder(orderOf(w0, w1));
}
