/**
 * What a storage driver offers to a migration: everything that the queue holds, read or added event by event, in terms that no driver
 * keeps to itself. The smaller things (audit trail, activity, secrets, notes) go through their own ports.
 */
import { ConfigError } from "../../../lib/errors.ts";
import type { Delivery } from "../../queue/delivery-state.ts";
import type { Duplicates } from "../../queue/queue.ts";
import type { ReplayJob } from "../../queue/replay-job.ts";

export interface MigratedDelivery {
  /** Never `sending`: nothing is under way. */
  readonly delivery: Delivery;
  readonly lane: string | null;
  /** Its place in its lane if that is not its event's: the order of storing (event-id.ts) of a replay. */
  readonly order: number | null;
}

export interface MigratedEvent {
  readonly id: string;
  /** As relay/event/event.ts lays it out: metadata and body. */
  readonly bytes: Uint8Array;
  /** Whether it was matched with targets. */
  readonly isRouted: boolean;
  readonly deliveries: readonly MigratedDelivery[];
  readonly duplicates: Duplicates | null;
}

/** A replay job, with the deliveries that it has queued and whose end it has not noted. */
export interface MigratedReplay {
  readonly job: ReplayJob;
  /** Of each part, in its order: the events, with the numbers of the replays. */
  readonly open: readonly (readonly (readonly [id: string, replay: number])[])[];
}

/** Says in both storages that a migration between them began, or ended. No relay starts on a storage that has one. */
export interface MigrationMark {
  /** The same in both. */
  readonly id: string;
  readonly role: "source" | "target";
  /** Only ever of a source: once it is done, the target has no mark any more. */
  readonly isDone: boolean;
  /** The storage on the other side, in words and without credentials. */
  readonly other: string;
  /** Wall clock, milliseconds. */
  readonly at: number;
}

/** The queue of a storage that no relay has open. Methods reject with an UpstreamError if the storage fails. */
export interface MigrationSide {
  /** On stable storage when it resolves, and with it everything that was added before. */
  setMark(mark: MigrationMark | null): Promise<void>;
  /** No event is there, and none is remembered. */
  isEmpty(): Promise<boolean>;
  /** Oldest first, as the storage was when it was opened, or at the last reread(). */
  events(): AsyncIterable<MigratedEvent>;
  /** Ids of removed events from this time on (wall clock, milliseconds) whose deliveries are remembered, each once, in any order. */
  remembered(since: number): AsyncIterable<readonly string[]>;
  pausedTargets(): Promise<readonly string[]>;
  /** Newest first. */
  replays(): Promise<readonly MigratedReplay[]>;
  /** Those of the events that are not there. */
  missing(ids: readonly string[]): Promise<ReadonlySet<string>>;
  /**
   * Adds events that are missing, in the order of their ids. A crash leaves each of them whole or not at all. What they wait for
   * begins with finish().
   */
  add(events: readonly MigratedEvent[]): Promise<void>;
  /** Doing it again changes nothing. */
  remember(ids: readonly string[]): Promise<void>;
  pause(target: string): Promise<void>;
  /** Doing it again changes nothing. */
  keepReplay(replay: MigratedReplay): Promise<void>;
  /** Call once all events are added; doing it again changes nothing. */
  finish(): Promise<void>;
  /** From now on events() and the others tell what a relay would find that starts now. */
  reread(): Promise<void>;
  /** True if a relay has used the storage since it was opened. */
  wasUsed(): Promise<boolean>;
  close(): Promise<void>;
}

/** Refuses to start a relay on a storage that is or was migrated. Throws a ConfigError. @param cure what takes the mark away */
export function refuseMarked(mark: MigrationMark | null, path: string, cure: string): void {
  if (mark === null) return;
  const when = new Date(mark.at).toISOString();
  const direction = mark.role === "source" ? `to ${mark.other}` : `from ${mark.other}`;
  throw new ConfigError([
    {
      path,
      message: mark.isDone
        ? `everything was migrated ${direction} on ${when}: start the relay there; to go on here, without what happened there since, ${cure}`
        : `a migration ${direction} began on ${when} and did not end: run it again (gitlab-hook-relay migrate), or give it up: ${cure}${mark.role === "target" ? " and empty this storage" : ""}`,
    },
  ]);
}
