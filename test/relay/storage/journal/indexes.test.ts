/** Starts from indexes beside the segments: they find what reading the segments finds, and nothing else is believed. */
import { afterEach, describe, expect, test } from "vitest";
import { HOLDERS, IdRows } from "../../../../relay/storage/columns/id-rows.ts";
import { openJournal } from "../../../../relay/storage/journal/open.ts";
import type { Journal, Operation, RecoveryNeeds } from "../../../../relay/storage/journal/types.ts";
import { FakeClock } from "../../../helpers/clock.ts";
import { packedNeeds } from "../../../helpers/packed-keys.ts";
import { seeded } from "../../../helpers/random.ts";
import { SimDisk } from "../../../helpers/sim-disk.ts";

const FOLDER = "/sim/journal";
const SEGMENT_BYTES = 600;

const opened: Journal[] = [];
afterEach(async () => {
  for (const journal of opened.splice(0)) await journal.close();
});

/** What a start told its visitor of each key: the length of a packed key's value, the needed part of another's; null: removed. */
type Told = Map<string, string | number | null>;

interface How {
  readonly needs?: RecoveryNeeds;
  readonly salt?: number;
}

async function open(disk: SimDisk, told: Told = new Map(), how: How = {}): Promise<Journal> {
  const needs = how.needs ?? packedNeeds;
  const ids = new IdRows();
  const idOf = (row: number): Uint32Array => Uint32Array.from([0, 1, 2, 3], (word) => ids.word(row, word));
  const visitor = {
    needs,
    set(key: string, value: Uint8Array) {
      told.set(key, Buffer.from(value).toString());
    },
    remove: (key: string) => void told.set(key, null),
    ids,
    setPacked(row: number, bytes: number) {
      ids.hold(row, HOLDERS.queue);
      told.set(needs.packed.format(idOf(row)), bytes);
    },
    removePacked: (row: number) => void told.set(needs.packed.format(idOf(row)), null),
  };
  let salt = how.salt ?? 1;
  const options = { base: "/sim", segmentBytes: SEGMENT_BYTES, minFreeBytes: 0, indexFromBytes: 0, visitor };
  const journal = await openJournal(options, { disk, clock: new FakeClock(), random: () => salt++ });
  opened.push(journal);
  return journal;
}

async function close(journal: Journal): Promise<void> {
  opened.splice(opened.indexOf(journal), 1);
  await journal.close();
}

/** Packed keys and others: set, set again, removed, set once more; left as they were written. */
async function written(salt = 1): Promise<SimDisk> {
  const disk = new SimDisk();
  disk.instant = true;
  disk.fail("EBUSY", (operation, path) => operation === "unlink" && path.endsWith(".log"));
  const journal = await open(disk, new Map(), { salt });
  const random = seeded(7);
  for (let round = 0; round < 60; round++) {
    const operations: Operation[] = [];
    for (let count = random.below(3); count >= 0; count--) {
      const key = random.below(2) === 0 ? `id:${random.below(9)}` : `other ${random.below(6)} \u{1f98a}`;
      const value = Buffer.from(`${round} ${"v".repeat(random.below(60))}`);
      operations.push(random.below(4) === 0 ? { type: "remove", key } : { type: "set", key, value });
    }
    await journal.write(operations, "synced");
  }
  await journal.write([{ type: "set", key: "half \ud83e", value: Buffer.from("of a pair") }], "synced");
  await close(journal);
  disk.heal();
  return disk;
}

const indexesOf = (disk: SimDisk): string[] => disk.names(FOLDER).filter((name) => name.endsWith(".idx"));

interface Found {
  readonly told: Told;
  readonly values: Map<string, string | null>;
  readonly stats: ReturnType<Journal["stats"]>;
}

async function foundOn(disk: SimDisk, how: How = {}): Promise<Found> {
  const told: Told = new Map();
  // Otherwise dead segments go at once, and with them what there is to compare.
  disk.fail("EBUSY", (operation, path) => operation === "unlink" && path.endsWith(".log"));
  const journal = await open(disk, told, how);
  const values = new Map<string, string | null>();
  for (const key of journal.keys("")) values.set(key, Buffer.from((await journal.get(key)) ?? []).toString());
  const stats = journal.stats();
  await close(journal);
  disk.heal();
  return { told, values, stats };
}

/** What reading the segments finds. */
async function foundWithout(disk: SimDisk): Promise<Found> {
  const bare = disk.afterKill();
  bare.instant = true;
  for (const name of indexesOf(bare)) await bare.unlink(`${FOLDER}/${name}`);
  return await foundOn(bare);
}

