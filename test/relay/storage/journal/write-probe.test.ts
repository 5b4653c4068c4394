/** How the journal decides in which way a small write becomes durable soonest. */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { nodeDisk } from "../../../../relay/storage/journal/disk.ts";
import { chooseMode, measureWrites } from "../../../../relay/storage/journal/write-probe.ts";
import { systemClock } from "../../../../lib/clock.ts";
import { FakeClock } from "../../../helpers/clock.ts";
import { SimDisk } from "../../../helpers/sim-disk.ts";

test.each([
  ["in place, durable writes", [4, 3, 2, 1], { inPlace: true, durableWrites: true }],
  ["in place, synced", [4, 3, 1, 2], { inPlace: true, durableWrites: false }],
  ["in place, durable writes though hardly slower", [4, 4, 2, 2.1], { inPlace: true, durableWrites: true }],
  ["appended, durable writes", [4, 2, 5, 5], { inPlace: false, durableWrites: true }],
  ["appended, synced", [2, 4, 5, 5], { inPlace: false, durableWrites: false }],
  ["hardly quicker in place", [4, 4, 4, 3.7], { inPlace: false, durableWrites: true }],
  ["no durable writes, in place", [4, null, 2, null], { inPlace: true, durableWrites: false }],
  ["no durable writes, appended", [2, null, 2, null], { inPlace: false, durableWrites: false }],
] as const)("chooseMode() takes the quickest: %s", (_what, times, mode) => {
  const [appendSyncMs, appendDurableMs, inPlaceSyncMs, inPlaceDurableMs] = times;
  expect(chooseMode({ appendSyncMs, appendDurableMs, inPlaceSyncMs, inPlaceDurableMs })).toEqual(mode);
});

test("measureWrites() times each way on a real disk and leaves no file", async () => {
  const folder = await mkdtemp(join(tmpdir(), "journal-probe-"));
  try {
    const times = await measureWrites(folder, nodeDisk, systemClock);
    expect(times.appendSyncMs).toBeGreaterThan(0);
    expect(times.inPlaceSyncMs).toBeGreaterThan(0);
    expect(times.inPlaceDurableMs === null).toBe(times.appendDurableMs === null);
    expect(await readdir(folder)).toEqual([]);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test.runIf(process.platform === "linux")("nodeDisk.openDurable() opens with O_DSYNC", async () => {
  const folder = await mkdtemp(join(tmpdir(), "journal-probe-"));
  const path = join(folder, "file");
  try {
    const fd = await nodeDisk.open(path, "create");
    const durable = await nodeDisk.openDurable(path);
    expect(durable).not.toBeNull();
    for (const each of [fd, durable as number]) await nodeDisk.close(each);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("measureWrites() replaces what an earlier probe left, and cleans up where the disk fails", async () => {
  const disk = new SimDisk();
  await disk.makeFolder("/sim");
  disk.setBytes("/sim/probe", Buffer.from("left"));
  await measureWrites("/sim", disk, new FakeClock());
  expect(disk.names("/sim")).toEqual([]);
  disk.fail("EIO", (operation) => operation === "syncData", 1);
  await expect(measureWrites("/sim", disk, new FakeClock())).rejects.toThrow("EIO");
  expect(disk.names("/sim")).toEqual([]);
  expect(disk.openFiles).toBe(0);
});
