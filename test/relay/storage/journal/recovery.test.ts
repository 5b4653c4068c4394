/** What an opening journal makes of files that were cut, zeroed, bit-flipped or never whole. */
import { afterEach, describe, expect, test } from "vitest";
import {
  bodyIsWhole,
  decodeKey,
  emptyHeader,
  HEADER_BYTES,
  readHeader,
} from "../../../../relay/storage/journal/frame.ts";
import { openJournal } from "../../../../relay/storage/journal/open.ts";
import { scanSegment } from "../../../../relay/storage/journal/scan.ts";
import { sequenceOf } from "../../../../relay/storage/journal/segment.ts";
import type { Journal, Operation } from "../../../../relay/storage/journal/types.ts";
import { FakeClock } from "../../../helpers/clock.ts";
import { seeded } from "../../../helpers/random.ts";
import { SimDisk } from "../../../helpers/sim-disk.ts";

const FOLDER = "/sim/journal";
const SEGMENT_BYTES = 250;

const opened: Journal[] = [];
afterEach(async () => {
  for (const journal of opened.splice(0)) await journal.close();
});

interface Seen {
  readonly key: string;
  readonly value: string | null;
}

async function open(disk: SimDisk, seen: Seen[] = []): Promise<Journal> {
  const visitor = {
    set: (key: string, value: Uint8Array) => void seen.push({ key, value: Buffer.from(value).toString() }),
    remove: (key: string) => void seen.push({ key, value: null }),
  };
  const options = { base: "/sim", segmentBytes: SEGMENT_BYTES, minFreeBytes: 0, visitor };
  const journal = await openJournal(options, { disk, clock: new FakeClock() });
  opened.push(journal);
  return journal;
}

async function close(journal: Journal): Promise<void> {
  opened.splice(opened.indexOf(journal), 1);
  await journal.close();
}

const set = (key: string, value: string): Operation => ({ type: "set", key, value: Buffer.from(value) });
const remove = (key: string): Operation => ({ type: "remove", key });

/** Three segments and more: values set, set again, removed, set once more, and two writes of several operations. */
async function smallJournal(): Promise<SimDisk> {
  const disk = new SimDisk();
  disk.instant = true;
  disk.fail("EBUSY", (operation, path) => operation === "unlink" && path.endsWith(".log"));
  const journal = await open(disk);
  const writes: Operation[][] = [
    [set("a", "first value of a")],
    [set("b", "b".repeat(40))],
    [set("__proto__", "zeros: \0\0\0\0"), set("\u{1f98a} fox", "c"), remove("b")],
    [set("a", "second value of a")],
    [remove("nothing")],
    [set("d", "d".repeat(30))],
    [set("b", "b is back")],
    [set("e", "")],
    [remove("d"), set("f", "f".repeat(20))],
    [set("g", "g".repeat(30))],
    [remove("a")],
    [set("h", "the last one")],
  ];
  for (const operations of writes) await journal.write(operations, "synced");
  await close(journal);
  disk.heal();
  return disk;
}

/** As version 0.1.0 wrote it, with CRC32: two keys in one write, one key set, the same key removed. */
const SEGMENT_OF_0_1_0 = Buffer.from(
  [
    "fac16a31ed5eed5e070000410500000006702ecd56772a4b6576656e743a616669727374",
    "fac16a31ed5eed5e0a00008108000000a63b7faf372ca2957363686cc3bc7373656c696e207061727473",
    "fac16a31ed5eed5e040000c101000000d33b688a90569b57676f6e6578",
    "fac16a31ed5eed5e040000c200000000454f98024dc090e2676f6e65",
  ].join(""),
  "hex",
);

/** One write as it stands in a file. */
interface Group {
  readonly name: string;
  readonly start: number;
  readonly end: number;
  readonly seen: readonly Seen[];
}

function groupsOf(disk: SimDisk): Group[] {
  const groups: Group[] = [];
  const header = emptyHeader();
  for (const name of disk.names(FOLDER)) {
    const bytes = disk.bytes(`${FOLDER}/${name}`);
    let start = 0;
    let seen: Seen[] = [];
    for (let at = 0; at < bytes.length;) {
      expect(readHeader(bytes, at, { sequence: sequenceOf(name) ?? 0, offset: at }, header)).toBe(true);
      expect(bodyIsWhole(bytes, at + HEADER_BYTES, header)).toBe(true);
      const valueAt = at + HEADER_BYTES + header.keyBytes;
      const key = decodeKey(bytes, at + HEADER_BYTES, header);
      const end = valueAt + header.valueBytes;
      seen.push({ key, value: header.type === 2 ? null : bytes.toString("utf8", valueAt, end) });
      at = end;
      if (!header.last) continue;
      groups.push({ name, start, end, seen });
      start = end;
      seen = [];
    }
  }
  return groups;
}

