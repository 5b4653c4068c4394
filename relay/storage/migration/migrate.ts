/**
 * Copies everything that one storage holds into another, event by event, and compares the two afterwards. Knows ports only.
 *
 * Both storages are marked before the first event is copied, so that no relay starts on either until the end. A run that was interrupted at
 * any point is taken up by the same command: what is there is not copied again, and what there is little of is replaced as a whole.
 * At the end the source says where everything went, then the target's mark goes, and a relay can start there.
 */
import { ConfigError, UpstreamError } from "../../../lib/errors.ts";
import type { StorageDriver } from "../driver.ts";
import { copyHeartbeat, copyRest, copySecrets, countRest } from "./rest.ts";
import type { MigratedEvent, MigrationMark, MigrationSide } from "./port.ts";
import { MigrationTally, type MigrationCounts } from "./tally.ts";

/** What is added at once, at most. */
const BATCH_EVENTS = 100;
const BATCH_BYTES = 4 * 1024 * 1024;
/** What is about to leave the window of duplicates is not compared: it may go between two looks. */
const WINDOW_MARGIN_MS = 600_000;

export interface MigrationPlace {
  readonly driver: StorageDriver;
  /** In words, without credentials: `file:./data`. */
  readonly name: string;
}

export interface MigrationRequest {
  readonly source: MigrationPlace;
  readonly target: MigrationPlace;
  readonly dedupeSeconds: number;
}

export interface MigrationDeps {
  /** Wall clock, milliseconds. */
  readonly now: () => number;
  /** A new name for this migration. */
  readonly newId: () => string;
  /** Told now and then how many events have been looked at. */
  readonly onProgress: (events: number) => void;
}

export interface MigrationResult {
  readonly source: MigrationCounts;
  readonly target: MigrationCounts;
  /** Events that this run copied: the rest was there from an earlier one. */
  readonly copied: number;
  /** Whether both hold the same, to the byte. */
  readonly isSame: boolean;
}

/**
 * Migrates. Resolves with null if the source says that everything went there before: nothing is done then. Rejects with a ConfigError if
 * a relay has one of the storages, if the target is not empty, or if its secrets are others; with an UpstreamError if a storage fails:
 * the same command goes on then.
 */
export async function migrateStorage(
  request: MigrationRequest,
  deps: MigrationDeps,
): Promise<MigrationResult | null> {
  const { source, target } = request;
  const marks = { source: await source.driver.migrationMark(), target: await target.driver.migrationMark() };
  const isOver = marks.source?.role === "source" && marks.source.isDone && marks.target === null;
  if (isOver && marks.source?.other === target.name) return null;
  if (isOver)
    throw refusal(source, `everything in it was migrated to ${marks.source?.other}: migrate from there`);
  await refuseUnusable(target);
  const from = await source.driver.openMigration("source");
  try {
    const into = await target.driver.openMigration("target");
    try {
      const id = await begin({ ...request, from, into, marks }, deps);
      const { tally, copied } = await copyQueue(from, into, deps);
      await copyRest(source.driver, target.driver);
      await into.reread();
      const since = deps.now() - request.dedupeSeconds * 1000 + WINDOW_MARGIN_MS;
      await countTheRest(tally, source, { side: from, since });
      const check = new MigrationTally();
      for await (const event of into.events()) check.event(event);
      await countTheRest(check, target, { side: into, since });
      for (const [place, side] of [
        [source, from],
        [target, into],
      ] as const)
        if (await side.wasUsed())
          throw new UpstreamError(
            "storage",
            `a relay used ${place.name} during the migration: stop it and begin anew`,
            {
              retryable: false,
            },
          );
      const isSame = tally.checksum() === check.checksum() && areEqual(tally.counts, check.counts);
      if (isSame) {
        await copyHeartbeat(source.driver, target.driver);
        await from.setMark({ id, role: "source", isDone: true, other: target.name, at: deps.now() });
        await into.setMark(null);
      }
      return { source: tally.counts, target: check.counts, copied, isSame };
    } finally {
      await into.close();
    }
  } finally {
    await from.close();
  }
}

