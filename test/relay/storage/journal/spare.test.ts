/** Segments that are filled ahead and written in place: when, how long the files are, and what happens when the disk fills or fails. */
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openJournal } from "../../../../relay/storage/journal/open.ts";
import { largestSpare } from "../../../../relay/storage/journal/spare.ts";
import type { Journal, JournalOptions, Operation } from "../../../../relay/storage/journal/types.ts";
import type { WriteTimes } from "../../../../relay/storage/journal/write-probe.ts";
import { FakeClock } from "../../../helpers/clock.ts";
import { seeded } from "../../../helpers/random.ts";
import { SimDisk } from "../../../helpers/sim-disk.ts";

const FOLDER = "/sim/journal";
const SEGMENT_BYTES = 20_000;
const IN_PLACE: WriteTimes = {
  appendSyncMs: 4,
  appendDurableMs: 3,
  inPlaceSyncMs: 2,
  inPlaceDurableMs: 1,
};

let disk: SimDisk;
let clock: FakeClock;
let times: WriteTimes | Error;
const opened = new Set<Journal>();

beforeEach(() => {
  disk = new SimDisk();
  disk.free = 1e9;
  clock = new FakeClock();
  times = IN_PLACE;
});

afterEach(async () => {
  disk.heal();
  for (const journal of opened) await close(journal);
  expect(disk.openFiles).toBe(0);
  expect(clock.pendingTimers).toBe(0);
});

async function open(options: Partial<JournalOptions> = {}, on = disk): Promise<Journal> {
  const journal = await openJournal(
    { base: "/sim", minFreeBytes: 0, segmentBytes: SEGMENT_BYTES, preallocate: "auto", ...options },
    {
      disk: on,
      clock,
      measure: () => (times instanceof Error ? Promise.reject(times) : Promise.resolve(times)),
    },
  );
  opened.add(journal);
  return journal;
}

async function close(journal: Journal): Promise<void> {
  opened.delete(journal);
  await journal.close();
}

/** Lets what runs in the background come to its end. */
async function settled(): Promise<void> {
  for (let count = -1; count !== disk.count;) {
    count = disk.count;
    for (let turn = 0; turn < 5; turn++) await clock.advance(0);
  }
}

const set = (key: string, bytes: number): Operation => ({
  type: "set",
  key,
  value: Buffer.alloc(bytes, key),
});
const lengths = (): Record<string, number> =>
  Object.fromEntries(disk.names(FOLDER).map((name) => [name, disk.bytes(`${FOLDER}/${name}`).length]));

test("a spare is filled in the background and becomes the first segment, whose file keeps its length", async () => {
  const journal = await open();
  await settled();
  expect(lengths()).toEqual({ spare: SEGMENT_BYTES });
  for (let n = 0; n < 3; n++) await journal.write([set(`k${n}`, 100)], "synced");
  expect(lengths()).toEqual({ "0000000001.log": SEGMENT_BYTES });
  expect(journal.stats().bytes).toBe(3 * (24 + 2 + 100));
  await close(journal);
  expect(lengths()).toEqual({ "0000000001.log": 3 * (24 + 2 + 100) });
});

test("a small batch that finds nothing under way is one durable write", async () => {
  const journal = await open();
  await settled();
  await journal.write([set("first", 1)], "synced");
  const before = new Map(disk.counts);
  await journal.write([set("k", 1000)], "synced");
  const done = (name: "write" | "syncData"): number => (disk.counts.get(name) ?? 0) - (before.get(name) ?? 0);
  expect([done("write"), done("syncData")]).toEqual([1, 1]); // the simulated disk syncs within the write
  expect((await open({}, disk.afterPowerCut(seeded(1)))).has("k")).toBe(true);
});

