/**
 * The queue, as the rest of the relay sees it. Two things are behind it: journal files of one process (local.ts) and a Redis
 * that many relays share (redis.ts). Both keep the same promise:
 *
 * An event whose enqueue() resolved survives kill -9 and loss of power, is delivered to each of its targets at least once, or
 * stands among the dead letters. Bytes in are bytes out.
 */
import type { Cancellation } from "../../lib/cancellation.ts";
import type { EventMeta, NewEvent } from "../event/event.ts";
import type { Attempt, Delivery, Settlement } from "./delivery-state.ts";

export interface Enqueued {
  readonly status: "accepted" | "duplicate";
  readonly id: string;
}

/** Where one event goes: decided after it is stored, by the routing. */
export interface Route {
  readonly target: string;
  /** Deliveries of one target with the same key go strictly one after another; null: it waits for none. */
  readonly lane: string | null;
}

export interface Router {
  /** `body` loads the body from the storage; rules that look at metadata alone never call it. */
  (meta: EventMeta, body: () => Promise<Uint8Array>): readonly Route[] | Promise<readonly Route[]>;
  /** The lane of an event at a target that it was not matched with. @default none: such a delivery waits for nobody */
  readonly laneOf?: (meta: EventMeta, target: string) => string | null;
}

/** How many deliveries a target's worker can take now: first tries and retries are counted apart. */
export interface Room {
  readonly first: number;
  readonly retry: number;
  /** Longest wait that the target's settings allow, milliseconds: what a clock that was set put later comes due by then. @default none */
  readonly capMs?: number;
}

/** A delivery that this process alone may send now. */
export interface Claim {
  readonly delivery: Delivery;
  readonly meta: EventMeta;
  readonly body: Uint8Array;
  /** Aborts when the claim is lost to another relay: whatever is under way must stop, settle() then does nothing. */
  readonly lost: Cancellation;
  /**
   * Ends the claim. The new state may be written lazily: after a crash the delivery may be sent again, with the same event id.
   * `released` puts it back as it was (shutdown, breaker, rate limit): no attempt is counted.
   */
  settle(settlement: Settlement): Promise<void>;
}

export type EventState = "unrouted" | "waiting" | "sending" | "done" | "dead" | "unmatched";

export type OneOrMore<T> = T | readonly T[];

/** What is asked of an event, all of it at once; of a list, one value has to fit. */
export interface EventFilter {
  /** Of any of its deliveries; `unmatched`: no target matched. */
  readonly state?: OneOrMore<EventState>;
  readonly target?: string;
  /** Last answer of the same delivery: a status such as `422`, a class such as `5xx`, or `none` for an attempt without an answer. */
  readonly status?: OneOrMore<string>;
  /** Globs of the path or ids, as in the rules of targets. */
  readonly project?: OneOrMore<string>;
  readonly kind?: OneOrMore<string>;
  /** Names of the settings. */
  readonly instance?: OneOrMore<string>;
  readonly action?: string;
  readonly actor?: string;
  /** Words, or phrases in quotes, that are all found in the metadata, case folded; `!42` and `#42` are numbers of GitLab's. */
  readonly text?: string;
  /** Wall clock, milliseconds, inclusive. */
  readonly from?: number;
  readonly to?: number;
}

export interface EventSummary {
  readonly meta: EventMeta;
  readonly state: EventState;
  readonly deliveries: readonly Delivery[];
}

/** Which event of a list is its first. */
export type ListOrder = "newest" | "oldest";

export interface EventPage {
  /** In the order that was asked for. */
  readonly events: readonly EventSummary[];
  /** Where the next page begins; null: this was the last. */
  readonly cursor: string | null;
  /** True if the scan stopped early because it had looked long enough: the next page goes on there. */
  readonly partial: boolean;
  /** Events that were looked at, with those that do not fit; what is found by an id needs none. */
  readonly looked: number;
}

export interface TargetStats {
  readonly waiting: number;
  readonly sending: number;
  readonly dead: number;
  /** The dead ones by reason (dead-reason.ts); those that there are none of are absent. */
  readonly deadReasons: ReadonlyMap<string, number>;
  readonly lanes: number;
  readonly paused: boolean;
  /** False: the settings do not have it, and what is open or dead here are orphans. */
  readonly exists: boolean;
  /** Wall clock of receipt of the oldest event that is not delivered; null: none waits. */
  readonly oldestAt: number | null;
}

export interface QueueStats {
  readonly events: number;
  readonly byState: Readonly<Record<"waiting" | "sending" | "done" | "dead", number>>;
  readonly targets: ReadonlyMap<string, TargetStats>;
  readonly oldestWaitingAt: number | null;
  readonly bytes: number;
  /** Bytes that verify() found damaged. @default the storage verifies by itself */
  readonly damagedBytes?: number;
  readonly remembered: number;
}

