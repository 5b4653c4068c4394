/**
 * Which events are still to be handed on, and which were: the memory that lets `tail` lose nothing and repeat nothing, whatever
 * order the list and the live stream tell of them. Pure, of bounded size.
 */

export interface TailedEvent {
  readonly id: string;
  /** Wall clock of the relay, milliseconds. */
  readonly receivedAt: number;
  readonly summary: string;
}

/** Events that wait in memory at least before the youngest are left out; those are listed again once these are through. */
const MOST_WAITING = 20_000;
/** How much later than a younger one an event may turn up in the list: it took long to arrive, or another relay stored it. */
export const OVERLAP_MS = 60_000;

export interface BacklogOptions {
  /** Only events received from then on, milliseconds of the relay's clock. */
  readonly start: number;
  /** Only events stored after this one. @default all */
  readonly after?: string;
  /** @default 20_000 */
  readonly most?: number;
}

export class Backlog {
  /** Not handed on yet, by id; at most twice `#most`. */
  readonly #waiting = new Map<string, TailedEvent>();
  /** Ids of `#waiting`, the oldest last; empty: to be sorted anew. */
  #order: string[] = [];
  /** Handed on, and young enough to be told of once more: id -> receivedAt. */
  readonly #seen = new Map<string, number>();
  readonly #most: number;
  readonly #start: number;
  readonly #after: string;
  #newest: number;
  #hasMore = false;

  constructor({ start, after = "", most = MOST_WAITING }: BacklogOptions) {
    this.#start = start;
    this.#after = after;
    this.#newest = start;
    this.#most = most;
  }

  /** From when on the list has to be read to miss nothing. */
  get from(): number {
    return Math.max(this.#start, this.#newest - OVERLAP_MS);
  }

  /** Whether events were left out because too many wait: to be listed again once next() has none. */
  get hasMore(): boolean {
    return this.#hasMore;
  }

  get isEmpty(): boolean {
    return this.#waiting.size === 0;
  }

  /** To be called before the list is read from `from` on. */
  beginList(): void {
    this.#hasMore = false;
    for (const [id, receivedAt] of this.#seen) if (receivedAt < this.from) this.#seen.delete(id);
  }

  /** Told of an event, again or for the first time. The youngest are left out if too many wait. */
  add(event: TailedEvent): void {
    const { id, receivedAt } = event;
    if (id <= this.#after || receivedAt < this.#start) return;
    if (this.#seen.has(id) || this.#waiting.has(id)) return;
    this.#waiting.set(id, event);
    this.#order = [];
    if (this.#waiting.size > 2 * this.#most) this.#cut();
  }

  /** The oldest event that waits, which counts as handed on from now on; null: none. */
  next(): TailedEvent | null {
    if (this.#order.length === 0) this.#order = this.#sorted();
    const event = this.#waiting.get(this.#order.pop() ?? "");
    if (event === undefined) return null;
    this.#waiting.delete(event.id);
    this.#seen.set(event.id, event.receivedAt);
    this.#newest = Math.max(this.#newest, event.receivedAt);
    return event;
  }

  /** Youngest first. */
  #sorted(): string[] {
    return [...this.#waiting.keys()].sort().toReversed();
  }

  #cut(): void {
    this.#hasMore = true;
    for (const id of this.#sorted().slice(0, -this.#most)) this.#waiting.delete(id);
  }
}
