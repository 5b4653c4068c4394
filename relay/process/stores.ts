/** Everything that the relay stores, opened from the driver that the settings name. */
import type { Clock } from "../../lib/clock.ts";
import type { Log } from "../../lib/log.ts";
import type { ReplayQueue } from "../queue/replay-job.ts";
import type { ActivityStore } from "../storage/activity-store.ts";
import type { AuditTrail } from "../storage/audit-trail.ts";
import type { StorageDriver } from "../storage/driver.ts";
import type { Heartbeat } from "../storage/heartbeat.ts";
import type { CreateStorage } from "../storage/open.ts";
import type { SharedSecrets } from "../storage/secrets.ts";
import type { Closing } from "./closing.ts";
import type { CurrentSettings } from "./current-settings.ts";

export interface Stores {
  readonly driver: StorageDriver;
  readonly queue: ReplayQueue;
  readonly shared: SharedSecrets;
  readonly audit: AuditTrail;
  /** Closed by whoever beats. */
  readonly heartbeat: Heartbeat;
  /** Null unless the settings ask for figures about the work; closed with them. */
  readonly activity: ActivityStore | null;
}

export interface StoresDeps {
  readonly createStorage: CreateStorage;
  readonly clock: Clock;
  readonly log: Log;
  readonly random: () => number;
  readonly current: CurrentSettings;
  /** Told the duration of each durable write in milliseconds. */
  readonly onSync: (durationMs: number) => void;
}

/** Rejects with a ConfigError if folder or server cannot be used; what is open then is left to `closing`. */
export async function openStores(
  { createStorage, current, ...deps }: StoresDeps,
  closing: Closing,
): Promise<Stores> {
  const driver = await createStorage({ ...deps, settings: () => current.config().queue });
  closing.add(() => driver.close());
  const queue = await driver.openQueue();
  closing.add(() => queue.close());
  const shared = await driver.openSecrets();
  const activity = current.config().activity.enabled ? await driver.openActivityStore() : null;
  const audit = await driver.openAuditTrail();
  closing.add(() => audit.close());
  return { driver, queue, shared, audit, activity, heartbeat: await driver.openHeartbeat() };
}
