/** Backups of a data folder that is in use, and what a damaged one comes to. */
import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ConfigError } from "../../../../lib/errors.ts";
import { restoreBackup, writeBackup } from "../../../../relay/storage/backup/backup.ts";
import { closeSnapshot, openSnapshot } from "../../../../relay/storage/backup/snapshot.ts";
import { nodeDisk } from "../../../../relay/storage/journal/disk.ts";
import { openJournal } from "../../../../relay/storage/journal/open.ts";
import type { Journal } from "../../../../relay/storage/journal/types.ts";
import { runCli } from "../../../helpers/cli.ts";
import { AS_ADMIN, killRelays, startRelayProcess } from "../../../helpers/relay-process.ts";

const ABOUT = { version: "1.2.3", now: Date.UTC(2026, 0, 15) };

let folder: string;
let base: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "relay-backup-"));
  base = join(folder, "data");
});
afterEach(async () => {
  await killRelays();
  await rm(folder, { recursive: true });
});

const open = (at: string): Promise<Journal> =>
  openJournal({ base: at, minFreeBytes: 0, segmentBytes: 20_000 });
const inFolder = (name: string): string => join(folder, name);

/** Writes and removes keys, and gives space back, until it is told to stop. */
function churn(journal: Journal) {
  const live = new Set<string>();
  const removed = new Set<string>();
  const over = new AbortController();
  const done = (async () => {
    for (let n = 0; !over.signal.aborted; n++) {
      const key = `k${n}`;
      await journal.write([{ type: "set", key, value: Buffer.alloc(500, key) }], "synced");
      live.add(key);
      const [oldest = ""] = live;
      if (n % 10 === 0 || live.size < 20) continue;
      live.delete(oldest);
      await journal.write([{ type: "remove", key: oldest }], "synced");
      removed.add(oldest);
      if (n % 50 === 0) await journal.compact();
    }
  })();
  return {
    live,
    removed,
    async stop() {
      over.abort();
      await done;
    },
  };
}

test("writeBackup() of a journal that is written and compacted has what was acknowledged, and nothing that was removed", async () => {
  const journal = await open(base);
  const changes = churn(journal);
  while (changes.removed.size < 100) await journal.write([{ type: "remove", key: "none" }], "synced");
  for (let round = 0; round < 8; round++) {
    const before = { live: new Set(changes.live), removed: new Set(changes.removed) };
    const file = inFolder(`${round}.tar`);
    await writeBackup({ base, file }, ABOUT);
    await restoreBackup({ base: inFolder(`${round}`), file });
    const after = new Set(changes.removed);
    const restored = await open(inFolder(`${round}`));
    const keys = new Set(restored.keys(""));
    expect(restored.stats().quarantinedBytes).toBe(0);
    expect([...before.removed].filter((key) => keys.has(key))).toEqual([]);
    const lost = [...before.live].filter((key) => !keys.has(key) && !after.has(key) && changes.live.has(key));
    expect(lost).toEqual([]);
    await restored.close();
  }
  await changes.stop();
  await journal.close();
});

test("openSnapshot() begins again if segments are removed while it opens them", async () => {
  const journal = await open(base);
  for (let n = 0; n < 4; n++)
    await journal.write([{ type: "set", key: `k${n}`, value: Buffer.alloc(19_000) }], "synced");
  await journal.close();
  const segment = (n: number): string => join(base, "journal", `000000000${n}.log`);
  let isRemoved = false;
  const disk: typeof nodeDisk = {
    ...nodeDisk,
    // As compaction does once the second one holds nothing but what kept the first one dead.
    async open(path, mode) {
      if (path === segment(2) && !isRemoved) {
        isRemoved = true;
        for (const n of [1, 2]) await rm(segment(n));
      }
      return await nodeDisk.open(path, mode);
    },
  };
  const files = await openSnapshot(base, disk);
  expect(files.map(({ name }) => name)).toEqual(["journal/0000000003.log", "journal/0000000004.log"]);
  await closeSnapshot(files);
});

