/** A journal that a later version wrote to is refused and stays as it is; damage is never taken for a later version. */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ConfigError } from "../../../../lib/errors.ts";
import { checksumOf } from "../../../../relay/storage/journal/checksum.ts";
import {
  HEADER_BYTES,
  keyEncoding,
  laterType,
  writeHeader,
  writeKey,
  type FrameType,
} from "../../../../relay/storage/journal/frame.ts";
import { openJournal } from "../../../../relay/storage/journal/open.ts";
import { FakeClock } from "../../../helpers/clock.ts";
import { SimDisk } from "../../../helpers/sim-disk.ts";

const SALT = 0x5eed_5eed;
const LATER = 9;

interface Written {
  readonly type: number;
  readonly key: string;
  readonly value: string;
}

/** A segment with a write for each of these. */
function segment(sequence: number, frames: readonly Written[], salt = SALT): Buffer {
  const parts: Buffer[] = [];
  let offset = 0;
  for (const { type, key, value } of frames) {
    const encoding = keyEncoding(key);
    const bytes = Buffer.alloc(HEADER_BYTES + encoding.bytes + value.length);
    writeKey(bytes, HEADER_BYTES, key, encoding);
    bytes.write(value, HEADER_BYTES + encoding.bytes, "latin1");
    const checksum = checksumOf(bytes.subarray(HEADER_BYTES));
    const frame = { type: type as FrameType, encoding, valueBytes: value.length, checksum };
    writeHeader(bytes, 0, { ...frame, first: true, last: true }, { sequence, salt, offset });
    parts.push(bytes);
    offset += bytes.length;
  }
  return Buffer.concat(parts);
}

const A: Written = { type: 1, key: "a", value: "value of a" };
const B: Written = { type: 1, key: "b", value: "value of b" };
const NEW: Written = { type: LATER, key: "c", value: "what a later version says" };

async function diskWith(...segments: readonly Buffer[]): Promise<SimDisk> {
  const disk = new SimDisk();
  disk.instant = true;
  await (await openJournal({ base: "/sim", minFreeBytes: 0 }, { disk, clock: new FakeClock() })).close();
  segments.forEach((bytes, index) => disk.setBytes(`/sim/journal/000000000${index + 1}.log`, bytes));
  return disk;
}

/** Names and bytes of all files. */
function contents(disk: SimDisk): Record<string, string> {
  const paths = ["/sim/journal", "/sim/quarantine"].flatMap((folder) =>
    disk.names(folder).map((name) => `${folder}/${name}`),
  );
  return {
    ...Object.fromEntries(paths.map((path) => [path, disk.bytes(path).toString("hex")])),
    names: disk.names("/sim").join(),
  };
}

const open = (disk: SimDisk) =>
  openJournal({ base: "/sim", minFreeBytes: 0 }, { disk, clock: new FakeClock() });

describe("openJournal() on a journal of a later version", () => {
  const damaged = segment(1, [A, B]).fill(0xee, 3, 9);
  const torn = Buffer.concat([segment(2, [A]), Buffer.from("torn")]);
  test.each([
    ["as the only entry", [segment(1, [NEW])]],
    ["as the last entry", [segment(1, [A, NEW])]],
    ["between two entries", [segment(1, [A, NEW, B])]],
    ["in an older segment", [segment(1, [A, NEW]), segment(2, [B])]],
    ["after a damaged segment", [damaged, segment(2, [A, NEW])]],
    ["after damage in its own segment", [segment(1, [A, B, NEW]).fill(0xee, 3, 9)]],
    ["before a torn write", [segment(1, [A, NEW]), torn]],
    ["in an entry that was cut short", [segment(1, [A, NEW]).subarray(0, -5)]],
  ])("refuses it and changes nothing: %s", async (_where, segments) => {
    const disk = await diskWith(...segments);
    const before = contents(disk);
    await expect(open(disk)).rejects.toThrow(ConfigError);
    expect(contents(disk)).toEqual(before);
    expect(disk.openFiles).toBe(0);
  });

  test("names the segment and the cure", async () => {
    const disk = await diskWith(segment(1, [A]), segment(2, [B, NEW]));
    await expect(open(disk)).rejects.toThrow(
      'Cannot open the journal in "/sim": a later version of the relay wrote to it (type 9 at byte 35 of "0000000002.log"). ' +
        "No file was changed. Start the version that wrote it, or restore a backup of the data folder",
    );
  });

  test("takes no changed bit of an entry for a later version", async () => {
    const whole = segment(1, [A, B]);
    for (let bit = 0; bit < whole.length * 8; bit++) {
      const bytes = Buffer.from(whole);
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      const journal = await open(await diskWith(bytes));
      expect(journal.stats().keys, `bit ${bit}`).toBe(1);
      await journal.close();
    }
  });

  test("takes the image of such an entry with another segment's salt for damage", async () => {
    const image = segment(1, [A, NEW], SALT + 1);
    const disk = await diskWith(Buffer.concat([segment(1, [A]), image.subarray(segment(1, [A]).length)]));
    const journal = await open(disk);
    expect(journal.stats()).toMatchObject({ keys: 1, truncatedBytes: segment(1, [NEW]).length });
    await journal.close();
  });
});

describe("laterType()", () => {
  test("is null for the types that this version knows, and elsewhere than at the entry's place", () => {
    const place = { sequence: 1, offset: 0 };
    for (const type of [1, 2, 3]) expect(laterType(segment(1, [{ ...A, type }]), 0, place, SALT)).toBeNull();
    for (const type of [0, 4, 15]) expect(laterType(segment(1, [{ ...A, type }]), 0, place, SALT)).toBe(type);
    for (let bit = 0; bit < 32; bit++) {
      const bytes = segment(1, [NEW]);
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      expect(laterType(bytes, 0, place, SALT), `bit ${bit} of the mark`).toBeNull();
    }
    expect(laterType(segment(1, [NEW]), 0, { sequence: 2, offset: 0 }, SALT)).toBeNull();
    expect(laterType(segment(1, [NEW]), 0, { sequence: 1, offset: 1 }, SALT)).toBeNull();
  });
});

describe("openJournal() on a real folder of a later version", () => {
  let base: string;
  beforeEach(async () => void (base = await mkdtemp(join(tmpdir(), "journal-later-"))));
  afterEach(() => rm(base, { recursive: true }));

  test("leaves every file as it is and lets go of the lock", async () => {
    await mkdir(join(base, "journal"));
    const path = join(base, "journal", "0000000001.log");
    const bytes = segment(1, [A, NEW, B]);
    await writeFile(path, bytes);
    for (let attempt = 0; attempt < 2; attempt++) {
      await expect(openJournal({ base, minFreeBytes: 0 })).rejects.toThrow(
        "a later version of the relay wrote to it",
      );
      expect(await readdir(base)).toEqual(["journal"]);
      expect(await readdir(join(base, "journal"))).toEqual(["0000000001.log"]);
      expect(await readFile(path)).toEqual(bytes);
    }
  });
});
