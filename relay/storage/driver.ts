/**
 * The port of a storage driver: everything that the relay stores comes from one object. `open.ts` chooses the driver; nothing else
 * asks which one it is.
 */
import type { Clock } from "../../lib/clock.ts";
import type { Log } from "../../lib/log.ts";
import type { Check } from "../queue/queue.ts";
import type { ReplayQueue } from "../queue/replay-job.ts";
import type { ActivityStore } from "./activity-store.ts";
import type { WholeAuditTrail } from "./audit-trail.ts";
import type { Heartbeat } from "./heartbeat.ts";
import type { LastHour } from "./last-hour.ts";
import type { MigrationMark, MigrationSide } from "./migration/port.ts";
import type { RecoveryNotes } from "./recovery-notes.ts";
import type { SharedSecrets } from "./secrets.ts";
import type { StorageSettings } from "./settings.ts";

export interface DiskSpace {
  readonly freeBytes: number;
  /** Free bytes below which webhooks are refused. */
  readonly floorBytes: number;
}

/** What the place of a storage is worth, seen from outside. */
export interface StorageProbe {
  readonly checks: readonly Check[];
  /** Milliseconds of a durable write, the median of some; null if there was none. */
  readonly syncMs: number | null;
}

/** What is opened is closed by whoever opened it, the driver itself last. */
export interface StorageDriver {
  /** For the log: what is used and where, without credentials. */
  readonly place: Readonly<Record<string, string>>;
  /** Rejects with a ConfigError if the folder or the server cannot be used, or if a migration left its mark there. */
  openQueue(): Promise<ReplayQueue>;
  /** Rejects as openQueue() does. */
  openActivityStore(): Promise<ActivityStore>;
  /** Whether facts may be there; opens nothing. */
  hasActivity(): Promise<boolean>;
  openHeartbeat(): Promise<Heartbeat>;
  openAuditTrail(): Promise<WholeAuditTrail>;
  /** What is noted about one GitLab, by its name. */
  openRecoveryNotes(instance: string): Promise<RecoveryNotes>;
  /** The GitLabs about which something may be noted. */
  recoveryInstances(): Promise<readonly string[]>;
  openLastHour(): Promise<LastHour>;
  /** What the relays of this storage share of secrets. */
  openSecrets(): Promise<SharedSecrets>;
  /** What a migration left here; null: nothing. Looks without opening the queue. Rejects with an UpstreamError if the storage is out of reach. */
  migrationMark(): Promise<MigrationMark | null>;
  /** Instead of the queue. Rejects with a ConfigError if a relay has the storage, or if a source is none. */
  openMigration(role: MigrationMark["role"]): Promise<MigrationSide>;
  /** The disk that the driver writes to; null if it is elsewhere or the system does not tell. */
  disk(): Promise<DiskSpace | null>;
  /** Looks without opening the queue, which a relay may have. Never rejects. */
  probe(): Promise<StorageProbe>;
  /** Lets go of what the opened parts share. A crash before it loses nothing. */
  close(): Promise<void>;
}

export interface StorageDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** From 0 up to, not including, 1. */
  readonly random: () => number;
  /** Told the duration of each durable write in milliseconds. */
  readonly onSync: (durationMs: number) => void;
  /** The settings in force: what is kept for how long may change at run time, the rest is read once. */
  readonly settings: () => StorageSettings;
}
