/** Opening a journal: the lock, what the files hold, then the journal itself. */
import { randomBytes } from "node:crypto";
import { join, resolve } from "node:path";
import { systemClock } from "../../../lib/clock.ts";
import { silentLog } from "../../../lib/log.ts";
import { nodeDisk } from "./disk.ts";
import { FileJournal } from "./journal.ts";
import type { JournalDeps } from "./opened.ts";
import { SegmentIndexes } from "./indexes.ts";
import { Ledger } from "./ledger.ts";
import { acquireLock, type Lock } from "./lock.ts";
import { Quarantine } from "./quarantine.ts";
import { makeDurableFolder, recoverJournal } from "./recovery.ts";
import { openingError } from "./errors.ts";
import type { Journal, JournalOptions } from "./types.ts";

const INDEX_FROM_BYTES = 1_048_576;

const DEFAULT_DEPS: JournalDeps = {
  disk: nodeDisk,
  clock: systemClock,
  log: silentLog,
  random: () => randomBytes(4).readUInt32LE(0),
};

/**
 * Opens the journal, whatever state its files are in. Rejects with a ConfigError if the folder cannot be written to, another
 * process has it or a later version wrote to it (its files are then as they were), with an UpstreamError if the disk fails. A crash half-way leaves what was there.
 */
export async function openJournal(
  options: JournalOptions,
  deps: Partial<JournalDeps> = {},
): Promise<Journal> {
  const all = { ...DEFAULT_DEPS, ...deps };
  const { disk, log } = all;
  const base = resolve(options.base);
  const folder = join(base, "journal");
  let lock: Lock | null = null;
  try {
    await makeDurableFolder(disk, base);
    lock = all.lock === undefined ? await acquireLock(base, all) : withoutRelease(all.lock);
    all.onLocked?.(lock);
    await makeDurableFolder(disk, folder);
    const ledger = new Ledger(options.visitor?.needs?.packed ?? null, options.visitor?.ids);
    const quarantine = new Quarantine(disk, join(base, "quarantine"), log);
    await quarantine.open();
    const visitor = options.visitor ?? null;
    const needs = visitor?.needs;
    const fromBytes = options.indexFromBytes ?? INDEX_FROM_BYTES;
    const indexes =
      needs === undefined ? null : new SegmentIndexes({ disk, log, lock, folder, needs, fromBytes });
    const recovered = await recoverJournal(folder, { disk, log, lock, ledger, quarantine, indexes }, visitor);
    const journal = new FileJournal(folder, options, all, {
      lock,
      ledger,
      quarantine,
      indexes,
      ...recovered,
    });
    await journal.start();
    return journal;
  } catch (error) {
    await lock?.release();
    throw openingError(base, error);
  }
}

/** For those who write under a lock that others hold. */
function withoutRelease(lock: Lock): Lock {
  return { ...lock, release: () => Promise.resolve() };
}
