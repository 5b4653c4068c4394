/**
 * The storage driver of one process on files: the queue's journal in the data folder, the activity's journal in a folder below it, and
 * small files beside them.
 */
import { join } from "node:path";
import { systemCode } from "../../../lib/errors.ts";
import { nodeDisk } from "../journal/disk.ts";
import type { Lock } from "../journal/lock.ts";
import type { Journal, RecoveryVisitor } from "../journal/types.ts";
import type { StorageDeps, StorageDriver } from "../driver.ts";
import { refuseMarked } from "../migration/port.ts";
import { createFilesActivityStore } from "./activity-store.ts";
import { FilesAuditTrail } from "./audit-trail.ts";
import { createFilesHeartbeat } from "./heartbeat.ts";
import { MARK_FILE, openFilesMigration, readFilesMark } from "./migration.ts";
import { openStorage } from "./open-journal.ts";
import { probeFolder } from "./probe.ts";
import { createFilesLastHour } from "./last-hour.ts";
import { FilesRecoveryNotes, filesRecoveryInstances } from "./recovery-notes.ts";
import { createFilesSecrets } from "./secrets.ts";
import type { FolderGuard } from "./small-files.ts";
import { openFilesQueue } from "./queue.ts";

/** The activity's facts are small: smaller segments give space back sooner. */
const ACTIVITY_SEGMENT_BYTES = 8_388_608;

export function createFilesDriver({ clock, log, random, onSync, settings }: StorageDeps): StorageDriver {
  const { fs } = settings();
  /** Of the data folder, from the moment that a queue or a migration is opened. */
  let held: Lock | null = null;
  const guard: FolderGuard = async () => await held?.ensure();

  async function openQueueJournal(visitor: RecoveryVisitor): Promise<Journal> {
    const { journal } = await openStorage(
      { ...fs, visitor },
      { clock, log, onLocked: (lock) => (held = lock) },
    );
    journal.onSync(onSync);
    return journal;
  }

  return {
    place: { queue: "fs", folder: fs.base },
    async openQueue() {
      refuseMarked(await readFilesMark(fs.base), fs.base, `remove ${join(fs.base, MARK_FILE)}`);
      return openFilesQueue(
        {
          clock,
          log,
          random,
          openJournal: openQueueJournal,
        },
        () => ({ dedupeSeconds: settings().dedupeSeconds, ...settings().retain }),
      );
    },
    async openActivityStore() {
      const { journal } = await openStorage(
        {
          base: join(fs.base, "activity"),
          segmentBytes: ACTIVITY_SEGMENT_BYTES,
          minFreeBytes: fs.minFreeBytes,
        },
        { clock, log, ...(held === null ? {} : { lock: held }) },
      );
      return createFilesActivityStore(journal);
    },
    hasActivity: () => holdsJournal(join(fs.base, "activity")),
    migrationMark: () => readFilesMark(fs.base),
    openMigration: (role) =>
      openFilesMigration(
        {
          clock,
          log,
          base: fs.base,
          dedupeSeconds: settings().dedupeSeconds,
          openJournal: openQueueJournal,
          guard,
        },
        role,
      ),
    openHeartbeat: async () => createFilesHeartbeat(fs.base, guard),
    openAuditTrail: async () => new FilesAuditTrail(join(fs.base, "audit"), guard),
    openRecoveryNotes: async (instance) => new FilesRecoveryNotes(fs.base, guard, instance),
    recoveryInstances: () => filesRecoveryInstances(fs.base),
    openLastHour: async () => createFilesLastHour(fs.base, guard),
    openSecrets: async () => createFilesSecrets(fs.base, guard),
    async disk() {
      const freeBytes = await nodeDisk.freeBytes(fs.base).catch(() => null);
      return freeBytes === null ? null : { freeBytes, floorBytes: fs.minFreeBytes };
    },
    probe: () => probeFolder(fs, { now: () => clock.monotonic() }),
    close: () => Promise.resolve(),
  };
}

async function holdsJournal(base: string): Promise<boolean> {
  const names = await nodeDisk.list(join(base, "journal")).catch((error: unknown) => {
    if (systemCode(error) === "ENOENT") return [];
    throw error;
  });
  return names.length > 0;
}