/** What is found where these writes are whole and no others. */
function expected(groups: readonly Group[]): { seen: Seen[]; values: Map<string, string> } {
  const seen = groups.flatMap((group) => group.seen);
  const values = new Map<string, string>();
  for (const { key, value } of seen) {
    if (value === null) values.delete(key);
    else values.set(key, value);
  }
  return { seen, values };
}

async function valuesOf(journal: Journal): Promise<Map<string, string>> {
  const values = new Map<string, string>();
  for (const key of journal.keys("")) values.set(key, Buffer.from((await journal.get(key)) ?? []).toString());
  return values;
}

function sorted(values: ReadonlyMap<string, string>): string[] {
  return [...values].map((entry) => JSON.stringify(entry)).sort();
}

/** toEqual(), thousands of times: it is only asked where the quick comparison fails. */
function same(found: readonly unknown[], wanted: readonly unknown[], context: string): void {
  if (JSON.stringify(found) !== JSON.stringify(wanted)) expect(found, context).toEqual(wanted);
}

function zerosAtEnd(bytes: Buffer): number {
  let at = bytes.length;
  while (at > 0 && bytes[at - 1] === 0) at -= 1;
  return bytes.length - at;
}

/** Damages one file, opens twice, and compares with the writes that are still whole. */
async function survives(
  whole: SimDisk,
  groups: readonly Group[],
  name: string,
  damage: (bytes: Buffer) => Buffer,
  context: string,
): Promise<void> {
  const disk = whole.afterKill();
  disk.instant = true;
  const path = `${FOLDER}/${name}`;
  const before = whole.bytes(path);
  const after = damage(Buffer.from(before));
  disk.setBytes(path, after);
  const left = groups.filter(
    (group) =>
      group.name !== name ||
      (group.end <= after.length &&
        after.subarray(group.start, group.end).equals(before.subarray(group.start, group.end))),
  );
  const ends = left.filter((group) => group.name === name);
  const unread = after.length - ends.reduce((sum, group) => sum + group.end - group.start, 0);
  // Zeros at the end of the newest segment are space that was filled ahead.
  const isNewest = name === groups.at(-1)?.name;
  const lost = unread - (isNewest ? zerosAtEnd(after.subarray(ends.at(-1)?.end ?? 0)) : 0);
  const { seen, values } = expected(left);

  const found: Seen[] = [];
  const journal = await open(disk, found);
  same(found, seen, context);
  same(sorted(await valuesOf(journal)), sorted(values), context);
  const { quarantinedBytes, truncatedBytes } = journal.stats();
  expect(quarantinedBytes + truncatedBytes, context).toBe(lost);
  await journal.write([set("afterwards", context)], "synced");
  await close(journal);

  const again = await open(disk);
  same(sorted(await valuesOf(again)), sorted(values.set("afterwards", context)), context);
  expect(again.stats(), context).toMatchObject({ quarantinedBytes, truncatedBytes: 0 });
  await close(again);
  expect(disk.openFiles, context).toBe(0);
}

/** The bytes of a first segment, longer than that. */
async function oneSegment(length: number): Promise<Buffer> {
  const disk = new SimDisk();
  const journal = await openJournal({ base: "/sim", minFreeBytes: 0 }, { disk, clock: new FakeClock() });
  for (let n = 0; journal.stats().bytes <= length; n++)
    await journal.write([set(`former ${n}`, "x")], "synced");
  await journal.close();
  return disk.bytes(`${FOLDER}/0000000001.log`);
}

/** As if the write from there on had never reached the disk: what the file held before is still there. */
function overwritten(former: Buffer): [string, (at: number) => (bytes: Buffer) => Buffer] {
  return ["as before", (at) => (bytes) => Buffer.concat([bytes.subarray(0, at), former.subarray(at)])];
}

