/**
 * Opens the storage of the queue of one process: unstorage on the journal's driver. Whoever needs single keys uses `storage`; the
 * queue writes several keys at once and sees the recovery, for which it takes the journal behind the same driver.
 */
import { createStorage } from "unstorage";
import type { Storage } from "unstorage";
import { journalDriver } from "../journal/driver.ts";
import type { JournalDeps } from "../journal/opened.ts";
import type { Journal, JournalOptions } from "../journal/types.ts";

export interface OpenedStorage {
  readonly storage: Storage;
  /** The same keys and bytes. Closing it closes both; so does `storage.dispose()`. */
  readonly journal: Journal;
}

/** Rejects as openJournal() does: with a ConfigError if the folder cannot be used, with an UpstreamError if the disk fails. */
export async function openStorage(
  options: JournalOptions,
  deps: Partial<JournalDeps> = {},
): Promise<OpenedStorage> {
  const driver = journalDriver(options, deps);
  const storage = createStorage({ driver });
  const journal = await driver.getInstance!();
  return { storage, journal };
}