test.each([
  ["longer", "new and longer than it was"],
  ["shorter", "new"],
  ["of the same length", "NEW TEXT"],
])(
  "openSnapshot() has no mixture of a small file that is written in place meanwhile: %s",
  async (_how, next) => {
    await (await open(base)).close();
    const path = join(base, "last-seen");
    await writeFile(path, "old text");
    let opened = -1;
    let reads = 0;
    const disk: typeof nodeDisk = {
      ...nodeDisk,
      async open(at, mode) {
        const fd = await nodeDisk.open(at, mode);
        if (at === path) opened = fd;
        return fd;
      },
      // The file is written anew when the first half of it was read.
      async read(fd, into, position) {
        if (fd !== opened || reads++ > 0) return await nodeDisk.read(fd, into, position);
        const got = await nodeDisk.read(fd, into.subarray(0, 4), position);
        await writeFile(path, next);
        return got;
      },
    };
    const files = await openSnapshot(base, disk);
    const file = files.find(({ name }) => name === "last-seen");
    expect(String(file?.content)).toBe(next);
    expect(file?.bytes).toBe(next.length);
    await closeSnapshot(files);
  },
);

test("openSnapshot() leaves out a file that is being written under a name of its own", async () => {
  await (await open(base)).close();
  await writeFile(join(base, "recovery.json"), "{}");
  await writeFile(join(base, "recovery.json.0123456789ab"), '{"half');
  const files = await openSnapshot(base);
  expect(files.map(({ name }) => name)).toEqual(["recovery.json"]);
  await closeSnapshot(files);
});

/** A data folder with a little of everything. */
async function smallBackup(): Promise<Buffer> {
  const journal = await open(base);
  await journal.write([{ type: "set", key: "k", value: Buffer.from("v") }], "synced");
  await mkdir(join(base, "audit"));
  await writeFile(join(base, "audit", "2026-01-15.jsonl"), "{}\n");
  await writeFile(join(base, "admin-token"), "t".repeat(32));
  await writeFile(join(base, "journal", "spare"), Buffer.alloc(5000));
  const size = await writeBackup({ base, file: inFolder("a.tar") }, ABOUT);
  expect(size).toEqual({ files: 3, bytes: 26 + 3 + 32 });
  await journal.close();
  return await readFile(inFolder("a.tar"));
}

test("a backup is a tar file of the segments, secrets and trails, without locks and spare space", async () => {
  await smallBackup();
  const names = execFileSync("tar", ["-tf", inFolder("a.tar")], { encoding: "utf8" })
    .trim()
    .split("\n");
  expect(names.toSorted()).toEqual([
    "backup.json",
    "complete.json",
    "data/admin-token",
    "data/audit/2026-01-15.jsonl",
    "data/journal/0000000001.log",
  ]);
  await restoreBackup({ base: inFolder("b"), file: inFolder("a.tar") });
  expect((await readdir(inFolder("b"))).toSorted()).toEqual(["admin-token", "audit", "journal"]);
  const journal = await open(inFolder("b"));
  expect([...journal.keys("")]).toEqual(["k"]);
  await journal.close();
});

test("restoreBackup() refuses a backup that is cut or altered anywhere, and leaves nothing", async () => {
  const whole = await smallBackup();
  const file = inFolder("broken.tar");
  await mkdir(inFolder("b"));
  const refused = async (bytes: Buffer, context: string): Promise<void> => {
    await writeFile(file, bytes);
    const restored = restoreBackup({ base: inFolder("b"), file });
    await expect(restored, context).rejects.toBeInstanceOf(ConfigError);
    expect(await readdir(inFolder("b")), context).toEqual([]);
  };
  const end = whole.length - 1024;
  for (let at = 0; at < end; at += 173) await refused(whole.subarray(0, at), `cut at ${at}`);
  // Every field that counts, and the contents: what pads a block may be anything.
  const content = whole.indexOf("t".repeat(32));
  for (const at of [0, 130, 150, 156, 512, content, content + 31, end - 512])
    await refused(Buffer.from(whole).fill(whole[at]! ^ 1, at, at + 1), `altered at ${at}`);
});

