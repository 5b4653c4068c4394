/**
 * What a migration copies beside the queue, through the ports that the relay uses: secrets, audit trail, activity, notes on recovery,
 * the figures of the last hour, and when the relay was last there. All of it may be copied again.
 */
import { ConfigError } from "../../../lib/errors.ts";
import { factsIn } from "../fact-sheet.ts";
import type { StorageDriver } from "../driver.ts";
import { SHARED_COUNTERS, SHARED_SECRETS } from "../secrets.ts";
import type { MigrationTally } from "./tally.ts";

interface Named {
  readonly driver: StorageDriver;
  readonly name: string;
}

/** The secrets that relays made for themselves, and the epochs of sessions. Rejects with a ConfigError if the target has other ones. */
export async function copySecrets(source: Named, target: Named): Promise<void> {
  const [from, into] = [await source.driver.openSecrets(), await target.driver.openSecrets()];
  for (const name of SHARED_SECRETS) {
    const value = await from.find(name);
    if (value === null) continue;
    const kept = await into.ensure(name, () => value);
    if (kept.value !== value)
      throw new ConfigError([
        {
          path: target.name,
          message: `its ${name} (${kept.place}) is not that of ${source.name}: remove it, or hooks and people would be refused`,
        },
      ]);
  }
  // A session that was ended must not come to life again, nor an alert be told twice.
  for (const beginning of SHARED_COUNTERS)
    for (const [name, count] of await from.counters(beginning)) await into.raise(name, count);
}

export async function copyRest(source: StorageDriver, target: StorageDriver): Promise<void> {
  await copyAudit(source, target);
  await copyActivity(source, target);
  await copyRecovery(source, target);
  const hour = await (await source.openLastHour()).read();
  if (hour !== null) await (await target.openLastHour()).write(hour);
}

/** So that the relay that starts there knows for how long it was away. Last of all: it looks as if a relay had been there. */
export async function copyHeartbeat(source: StorageDriver, target: StorageDriver): Promise<void> {
  const [from, into] = [await source.openHeartbeat(), await target.openHeartbeat()];
  const at = await from.read();
  if (at !== null) await into.write(at);
  await Promise.all([from.close(), into.close()]);
}

async function copyAudit(source: StorageDriver, target: StorageDriver): Promise<void> {
  const [from, into] = [await source.openAuditTrail(), await target.openAuditTrail()];
  await into.replaceAll(from.all());
  await Promise.all([from.close(), into.close()]);
}

async function copyRecovery(source: StorageDriver, target: StorageDriver): Promise<void> {
  for (const instance of await source.recoveryInstances()) {
    const from = await source.openRecoveryNotes(instance);
    const into = await target.openRecoveryNotes(instance);
    for (const window of await from.windows()) await into.add(window);
    const result = await from.lastResult();
    if (result !== null) await into.settle(0, result);
  }
}

/** Facts are a union: adding them again changes nothing. */
async function copyActivity(source: StorageDriver, target: StorageDriver): Promise<void> {
  if (!(await source.hasActivity())) return;
  const from = await source.openActivityStore();
  const into = await target.openActivityStore();
  try {
    const mark = await from.mark();
    for (const day of await from.days())
      for (const entry of await from.read(day)) await into.add([entry], mark ?? 0);
    if (mark !== null) await into.add([], mark);
  } finally {
    await Promise.all([from.close(), into.close()]);
  }
}

/** Counts all of it. */
export async function countRest(driver: StorageDriver, tally: MigrationTally): Promise<void> {
  const audit = await driver.openAuditTrail();
  for await (const _entry of audit.all()) tally.count("audit entries");
  await audit.close();
  for (const instance of await driver.recoveryInstances())
    tally.count("recovery windows", (await (await driver.openRecoveryNotes(instance)).windows()).length);
  if (!(await driver.hasActivity())) return;
  const activity = await driver.openActivityStore();
  for (const day of await activity.days())
    for (const { page } of await activity.read(day)) tally.count("activity facts", [...factsIn(page)].length);
  await activity.close();
}
