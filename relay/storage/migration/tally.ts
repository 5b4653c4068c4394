/** MigrationCounts of what a storage holds, and a checksum over all of it, so that two storages can be compared without holding either. */
import { createHash, hash, type Hash } from "node:crypto";
import { metaEnd } from "../../event/event.ts";
import type { MigratedDelivery, MigratedEvent, MigratedReplay } from "./port.ts";

export type Count =
  | "events"
  | "body bytes"
  | "not routed yet"
  | "deliveries waiting"
  | "deliveries done"
  | "deliveries dead"
  | "attempts"
  | "events sent again"
  | "remembered deliveries"
  | "paused targets"
  | "replay jobs"
  | "activity facts"
  | "audit entries"
  | "recovery windows";

export type MigrationCounts = ReadonlyMap<Count, number>;

const NONE: readonly (readonly [Count, number])[] = [
  ["events", 0],
  ["body bytes", 0],
  ["not routed yet", 0],
  ["deliveries waiting", 0],
  ["deliveries done", 0],
  ["deliveries dead", 0],
  ["attempts", 0],
  ["events sent again", 0],
  ["remembered deliveries", 0],
  ["paused targets", 0],
  ["replay jobs", 0],
  ["activity facts", 0],
  ["audit entries", 0],
  ["recovery windows", 0],
];

export class MigrationTally {
  readonly #counts = new Map<Count, number>(NONE);
  readonly #events: Hash = createHash("sha256");
  /** Of what comes in any order: the sum of hashes. */
  #unordered = 0n;

  get counts(): MigrationCounts {
    return this.#counts;
  }

  /** Of everything that was noted; what is counted only is not in it. Ends the tally. */
  checksum(): string {
    return this.#events.update(this.#unordered.toString(16)).digest("hex");
  }

  count(name: Count, by = 1): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + by);
  }

  /** Call in the order of the ids. */
  event({ id, bytes, isRouted, deliveries, duplicates }: MigratedEvent): void {
    this.count("events");
    this.count("body bytes", bytes.length - metaEnd(bytes));
    if (!isRouted) this.count("not routed yet");
    if (duplicates !== null) this.count("events sent again");
    for (const { delivery } of deliveries) {
      this.count("attempts", delivery.attempts);
      if (delivery.state === "sending") continue;
      this.count(`deliveries ${delivery.state}`);
    }
    const rest = [id, isRouted, deliveries.map(comparable).toSorted(), duplicates];
    this.#events.update(JSON.stringify(rest)).update(hash("sha256", bytes));
  }

  /** In any order. */
  remembered(ids: readonly string[]): void {
    this.count("remembered deliveries", ids.length);
    for (const id of ids) this.#unordered += BigInt(`0x${hash("sha256", id).slice(0, 16)}`);
  }

  paused(targets: readonly string[]): void {
    this.count("paused targets", targets.length);
    this.#events.update(JSON.stringify(targets.toSorted()));
  }

  replays(replays: readonly MigratedReplay[]): void {
    this.count("replay jobs", replays.length);
    for (const { job, open } of replays) {
      const { plan, state, endedAt, parts } = job;
      const counts = parts.map(({ target, cursor, isScanned, queued, delivered, failed, gone, missed }) => [
        target,
        cursor,
        isScanned,
        queued,
        delivered,
        failed,
        gone,
        missed,
      ]);
      const refs = open.map((ofPart) => ofPart.map(([id, replay]) => `${id}:${replay}`).toSorted());
      this.#events.update(JSON.stringify([plan, state, endedAt, counts, refs]));
    }
  }
}

/** Lanes matter only to what waits: of the rest, drivers need not keep them. */
function comparable({ delivery, lane }: MigratedDelivery): string {
  const { target, replay, state, attempts, firstAttemptAt, dueAt, endedAt, reason, movedTo, history } =
    delivery;
  return JSON.stringify([
    target,
    replay,
    state,
    attempts,
    firstAttemptAt,
    dueAt,
    endedAt,
    reason,
    movedTo ?? null,
    history,
    state === "waiting" ? lane : null,
  ]);
}
