/**
 * Whether an event is the twin of one that is stored already: a system hook and the hook of a project or group both send the same push,
 * tag or merge request. Both are stored; a target gets the first of the two.
 *
 * Of n equal events that arrive from one side, a target gets n at least, whatever comes in which order and fails:
 * - a twin names an event that is on stable storage and whose targets are decided, and is kept from those targets alone;
 * - each event has one twin at most, from the other side, and a twin has none: of two equal events of one side, both are delivered;
 * - what is not certain is no twin: an event that could not be stored, one whose targets are not known in time, one that is not
 *   remembered any more.
 *
 * This is for a storage that one relay has. The memory is bounded; a restart fills it again from what is stored. Relays that share a
 * storage look there each time (stored-pairs.ts).
 */
import type { Clock, Timer } from "../../lib/clock.ts";
import { UpstreamError } from "../../lib/errors.ts";
import type { EventMeta, NewEvent, Twin } from "../event/event.ts";
import { pairSide, type PairSide } from "../event/pair-key.ts";
import type { Enqueued, EventPage, EventSummary, Queue } from "../queue/queue.ts";
import { PAIR_WINDOW_MS, toldTwin, withoutTwins } from "./stored-pairs.ts";

/** Milliseconds that an event waits to hear where its forerunner, which is being stored, goes, and for what was stored before the start. */
export const FORERUNNER_WAIT_MS = 1000;
/** Events that wait for their twins; beyond it the oldest does so no longer. */
const MAX_WAITING = 10_000;
/** Events whose targets were known before their writes were answered. */
const MAX_EARLY = 1000;
/** Stored events that are looked at together after a start. */
const PAGE = 500;

/** An event that may have a twin. */
interface Forerunner {
  readonly place: string;
  /** Monotonic, milliseconds. */
  readonly at: number;
  id: string | null;
  /** What its twin is told; null: it has not been stored. */
  readonly outcome: Promise<Twin | null>;
  readonly settle: (twin: Twin | null) => void;
}

export class Pairs {
  readonly #queue: Pick<Queue, "enqueue" | "list">;
  readonly #clock: Clock;
  /** Those without a twin yet, oldest first, by side and key. */
  readonly #free = new Map<string, Forerunner[]>();
  /** All that are remembered, oldest first. */
  readonly #all = new Set<Forerunner>();
  readonly #byId = new Map<string, Forerunner>();
  readonly #early = new Map<string, readonly string[]>();
  /** The look at what was stored before the start, which the first event of a pair begins. */
  #restored: Promise<void> | null = null;
  #isRestored = false;
  /** An event of a pair did not wait for its end: what it finds does not count any more. */
  #isTooLate = false;

  /** Listens to the queue for as long as it lives. */
  constructor(queue: Pick<Queue, "enqueue" | "onEvent" | "list">, clock: Clock) {
    this.#queue = queue;
    this.#clock = clock;
    queue.onEvent((event) => {
      if (event.type === "routed" && event.meta.pairKey !== undefined && event.meta.twin === undefined)
        this.#routed(event.meta.id, event.targets);
    });
  }

  /** As the queue's own, with the twin noted in the event if there is one. */
  enqueue(event: NewEvent): Promise<Enqueued> {
    const side = event.meta.pairKey === undefined ? null : pairSide(event.meta);
    return side === null ? this.#queue.enqueue(event) : this.#enqueueOne(event, side);
  }

  async #enqueueOne(event: NewEvent, side: PairSide): Promise<Enqueued> {
    if (!this.#isRestored && !this.#isTooLate) await this.#restoredInTime();
    const forerunner = this.#take(placeOf(event.meta, side === "hook" ? "system" : "hook"));
    const twin = forerunner === null ? null : await this.#inTime(forerunner.outcome, null);
    if (twin !== null) return this.#queue.enqueue({ ...event, meta: { ...event.meta, twin } });
    const own = this.#remember(placeOf(event.meta, side), 0);
    try {
      const stored = await this.#queue.enqueue(event);
      if (stored.status === "accepted") this.#stored(own, stored.id);
      else this.#forget(own);
      return stored;
    } catch (error) {
      this.#forget(own);
      throw error;
    }
  }

