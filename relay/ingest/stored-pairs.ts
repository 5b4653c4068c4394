/**
 * Pairs as the storage has them: which of the stored events has no twin yet, and, where several relays share the storage, the twin of a new
 * event, found and taken in the one write that stores it.
 *
 * The index by GitLab's ids has the pair keys as well, so that nothing is written beside the event. Between the look at the index and the
 * write another relay may have stored one more: the storage then refuses the write, and the look is taken anew.
 */
import type { Clock } from "../../lib/clock.ts";
import { instanceOf, type NewEvent, type Twin } from "../event/event.ts";
import { pairSide, type PairSide } from "../event/pair-key.ts";
import { PairChangedError } from "../queue/errors.ts";
import type { Enqueued, EventSummary, Queue } from "../queue/queue.ts";

/** Milliseconds for which an event waits for its twin. */
export const PAIR_WINDOW_MS = 120_000;
/** Looks at the index for one event; after these it is stored as one without a twin. */
const MOST_LOOKS = 5;

/** Those that may have a twin: of a pair, not a twin themselves, and no twin of theirs is stored. In the order given. */
export function withoutTwins(events: readonly EventSummary[]): EventSummary[] {
  const taken = new Set(events.map(({ meta }) => meta.twin?.of));
  return events.filter(
    ({ meta }) => meta.pairKey !== undefined && meta.twin === undefined && !taken.has(meta.id),
  );
}

/** What the twin of an event is told. Replays to other targets by hand do not count. */
export function toldTwin({ meta, deliveries }: EventSummary): Twin {
  return {
    of: meta.id,
    targets: deliveries.filter(({ replay }) => replay === 0).map(({ target }) => target),
  };
}

export class StoredPairs {
  readonly #queue: Pick<Queue, "enqueue" | "find">;
  readonly #clock: Pick<Clock, "now">;

  constructor(queue: Pick<Queue, "enqueue" | "find">, clock: Pick<Clock, "now">) {
    this.#queue = queue;
    this.#clock = clock;
  }

  /** As the queue's own, with the twin noted in the event if there is one. */
  async enqueue(event: NewEvent): Promise<Enqueued> {
    const { pairKey } = event.meta;
    const side = pairKey === undefined ? null : pairSide(event.meta);
    if (pairKey === undefined || side === null) return this.#queue.enqueue(event);
    for (let look = 0; look < MOST_LOOKS; look += 1) {
      const stored = await this.#queue.find(pairKey);
      const twin = this.#twinAmong(stored, event, side);
      const pairsSeen = stored.length;
      const meta = twin === null ? event.meta : { ...event.meta, twin };
      try {
        return await this.#queue.enqueue({ ...event, meta, pairsSeen });
      } catch (error) {
        if (!(error instanceof PairChangedError)) throw error;
      }
    }
    return this.#queue.enqueue(event);
  }

  /** Of the oldest from the other side whose targets are decided. */
  #twinAmong(stored: readonly EventSummary[], { meta }: NewEvent, side: PairSide): Twin | null {
    const since = this.#clock.now() - PAIR_WINDOW_MS;
    const free = withoutTwins(stored).filter((other) => {
      const otherSide = pairSide(other.meta);
      const isOther = otherSide !== null && otherSide !== side && instanceOf(other.meta) === instanceOf(meta);
      return isOther && other.state !== "unrouted" && other.meta.receivedAt >= since;
    });
    const oldest = free.at(-1);
    return oldest === undefined ? null : toldTwin(oldest);
  }
}