test("the next spare is filled once half of the open segment is used, and taken when it is full", async () => {
  const journal = await open();
  await settled();
  for (let n = 0; n < 9; n++) await journal.write([set(`k${n}`, 1000)], "synced");
  await settled();
  expect(Object.keys(lengths())).toEqual(["0000000001.log"]);
  for (let n = 0; n < 2; n++) await journal.write([set(`l${n}`, 1000)], "synced");
  await settled();
  expect(Object.keys(lengths())).toEqual(["0000000001.log", "spare"]);
  for (let n = 0; n < 10; n++) await journal.write([set(`m${n}`, 1000)], "synced");
  expect(lengths()).toMatchObject({ "0000000001.log": journal.stats().bytes - 2 * 1026 });
  expect(lengths()).toMatchObject({ "0000000002.log": SEGMENT_BYTES });
  expect(journal.stats().keys).toBe(21);
});

test("on a real disk spares become longer, up to a segment", async () => {
  const MiB = 1024 * 1024;
  const base = await mkdtemp(join(tmpdir(), "journal-spare-"));
  const journal = await openJournal(
    { base, minFreeBytes: 0, segmentBytes: 10 * MiB, preallocate: "auto" },
    { measure: () => Promise.resolve(IN_PLACE) },
  );
  const found = new Set<number>();
  try {
    while (!found.has(10)) {
      const spare = await stat(join(base, "journal", "spare")).catch(() => null);
      if (spare !== null) found.add(spare.size / MiB);
      await journal.write([set("k", 30_000)], "synced");
    }
  } finally {
    await journal.close();
    await rm(base, { recursive: true });
  }
  // One that is used up between two looks is not seen.
  expect([4, 8, 10].filter((size) => found.has(size))).toEqual([...found]);
});

test("after large batches segments are appended", async () => {
  const journal = await open({ segmentBytes: 1_000_000 });
  await settled();
  for (let n = 0; n < 40; n++) await journal.write([set(`k${n}`, 150_000)], "synced");
  await settled();
  expect(disk.names(FOLDER)).not.toContain("spare");
  const [newest] = disk.names(FOLDER).slice(-1);
  expect(disk.bytes(`${FOLDER}/${newest}`).length).toBeLessThan(1_000_000);
});

test("a segment of which a crash left zeros is cut without a word, and nothing is quarantined", async () => {
  const journal = await open();
  await settled();
  await journal.write([set("k", 1000)], "synced");
  const again = await open({ preallocate: "off" }, disk.afterKill());
  expect(again.stats()).toMatchObject({ keys: 1, bytes: 1025, truncatedBytes: 0, quarantinedBytes: 0 });
});

test("a spare of an earlier run is taken over; one of another length and what was left unfinished are removed", async () => {
  await close(await open());
  disk.setBytes(`${FOLDER}/spare`, Buffer.alloc(SEGMENT_BYTES, "old frames"));
  disk.setBytes(`${FOLDER}/spare.part`, Buffer.alloc(10));
  disk.setBytes(`${FOLDER}/probe`, Buffer.alloc(10));
  const journal = await open();
  expect(disk.names(FOLDER)).toEqual(["spare"]);
  await journal.write([set("k", 10)], "synced");
  expect(lengths()).toEqual({ "0000000001.log": SEGMENT_BYTES });
  const other = disk.afterKill();
  const again = await open({}, other);
  expect([...again.keys("")]).toEqual(["k"]);
  await close(again);
  for (const [bytes, preallocate] of [
    [SEGMENT_BYTES - 1, "auto"],
    [SEGMENT_BYTES + 1, "auto"],
    [SEGMENT_BYTES, "off"],
  ] as const) {
    other.setBytes(`${FOLDER}/spare`, Buffer.alloc(bytes));
    other.free = 0;
    await close(await open({ preallocate }, other));
  }
  expect(other.names(FOLDER)).toEqual(["0000000001.log"]);
});

test("preallocate off, a disk that appends quicker and a probe that failed leave no spare", async () => {
  await open({ preallocate: "off" });
  await settled();
  expect(lengths()).toEqual({});
  for (const found of [{ ...IN_PLACE, appendDurableMs: 1 }, new Error("EIO")]) {
    times = found;
    const on = new SimDisk();
    on.free = 1e9;
    const journal = await open({}, on);
    for (let turn = 0; turn < 20; turn++) await clock.advance(0);
    expect(on.names(FOLDER)).toEqual([]);
    await journal.write([set("k", 10)], "synced");
    expect(on.bytes(`${FOLDER}/0000000001.log`).length).toBe(35);
    await close(journal);
  }
});