describe("indexes of segments", () => {
  test("tell a start what reading the segments tells it", async () => {
    const disk = await written();
    expect(indexesOf(disk).length).toBeGreaterThan(5);
    const wanted = await foundWithout(disk);
    expect(wanted.values.size).toBeGreaterThan(8);
    expect(await foundOn(disk)).toEqual(wanted);
  });

  test("are read in place of the segments, whose bodies are checked when they are asked for", async () => {
    const disk = await written();
    const journal = await open(disk);
    const [key] = [...journal.keys("id:")];
    await close(journal);
    const value = Buffer.from((await valueOf(disk, key!)) ?? "");
    for (const name of disk.names(FOLDER).filter((one) => one.endsWith(".log"))) {
      const bytes = disk.bytes(`${FOLDER}/${name}`);
      const at = bytes.indexOf(value);
      if (at >= 0) bytes[at] = bytes[at]! ^ 1;
    }
    const again = await open(disk);
    expect(again.stats().quarantinedBytes).toBe(0);
    await expect(again.get(key!)).rejects.toMatchObject({ code: "storage" });
  });

  test("that are cut, zeroed or flipped anywhere count for nothing and are made anew", async () => {
    const disk = await written();
    const wanted = await foundWithout(disk);
    const path = `${FOLDER}/${indexesOf(disk)[1]}`;
    const whole = Buffer.from(disk.bytes(path));
    for (let at = 0; at < whole.length; at += 3) {
      const damages = [
        whole.subarray(0, at),
        Buffer.concat([whole.subarray(0, at), Buffer.alloc(whole.length - at)]),
      ];
      const flipped = Buffer.from(whole);
      flipped[at] = flipped[at]! ^ 0x10;
      damages.push(flipped);
      const damaged = disk.afterKill();
      damaged.instant = true;
      damaged.setBytes(path, damages[at % damages.length]!);
      expect(await foundOn(damaged), `byte ${at}`).toEqual(wanted);
      expect(damaged.bytes(path), `byte ${at}`).toEqual(whole);
    }
  });

  test("of another segment, of the same number in another folder, or for other needs are not believed", async () => {
    const disk = await written();
    const wanted = await foundWithout(disk);
    const [first, second] = indexesOf(disk);
    const mixed = disk.afterKill();
    mixed.instant = true;
    mixed.setBytes(`${FOLDER}/${second}`, Buffer.from(disk.bytes(`${FOLDER}/${first}`)));
    expect(await foundOn(mixed)).toEqual(wanted);

    const copied = await written(5000);
    for (const name of indexesOf(copied)) {
      copied.setBytes(`${FOLDER}/${name}`, Buffer.from(disk.bytes(`${FOLDER}/${name}`)));
    }
    expect(await foundOn(copied)).toEqual(wanted);

    const needs = { ...packedNeeds, version: packedNeeds.version + 1, kept: () => new Uint8Array(0) };
    const other = await foundOn(disk.afterKill(), { needs });
    expect(other.values).toEqual(wanted.values);
    expect([...other.told.values()].filter((one) => typeof one === "string" && one !== "")).toEqual([]);
  });

  test("of a segment that was cut afterwards are not believed", async () => {
    const disk = await written();
    const name = indexesOf(disk).at(-1)!.replace(".idx", ".log");
    const path = `${FOLDER}/${name}`;
    disk.setBytes(path, Buffer.from(disk.bytes(path).subarray(0, -1)));
    const wanted = await foundWithout(disk);
    expect(await foundOn(disk)).toEqual(wanted);
  });

  test("go with their segments, and those whose segment is gone are removed at a start", async () => {
    const disk = await written();
    const journal = await open(disk);
    await journal.compact();
    await close(journal);
    const segments = disk.names(FOLDER).filter((name) => name.endsWith(".log"));
    expect(segments.length).toBeGreaterThan(0);
    expect(indexesOf(disk)).toEqual(segments.map((name) => name.replace(".log", ".idx")));
    disk.setBytes(`${FOLDER}/0000000900.idx`, Buffer.from("left behind"));
    await close(await open(disk));
    expect(indexesOf(disk)).not.toContain("0000000900.idx");
  });

  test("that cannot be written or read cost nothing but time", async () => {
    const disk = new SimDisk();
    disk.instant = true;
    disk.fail("ENOSPC", (_operation, path) => path.endsWith(".idx"));
    const journal = await open(disk);
    const write = (index: number): Promise<void> =>
      journal.write([{ type: "set", key: `id:${index}`, value: Buffer.alloc(90) }], "synced");
    for (let index = 0; index < 40; index++) await write(index);
    expect(journal.trouble()).toBeNull();
    await close(journal);
    expect((await foundOn(disk)).values.size).toBe(40);
  });
});

async function valueOf(disk: SimDisk, key: string): Promise<string | null> {
  return (await foundWithout(disk)).values.get(key) ?? null;
}
