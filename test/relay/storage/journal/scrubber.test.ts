/** The journal reads its sealed segments again while it is up. */
import { afterEach, expect, test } from "vitest";
import { createLog, createSecrets } from "../../../../lib/log.ts";
import { openJournal } from "../../../../relay/storage/journal/open.ts";
import type { Journal } from "../../../../relay/storage/journal/types.ts";
import { FakeClock } from "../../../helpers/clock.ts";
import { packedNeeds } from "../../../helpers/packed-keys.ts";
import { SimDisk } from "../../../helpers/sim-disk.ts";

const FOLDER = "/sim/journal";

const opened: Journal[] = [];
afterEach(async () => {
  for (const journal of opened.splice(0)) await journal.close();
});

async function rig() {
  const disk = new SimDisk();
  disk.instant = true;
  const clock = new FakeClock();
  const lines: Record<string, unknown>[] = [];
  const log = createLog({
    level: "warn",
    secrets: createSecrets(),
    write: (line) => void lines.push(JSON.parse(line) as Record<string, unknown>),
  });
  const open = async (): Promise<Journal> => {
    const visitor = { needs: packedNeeds, set() {}, remove() {} };
    const options = { base: "/sim", segmentBytes: 400, minFreeBytes: 0, indexFromBytes: 0, visitor };
    const journal = await openJournal(options, { disk, clock, log });
    opened.push(journal);
    return journal;
  };
  const journal = await open();
  for (let index = 0; index < 9; index++) {
    await journal.write([{ type: "set", key: `id:${index}`, value: Buffer.alloc(150, index + 1) }], "synced");
  }
  const verify = async (): Promise<void> => {
    const verifying = journal.verify();
    await clock.advance(1000);
    await verifying;
  };
  const sealed = journal.stats().segments - 1;
  expect(sealed).toBeGreaterThan(2);
  return { disk, clock, lines, open, journal, verify, sealed };
}

test("verify() reads one sealed segment after another, and each again a day later", async () => {
  const { journal, verify, sealed, disk, clock } = await rig();
  for (let count = 1; count <= sealed; count++) {
    await verify();
    expect(journal.stats()).toMatchObject({ verifiedSegments: count, damagedBytes: 0 });
  }
  const reads = disk.counts.get("read");
  await verify();
  expect(disk.counts.get("read")).toBe(reads);
  await clock.advance(86_400_000);
  await verify();
  expect(disk.counts.get("read")).toBeGreaterThan(reads!);
});

test("what the disk has lost is counted and told, and the next start reads that segment and keeps the rest", async () => {
  const { journal, verify, sealed, disk, lines, open } = await rig();
  const bytes = disk.bytes(`${FOLDER}/0000000001.log`);
  bytes[100] = bytes[100]! ^ 1;
  for (let count = 0; count < sealed; count++) await verify();
  const { damagedBytes, verifiedSegments } = journal.stats();
  expect(damagedBytes).toBe(24 + 4 + 150);
  expect(verifiedSegments).toBe(sealed - 1);
  expect(lines).toMatchObject([
    { event: "journal.damage-found", segment: 1, offset: 0, bytes: damagedBytes },
  ]);
  expect(journal.trouble()).toBeNull();
  await journal.close();
  expect(disk.names(FOLDER)).not.toContain("0000000001.idx");
  const again = await open();
  expect(again.stats().quarantinedBytes).toBe(damagedBytes);
  expect(again.has("id:0")).toBe(false);
  expect(again.has("id:1")).toBe(true);
});

test("damage is told after a restart, too, without reading the other segments, until its segment is gone", async () => {
  const { journal, verify, sealed, disk, open } = await rig();
  const bytes = disk.bytes(`${FOLDER}/0000000001.log`);
  bytes[100] = bytes[100]! ^ 1;
  for (let count = 0; count < sealed; count++) await verify();
  const { damagedBytes } = journal.stats();
  await journal.close();
  for (let restart = 0; restart < 2; restart++) {
    const before = disk.counts.get("read")!;
    const again = await open();
    expect(again.stats()).toMatchObject({ damagedBytes, verifiedSegments: 0 });
    // Of each sealed segment but the damaged one its index, and the two frames that show whose index it is.
    expect(disk.counts.get("read")! - before).toBeLessThan(5 * sealed);
    await again.close();
  }
  const last = await open();
  await last.compact();
  expect(last.stats()).toMatchObject({ damagedBytes: 0, quarantinedBytes: damagedBytes });
  expect(last.has("id:1")).toBe(true);
});

test("close() ends a reading that is under way", async () => {
  const { journal, disk } = await rig();
  const verifying = journal.verify();
  await journal.close();
  await verifying;
  expect(disk.openFiles).toBe(0);
});