test("restoreBackup() that fails leaves no folder that it made, and those that were there", async () => {
  const whole = await smallBackup();
  await writeFile(inFolder("cut.tar"), whole.subarray(0, whole.length / 2));
  await mkdir(inFolder("there"));
  for (const file of ["cut.tar", "missing.tar"])
    for (const to of ["new", join("there", "deep", "new"), "there"])
      await expect(
        restoreBackup({ base: inFolder(to), file: inFolder(file) }),
        `${file} to ${to}`,
      ).rejects.toBeInstanceOf(Error);
  expect(await readdir(folder)).not.toContain("new");
  expect(await readdir(inFolder("there"))).toEqual([]);
});

test("restoreBackup() takes no name that leads out of the folder", async () => {
  const whole = await smallBackup();
  const at = whole.indexOf("data/admin-token");
  for (const name of ["data/../../token", "data//etc/passwd", "etc/admin-tokens"]) {
    const header = Buffer.from(whole.subarray(at, at + 512));
    header.fill(0, 0, 100).write(name, 0, "latin1");
    header.fill(0x20, 148, 156);
    header.write(
      `${header
        .reduce((sum, byte) => sum + byte, 0)
        .toString(8)
        .padStart(6, "0")}\0 `,
      148,
      "latin1",
    );
    await writeFile(
      inFolder("c.tar"),
      Buffer.concat([whole.subarray(0, at), header, whole.subarray(at + 512)]),
    );
    const restored = restoreBackup({ base: inFolder("b"), file: inFolder("c.tar") });
    await expect(restored, name).rejects.toThrow("it is not a backup of this program, or it is damaged");
  }
});

test("backup and restore overwrite nothing and say what is in the way", async () => {
  await smallBackup();
  const again = await runCli(["backup", inFolder("a.tar"), "--data", base]);
  expect(again).toMatchObject({ status: 2, stdout: "" });
  expect(again.stderr).toContain("is there already; name another file");
  const full = await runCli(["restore", inFolder("a.tar"), "--data", base]);
  expect(full.status).toBe(2);
  expect(full.stderr).toContain("is not empty: it holds");
  await mkdir(inFolder("empty"));
  const nothing = await runCli(["backup", inFolder("d.tar"), "--data", inFolder("empty")]);
  expect(nothing.status).toBe(2);
  expect(nothing.stderr).toContain("is not the data folder of a relay");
});

test("a relay goes on from a backup that was made while another one ran, with every event", async () => {
  const webhooks = 40;
  const env = { GITLAB_WEBHOOK_SECRET: "a-secret-token-of-the-hook", LOG_LEVEL: "info" };
  const relay = startRelayProcess({ ...env, RELAY_DATA_DIR: base });
  const url = await relay.url();
  for (let n = 0; n < webhooks; n++) {
    const answer = await fetch(`${url}/webhooks/gitlab`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "x-gitlab-event": "Push Hook",
        "x-gitlab-token": env.GITLAB_WEBHOOK_SECRET,
        "x-gitlab-event-uuid": `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`,
      },
      body: JSON.stringify({ object_kind: "push", project_id: n }),
    });
    expect(answer.status).toBeLessThan(300);
  }
  const file = inFolder("running.tar");
  expect(await runCli(["backup", file, "--data", base])).toMatchObject({ status: 0 });
  const restored = inFolder("restored");
  expect(await runCli(["restore", file, "--data", restored])).toMatchObject({ status: 0 });
  const other = startRelayProcess({ ...env, RELAY_DATA_DIR: restored });
  const list = await fetch(`${await other.url()}/api/v1/events?limit=100`, { headers: AS_ADMIN });
  const { events } = (await list.json()) as { events: readonly unknown[] };
  expect(events).toHaveLength(webhooks);
});