test("a spare is filled only where the floor and as much again stay free", async () => {
  disk.free = 5000 + 2 * SEGMENT_BYTES - 1;
  await close(await open({ minFreeBytes: 5000 }));
  expect(lengths()).toEqual({});
  disk.free += 1;
  const journal = await open({ minFreeBytes: 5000 });
  await settled();
  expect(lengths()).toEqual({ spare: SEGMENT_BYTES });
  await close(journal);
});

test("a spare is given back when intake finds the disk below its floor", async () => {
  const journal = await open({ minFreeBytes: 5000 });
  await settled();
  disk.free = 4000;
  await journal.probe();
  await expect(journal.write([set("k", 10)], "synced")).rejects.toMatchObject({ code: "disk-full" });
  await settled();
  expect(lengths()).toEqual({});
});

test.each(["ENOSPC", "EIO"])(
  "%s while a spare is filled: it is removed, and events are appended",
  async (code) => {
    disk.fail(code, (operation, path) => operation === "write" && path.endsWith("spare.part"), 1);
    const journal = await open();
    await settled();
    await journal.write([set("k", 10)], "synced");
    expect(lengths()).toEqual({ "0000000001.log": 35 });
    for (let second = 0; second < 60; second++) {
      await clock.advance(1000);
      await settled();
    }
    await journal.write([set("l", 10)], "synced");
    await settled();
    expect(Object.keys(lengths())).toContain("spare");
  },
);

test("a failed durable write refuses its waiters, cuts the segment, and the next one goes on", async () => {
  const journal = await open();
  await settled();
  await journal.write([set("k", 10)], "synced");
  disk.fail("EIO", (operation, path) => operation === "write" && path.endsWith(".log"), 1);
  await expect(journal.write([set("lost", 10)], "synced")).rejects.toMatchObject({ code: "storage" });
  await journal.write([set("l", 10)], "synced");
  expect(lengths()).toMatchObject({ "0000000001.log": 35 });
  const again = await open({}, disk.afterPowerCut(seeded(3)));
  expect([...again.keys("")]).toEqual(["k", "l"]);
  expect(again.stats().quarantinedBytes).toBe(0);
});

test("a spare whose segment could not be begun leaves no zeros behind", async () => {
  const journal = await open();
  await settled();
  disk.fail("EIO", (operation, path) => operation === "syncFolder" && path === FOLDER, 1);
  await expect(journal.write([set("k", 10)], "synced")).rejects.toMatchObject({ code: "storage" });
  await journal.write([set("l", 10)], "synced");
  const again = await open({ preallocate: "off" }, disk.afterKill());
  expect(again.stats()).toMatchObject({ keys: 1, quarantinedBytes: 0, truncatedBytes: 0 });
});

test("largestSpare() is a segment, less in a small journal, nothing if off", () => {
  expect(largestSpare({ base: "", preallocate: "auto" }, 1000)).toBe(1000);
  expect(largestSpare({ base: "", preallocate: "auto", maxBytes: 8000 }, 1000)).toBe(500);
  expect(largestSpare({ base: "", preallocate: "off" }, 1000)).toBe(0);
  expect(largestSpare({ base: "" }, 1000)).toBe(0);
});

test("a spare never goes over a segment that another process began while this one was stopped", async () => {
  const journal = await open();
  await settled();
  expect(lengths()).toEqual({ spare: SEGMENT_BYTES });
  disk.setBytes(`${FOLDER}/0000000001.log`, Buffer.from("what the other process stored"));
  await expect(journal.write([set("k", 100)], "synced")).rejects.toThrow("EEXIST");
  expect(disk.bytes(`${FOLDER}/0000000001.log`).toString()).toBe("what the other process stored");
  await journal.write([set("k", 100)], "synced");
  expect(disk.names(FOLDER)).toContain("0000000002.log");
});
