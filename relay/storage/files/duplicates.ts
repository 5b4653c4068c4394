/**
 * How often events were sent again: one small key for each such event, and the same in memory. Both hold the MAX_EVENTS that were
 * sent again last, so neither grows with the traffic. Written lazily: a crash may cost the last second of counting, nothing else.
 */
import { messageOf } from "../../../lib/errors.ts";
import type { Log } from "../../../lib/log.ts";
import type { Duplicates } from "../../queue/queue.ts";
import type { Journal, Operation } from "../journal/types.ts";
import { PREFIX } from "./records.ts";

/** Events whose duplicates are counted: about 150 bytes each. */
export const MAX_EVENTS = 10_000;

export class DuplicateCounts {
  /** By event id, the one that was sent again last at the end. */
  readonly #byId = new Map<string, Duplicates>();
  /** Found in the journal beyond MAX_EVENTS, as a write that removed it failed. */
  readonly #surplus = new Set<string>();
  readonly #log: Log;

  constructor(log: Log) {
    this.#log = log;
  }

  /** Counts one more duplicate of a stored event; what cannot be written down counts until the relay ends. */
  note(id: string, now: number, journal: Journal): void {
    const counted: Duplicates = { count: (this.#byId.get(id)?.count ?? 0) + 1, lastAt: now };
    const value = Buffer.from(JSON.stringify(counted), "utf8");
    const operations: Operation[] = [{ type: "set", key: PREFIX.duplicates + id, value }];
    const dropped = this.#keep(id, counted);
    if (dropped !== null) operations.push({ type: "remove", key: PREFIX.duplicates + dropped });
    journal.write(operations, "lazy").catch((error: unknown) => {
      this.#log.debug("duplicates.write-failed", { eventId: id, error: messageOf(error) });
    });
  }

  find(id: string): Duplicates | null {
    return this.#byId.get(id) ?? null;
  }

  /** What removes it from the journal, together with its event. */
  removal(id: string): Operation[] {
    return this.#byId.has(id) ? [{ type: "remove", key: PREFIX.duplicates + id }] : [];
  }

  /** Its event is gone. */
  forget(id: string): void {
    this.#byId.delete(id);
  }

  /** Takes in what the journal holds, in its order. */
  restore(id: string, value: Uint8Array): void {
    const dropped = this.#keep(id, JSON.parse(Buffer.from(value).toString("utf8")) as Duplicates);
    if (dropped !== null) this.#surplus.add(dropped);
  }

  /** Call once all is read: forgets those of events that are not there; returns the keys that have no use any more. */
  takeOrphans(isThere: (id: string) => boolean): string[] {
    const gone = [...this.#byId.keys()].filter((id) => !isThere(id));
    for (const id of gone) this.forget(id);
    gone.push(...[...this.#surplus].filter((id) => !this.#byId.has(id)));
    this.#surplus.clear();
    return gone.map((id) => PREFIX.duplicates + id);
  }

  /** Returns the id that no longer has room. */
  #keep(id: string, counted: Duplicates): string | null {
    this.#byId.delete(id);
    this.#byId.set(id, counted);
    if (this.#byId.size <= MAX_EVENTS) return null;
    const [oldest] = this.#byId.keys();
    this.#byId.delete(oldest!);
    return oldest!;
  }
}