describe("openJournal() on damaged files", () => {
  const damages: [string, (at: number) => (bytes: Buffer) => Buffer][] = [
    ["cut", (at) => (bytes) => bytes.subarray(0, at)],
    ["zeroed from there on", (at) => (bytes) => bytes.fill(0, at)],
    ["zeroed for a sector", (at) => (bytes) => bytes.fill(0, at, Math.min(bytes.length, at + 64))],
    [
      "one bit flipped",
      (at) => (bytes) => {
        bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << (at % 8)), at);
        return bytes;
      },
    ],
  ];
  test.each(damages)(
    "loses nothing that is whole and invents nothing: %s, at every byte",
    async (what, damageAt) => {
      const disk = await smallJournal();
      const groups = groupsOf(disk);
      const names = disk.names(FOLDER);
      expect(names.length).toBeGreaterThanOrEqual(3);
      for (const name of names) {
        for (let at = 0; at < disk.bytes(`${FOLDER}/${name}`).length; at++) {
          await survives(disk, groups, name, damageAt(at), `${what} at ${at} of ${name}`);
        }
      }
    },
  );

  test.each(["zeros", "frames of the segment that the file was before"])(
    "loses nothing that is whole and invents nothing in a file that goes on with %s, damaged at every byte",
    async (behind) => {
      const disk = await smallJournal();
      const groups = groupsOf(disk);
      const names = disk.names(FOLDER);
      const name = names.at(-1) as string;
      const path = `${FOLDER}/${name}`;
      const own = disk.bytes(path);
      const former = await oneSegment(own.length + 150);
      const rest = Buffer.from(former.subarray(own.length));
      disk.setBytes(path, Buffer.concat([own, behind === "zeros" ? rest.fill(0) : rest]));
      for (let at = 0; at < own.length; at++) {
        for (const [what, damageAt] of [...damages.slice(3), overwritten(former)]) {
          await survives(disk, groups, name, damageAt(at), `${what} at ${at}`);
        }
      }
    },
  );

  test("reads a segment of version 0.1.0, altered at any byte as far as it is whole, and goes on after it", async () => {
    const disk = new SimDisk();
    disk.instant = true;
    await close(await open(disk));
    const name = "0000000001.log";
    disk.setBytes(`${FOLDER}/${name}`, SEGMENT_OF_0_1_0);
    const groups = groupsOf(disk);
    expect(expected(groups).values).toEqual(
      new Map([
        ["event:a", "first"],
        ["schlüssel", "in parts"],
      ]),
    );
    for (let at = 0; at < SEGMENT_OF_0_1_0.length; at++) {
      const flip = (bytes: Buffer): Buffer => {
        bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << (at % 8)), at);
        return bytes;
      };
      await survives(disk, groups, name, flip, `bit flipped at ${at}`);
    }
  });

  test("cuts what a crash left at the end of the newest segment, and says how much", async () => {
    const disk = await smallJournal();
    const path = `${FOLDER}/${disk.names(FOLDER).at(-1) ?? ""}`;
    const whole = disk.bytes(path);
    disk.setBytes(path, Buffer.concat([whole, Buffer.alloc(4096), Buffer.from("torn")]));
    const journal = await open(disk);
    expect(journal.stats()).toMatchObject({ truncatedBytes: 4100, quarantinedBytes: 0 });
    expect(disk.bytes(path).equals(whole)).toBe(true);
  });

  test("moves what is no frame to quarantine, once, and the segment goes with the next compaction", async () => {
    const disk = await smallJournal();
    const first = `${FOLDER}/${disk.names(FOLDER)[0] ?? ""}`;
    const bytes = Buffer.from(disk.bytes(first));
    bytes.fill(0xee, 10, 20);
    disk.setBytes(first, bytes);
    const journal = await open(disk);
    const values = await valuesOf(journal);
    const [name] = disk.names("/sim/quarantine");
    expect(
      disk.bytes(`/sim/quarantine/${name ?? ""}`).equals(bytes.subarray(0, journal.stats().quarantinedBytes)),
    ).toBe(true);
    await journal.compact();
    expect(disk.names(FOLDER)).not.toContain(first.slice(FOLDER.length + 1));
    expect(await valuesOf(journal)).toEqual(values);
    await close(journal);
    expect((await open(disk)).stats().quarantinedBytes).toBe(
      disk.bytes(`/sim/quarantine/${name ?? ""}`).length,
    );
    expect(disk.names("/sim/quarantine")).toEqual([name]);
  });

  test("leaves a damaged segment alone where quarantine cannot be written", async () => {
    const disk = await smallJournal();
    const first = `${FOLDER}/${disk.names(FOLDER)[0] ?? ""}`;
    disk.setBytes(first, Buffer.from(disk.bytes(first)).fill(0xee, 10, 20));
    disk.fail("ENOSPC", (_operation, path) => path.startsWith("/sim/quarantine/"));
    const journal = await open(disk);
    await journal.compact();
    expect(disk.names(FOLDER)).toContain(first.slice(FOLDER.length + 1));
  });

  test("does not take the image of a frame inside a value for a frame", async () => {
    const disk = await smallJournal();
    const image = Buffer.concat(disk.names(FOLDER).map((name) => disk.bytes(`${FOLDER}/${name}`)));
    const forged = new SimDisk();
    const journal = await open(forged);
    // The value begins where a copy of the first segment would put its frames, as far as anybody outside can arrange that.
    await journal.write([{ type: "set", key: "x", value: [Buffer.alloc(7), image, image] }], "synced");
    await journal.write([set("y", "after it")], "synced");
    await close(journal);
    const [name = ""] = forged.names(FOLDER);
    const bytes = Buffer.from(forged.bytes(`${FOLDER}/${name}`));
    bytes.writeUInt8(bytes.readUInt8(3) ^ 1, 3);
    forged.setBytes(`${FOLDER}/${name}`, bytes);
    expect([...(await open(forged)).keys("")]).toEqual(["y"]);
  });

  test("opens where a sector cannot be read, and finds the rest", async () => {
    const disk = new SimDisk();
    const journal = await openJournal({ base: "/sim", minFreeBytes: 0 }, { disk, clock: new FakeClock() });
    for (let n = 0; n < 20; n++) await journal.write([set(`k${n}`, "x".repeat(2000))], "synced");
    await journal.close();
    const broken = 9000;
    const read = disk.read.bind(disk);
    disk.read = async (fd, into, position) => {
      if (position <= broken && broken < position + into.length)
        throw Object.assign(new Error("EIO"), { code: "EIO" });
      return await read(fd, into, position);
    };
    const again = await open(disk);
    expect(again.stats().keys).toBeGreaterThan(15);
    expect(again.stats().quarantinedBytes).toBeGreaterThan(2000);
  });

  test("opens an empty folder, an empty segment and one that is nothing but noise", async () => {
    const disk = new SimDisk();
    await close(await open(disk));
    disk.setBytes(`${FOLDER}/0000000001.log`, seeded(1).bytes(5000));
    disk.setBytes(`${FOLDER}/0000000002.log`, Buffer.alloc(0));
    disk.setBytes(`${FOLDER}/notes.txt`, Buffer.from("not ours"));
    const journal = await open(disk);
    expect(journal.stats()).toMatchObject({ keys: 0, quarantinedBytes: 5000, truncatedBytes: 0 });
    await journal.write([set("k", "v")], "synced");
    expect(disk.names(FOLDER)).toEqual(["0000000003.log", "notes.txt"]);
  });
});

describe("scanSegment()", () => {
  test.each([25, 64, 150, 1000])("finds the same with windows of %i bytes", async (windowBytes) => {
    const disk = await smallJournal();
    for (const name of disk.names(FOLDER)) {
      const bytes = Buffer.from(disk.bytes(`${FOLDER}/${name}`)).fill(0, 100, 103);
      disk.setBytes(`${FOLDER}/${name}`, bytes);
      const reports: string[][] = [];
      for (const window of [windowBytes, 1 << 20]) {
        const report: string[] = [];
        const fd = await disk.open(`${FOLDER}/${name}`, "read");
        await scanSegment(
          { disk, fd, sequence: sequenceOf(name) ?? 0, bytes: bytes.length, windowBytes: window },
          {
            frame: ({ type, key, offset, value }) =>
              void report.push(`${type} ${key} ${offset} ${value.toString()}`),
            bad: (start, end) => void report.push(`bad ${start} ${end}`),
          },
        );
        await disk.close(fd);
        reports.push(report);
      }
      expect(reports[0]).toEqual(reports[1]);
      expect(reports[0]?.filter((line) => line.startsWith("bad"))).toHaveLength(1);
    }
  });
});
