/** A process that was stopped until another one took its folder: nothing that it does afterwards changes a file there. */
import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, readlink, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { silentLog } from "../../../../lib/log.ts";
import { configSchema } from "../../../../relay/config/schema.ts";
import { createStorageDriver } from "../../../../relay/storage/open.ts";
import { FakeClock } from "../../../helpers/clock.ts";
import { eventually } from "../../../helpers/eventually.ts";
import { newEvent, toTarget } from "../../../helpers/queue-contract.ts";

const ONE = { first: 1, retry: 1 };
const OTHER = "1_2_3_0123456789ab_abcdef_";

test("every writer of the data folder refuses once another process has it", async () => {
  const base = await mkdtemp(join(tmpdir(), "lost-folder-"));
  const clock = new FakeClock();
  const { queue: settings } = configSchema.parse({ queue: { driver: "fs", fs: { base, minFreeBytes: 0 } } });
  const driver = await createStorageDriver({
    clock,
    log: silentLog,
    random: () => 0.5,
    onSync: () => {},
    settings: () => settings,
  });
  const queue = await driver.openQueue();
  const secrets = await driver.openSecrets();
  const activity = await driver.openActivityStore();
  const audit = await driver.openAuditTrail();
  const heartbeat = await driver.openHeartbeat();
  const notes = await driver.openRecoveryNotes("default");
  const lastHour = await driver.openLastHour();
  queue.setRouting(toTarget("t"), ["t"]);

  const change = { at: clock.now(), person: "alice", role: "operator", via: "token" } as const;
  const writers: Readonly<Record<string, (n: number) => Promise<unknown>>> = {
    enqueue: (n) => queue.enqueue(newEvent(`event ${n}`)),
    setPaused: (n) => queue.setPaused(`target-${n}`, true),
    compact: () => queue.compact(),
    activity: (n) => activity.add([], n),
    audit: (n) =>
      audit.note({ ...change, client: "127.0.0.1", action: "PUT /x", subject: null, details: `${n}` }),
    auditExpire: () => audit.expire(clock.now() + 86_400_000 * 400),
    heartbeat: (n) => heartbeat.write(clock.now() + n),
    notes: (n) => notes.add({ since: n, until: n + 1, cause: "away" }),
    settle: (n) => notes.settle(n, `result ${n}`),
    lastHour: (n) => lastHour.write(`{"n":${n}}`),
    increment: () => secrets.increment("session-epoch"),
    ensure: (n) => secrets.ensure(`secret-${n}`, () => "value"),
  };
  try {
    for (const [name, write] of Object.entries(writers))
      if (name !== "auditExpire") await expect(write(1), name).resolves.not.toThrow();
    await eventually(async () => (await queue.claim("t", ONE)).length === 1);
    await queue.enqueue(newEvent("one more"));
    await eventually(async () => ((await queue.stats()).byState.waiting ?? 0) > 0);

    // At its start the journal measures the disk with a file of no worth, which it then removes.
    await eventually(async () => !(await readdir(join(base, "journal"))).includes("probe"));

    await rm(join(base, "lock"));
    await symlink(OTHER, join(base, "lock"));
    clock.freeze(60_000);
    const before = await contentsOf(base);
    for (const [name, write] of Object.entries(writers))
      await expect(write(2), name).rejects.toThrow("another process has taken the folder");
    expect(await queue.claim("t", ONE)).toEqual([]);
    await Promise.allSettled([activity.close(), audit.close(), heartbeat.close()]);
    await queue.close().catch(() => {});
    await driver.close();
    expect(await contentsOf(base)).toEqual(before);
    expect(await readlink(join(base, "lock"))).toBe(OTHER);
  } finally {
    await rm(base, { recursive: true });
  }
});

/** Path and digest of every file. */
async function contentsOf(base: string): Promise<Record<string, string>> {
  const entries = await readdir(base, { recursive: true, withFileTypes: true });
  const found: Record<string, string> = {};
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    found[path.slice(base.length)] = createHash("sha256")
      .update(await readFile(path))
      .digest("hex");
  }
  return found;
}