function refusal(place: MigrationPlace, message: string): ConfigError {
  return new ConfigError([{ path: place.name, message }]);
}

/** A target that loses what it is given, or has no room, is no target. */
async function refuseUnusable(target: MigrationPlace): Promise<void> {
  const { checks } = await target.driver.probe();
  const wrong = checks.filter(({ ok }) => !ok);
  if (wrong.length === 0) return;
  throw new ConfigError(
    wrong.map(({ name, detail }) => ({ path: target.name, message: `${name}: ${detail}` })),
  );
}

interface Beginning extends MigrationRequest {
  readonly from: MigrationSide;
  readonly into: MigrationSide;
  readonly marks: { readonly source: MigrationMark | null; readonly target: MigrationMark | null };
}

/** Marks both storages, or finds the marks of an earlier run; returns the name of the migration. */
async function begin({ source, target, from, into, marks }: Beginning, deps: MigrationDeps): Promise<string> {
  const { id, role } = marks.target ?? {};
  if (id !== undefined) {
    if (role === "target" && marks.source?.id === id) {
      await copySecrets(source, target);
      return id;
    }
    throw refusal(
      target,
      role === "target"
        ? `it holds a part of another migration, from ${marks.target?.other}: empty it, or name another target`
        : `everything in it was migrated to ${marks.target?.other}: name another target, or empty it`,
    );
  }
  if (!(await into.isEmpty())) throw refusal(target, "it is not empty: name another target");
  await copySecrets(source, target);
  const fresh = { id: deps.newId(), isDone: false, at: deps.now() };
  await from.setMark({ ...fresh, role: "source", other: target.name });
  await into.setMark({ ...fresh, role: "target", other: source.name });
  return fresh.id;
}

/** Events oldest first, then what is remembered of those that are gone, which targets are paused, and the replay jobs. */
async function copyQueue(
  from: MigrationSide,
  into: MigrationSide,
  { onProgress }: MigrationDeps,
): Promise<{ readonly tally: MigrationTally; readonly copied: number }> {
  const tally = new MigrationTally();
  let copied = 0;
  let looked = 0;
  for await (const batch of batches(from.events())) {
    for (const event of batch) tally.event(event);
    const missing = await into.missing(batch.map(({ id }) => id));
    await into.add(batch.filter(({ id }) => missing.has(id)));
    copied += missing.size;
    looked += batch.length;
    onProgress(looked);
  }
  for await (const ids of from.remembered(0)) await into.remember(ids);
  for (const name of await from.pausedTargets()) await into.pause(name);
  for (const replay of await from.replays()) await into.keepReplay(replay);
  await into.finish();
  return { tally, copied };
}

async function* batches(events: AsyncIterable<MigratedEvent>): AsyncGenerator<MigratedEvent[]> {
  let batch: MigratedEvent[] = [];
  let bytes = 0;
  for await (const event of events) {
    batch.push(event);
    bytes += event.bytes.length;
    if (batch.length < BATCH_EVENTS && bytes < BATCH_BYTES) continue;
    yield batch;
    batch = [];
    bytes = 0;
  }
  if (batch.length > 0) yield batch;
}

/** Everything but the events. */
async function countTheRest(
  tally: MigrationTally,
  { driver }: MigrationPlace,
  { side, since }: { readonly side: MigrationSide; readonly since: number },
): Promise<void> {
  for await (const ids of side.remembered(since)) tally.remembered(ids);
  tally.paused(await side.pausedTargets());
  tally.replays(await side.replays());
  await countRest(driver, tally);
}

function areEqual(a: MigrationCounts, b: MigrationCounts): boolean {
  return [...a].every(([name, count]) => b.get(name) === count);
}