  async #restoredInTime(): Promise<void> {
    this.#restored ??= this.#restore();
    const isDone = await this.#inTime(
      this.#restored.then(() => true),
      false,
    );
    if (isDone) this.#isRestored = true;
    else this.#isTooLate = true;
  }

  /** The events of a run before that wait for their twins. What cannot be read is not certain, so it is none. */
  async #restore(): Promise<void> {
    const found: EventSummary[] = [];
    const since = this.#clock.now() - PAIR_WINDOW_MS;
    let cursor: string | null = null;
    do {
      const page: EventPage | null = await this.#queue.list({}, PAGE, cursor).catch(ofStorage);
      if (page === null) return;
      const young: EventSummary[] = page.events.filter(({ meta }) => meta.receivedAt >= since);
      found.push(...young);
      cursor = young.length < page.events.length ? null : page.cursor;
    } while (cursor !== null && found.length < MAX_WAITING);
    if (!this.#isTooLate) for (const one of withoutTwins(found).toReversed()) this.#restoreOne(one);
  }

  #restoreOne(event: EventSummary): void {
    const { meta, state } = event;
    const side = pairSide(meta);
    if (side === null) return;
    const own = this.#remember(placeOf(meta, side), this.#clock.now() - meta.receivedAt);
    this.#stored(own, meta.id);
    if (state !== "unrouted") own.settle(toldTwin(event));
  }

  /** @param ageMs for how long it has been stored */
  #remember(place: string, ageMs: number): Forerunner {
    let settle: Forerunner["settle"] = () => {};
    const outcome = new Promise<Twin | null>((resolve) => (settle = resolve));
    const own: Forerunner = { place, at: this.#clock.monotonic() - ageMs, id: null, outcome, settle };
    this.#free.set(place, [...(this.#free.get(place) ?? []), own]);
    this.#all.add(own);
    for (const oldest of this.#all) {
      if (this.#all.size <= MAX_WAITING && !this.#isOver(oldest)) break;
      this.#forget(oldest);
    }
    return own;
  }

  /** The oldest that has no twin, which now has one. */
  #take(place: string): Forerunner | null {
    const found = this.#free.get(place)?.find((one) => !this.#isOver(one)) ?? null;
    if (found !== null) this.#notFree(found);
    return found;
  }

  #isOver({ at }: Forerunner): boolean {
    return this.#clock.monotonic() - at > PAIR_WINDOW_MS;
  }

  #notFree(one: Forerunner): void {
    const left = (this.#free.get(one.place) ?? []).filter((other) => other !== one);
    if (left.length === 0) this.#free.delete(one.place);
    else this.#free.set(one.place, left);
  }

  #forget(one: Forerunner): void {
    this.#notFree(one);
    this.#all.delete(one);
    if (one.id !== null) this.#byId.delete(one.id);
    one.settle(null);
  }

  #stored(own: Forerunner, id: string): void {
    own.id = id;
    const targets = this.#early.get(id);
    this.#early.delete(id);
    if (targets !== undefined) own.settle({ of: id, targets });
    else if (this.#all.has(own)) this.#byId.set(id, own);
  }

  #routed(id: string, targets: readonly string[]): void {
    const own = this.#byId.get(id);
    this.#byId.delete(id);
    if (own !== undefined) {
      own.settle({ of: id, targets });
      return;
    }
    const [oldest] = this.#early.keys();
    if (this.#early.size >= MAX_EARLY && oldest !== undefined) this.#early.delete(oldest);
    this.#early.set(id, targets);
  }

  async #inTime<T>(outcome: Promise<T>, otherwise: T): Promise<T> {
    let timer: Timer | null = null;
    const late = new Promise<T>((resolve) => {
      timer = this.#clock.after(FORERUNNER_WAIT_MS, () => resolve(otherwise));
    });
    try {
      return await Promise.race([outcome, late]);
    } finally {
      (timer as Timer | null)?.cancel();
    }
  }
}

/** Within one GitLab. */
function placeOf(
  { instanceName, pairKey }: Pick<EventMeta, "instanceName" | "pairKey">,
  side: PairSide,
): string {
  return `${instanceName ?? ""}/${side}/${pairKey}`;
}

/** Null for a storage that is out of reach. */
function ofStorage(error: unknown): null {
  if (error instanceof UpstreamError) return null;
  throw error;
}