/** Events kept, by what a filter calls their kind: `object_kind`, or `event_name` if there is none. */
export interface KindCounts {
  readonly counts: ReadonlyMap<string, number>;
  /** False: events of an earlier version are kept, too, which did not count; there are at least so many. */
  readonly isWhole: boolean;
}

/** One thing that readiness depends on. */
export interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

/** How often GitLab sent an event again that was stored already. */
export interface Duplicates {
  readonly count: number;
  /** Wall clock, milliseconds. */
  readonly lastAt: number;
}

/** What happened to an event, for logs, metrics, the live view and tests. */
export type QueueEvent =
  | { readonly type: "stored"; readonly meta: EventMeta }
  | { readonly type: "duplicate"; readonly id: string }
  | { readonly type: "routed"; readonly meta: EventMeta; readonly targets: readonly string[] }
  | {
      readonly type: "settled";
      readonly meta: EventMeta;
      readonly delivery: Delivery;
      readonly attempt: Attempt | null;
    }
  | { readonly type: "replayed"; readonly id: string; readonly targets: readonly string[] }
  | { readonly type: "removed"; readonly id: string };

/** Most events that find() returns: a UUID of GitLab's may be on the deliveries of many hooks. */
export const FIND_LIMIT = 100;

export interface Queue {
  /** Whether other relays may store into it. */
  readonly isShared: boolean;
  /**
   * Stores the event with the memory of its delivery, in one write; resolves once both are on stable storage.
   * Rejects with an UpstreamError (`code`: `disk-full`, `queue-full`, `storage`, `closed`) if that is not possible; the event may
   * then still turn up later, as the sender's repetition will be answered as a duplicate.
   */
  enqueue(event: NewEvent): Promise<Enqueued>;
  /** Which of these dedupe keys belong to deliveries that were stored within the dedupe window. */
  known(dedupeKeys: readonly string[]): Promise<string[]>;

  /** Sets how events are matched with targets, and which targets exist. Events stored before are not matched anew. */
  setRouting(route: Router, targets: readonly string[]): void;
  /** Up to `room` deliveries that are due for this target; none while it is paused. */
  claim(target: string, room: Room): Promise<Claim[]>;
  /** Calls back when a target may have something to claim. At least once after each change; may call for nothing. */
  onWork(listener: (target: string) => void): () => void;
  onEvent(listener: (event: QueueEvent) => void): () => void;

  /** @param order @default newest first */
  list(filter: EventFilter, limit: number, cursor: string | null, order?: ListOrder): Promise<EventPage>;
  get(id: string): Promise<EventSummary | null>;
  /**
   * The events with this id, at once: their own, or one that GitLab gave the delivery (gitlab-ids.ts), in any case and with space
   * around it. Newest first, FIND_LIMIT at most. Of events stored by a version before 0.2, only the event's own id is known.
   */
  find(id: string): Promise<readonly EventSummary[]>;
  body(id: string): Promise<Uint8Array | null>;
  /** Null: it was sent once, or there is no such event. Known for the 10,000 events sent again last at least. */
  duplicates(id: string): Promise<Duplicates | null>;
  /**
   * Delivers a stored event again: to these targets, or to all that it was matched with and that exist. A target that has a
   * delivery of the event waiting gets that one now instead of a second one; a delivery being sent is left alone. Durable when it
   * resolves. Returns the targets, null if there is no such event; rejects with an UnknownTargetError.
   */
  replay(id: string, targets: readonly string[] | null): Promise<readonly string[] | null>;
  /**
   * Moves what waits or is dead of a target that the settings do not have to one that they have, oldest first, as new deliveries
   * that are due now; returns how many. A crash half-way leaves the rest to be moved. Rejects with a TargetExistsError or an
   * UnknownTargetError.
   */
  move(from: string, to: string): Promise<number>;
  /** Removes the event and its deliveries; false if there is none. Its delivery stays remembered. */
  remove(id: string): Promise<boolean>;
  setPaused(target: string, paused: boolean): Promise<void>;

  /** Counted afresh for each question. Rejects with an UpstreamError if the storage is out of reach. */
  stats(): Promise<QueueStats>;
  /** Kept as events come and go: no event is read. Rejects with an UpstreamError if the storage is out of reach. */
  kinds(): Promise<KindCounts>;
  /** What readiness depends on, as last seen; selfCheck() looks again. */
  checks(): readonly Check[];
  selfCheck(): Promise<void>;
  /** Removes what retention no longer keeps; returns how many events. Orphans that are too old become dead letters. */
  expire(): Promise<number>;
  /** Gives space of removed events back. */
  compact(): Promise<void>;
  /** Reads a part of what is stored and checks that it still is what was written. Call it every minute. */
  verify(): Promise<void>;
  /** Writes down what was settled lazily and lets go of the storage. */
  close(): Promise<void>;
}
