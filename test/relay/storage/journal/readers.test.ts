/** Readers: one trip to the disk for what stands close together, and never another value than the one asked for. */
import { beforeEach, describe, expect, test } from "vitest";
import { Readers } from "../../../../relay/storage/journal/readers.ts";
import { newSegment, type Segment } from "../../../../relay/storage/journal/segment.ts";
import { SimDisk } from "../../../helpers/sim-disk.ts";

const FOLDER = "/sim";
const KB = 1024;
const MB = KB * KB;

let disk: SimDisk;
let readers: Readers;

beforeEach(async () => {
  disk = new SimDisk();
  await disk.makeFolder(FOLDER);
  readers = new Readers(disk, 4);
  return async () => {
    await readers.close();
    expect(disk.openFiles).toBe(0);
  };
});

function segmentOf(sequence: number, bytes: number): { segment: Segment; data: Buffer } {
  const data = Buffer.from(Array.from({ length: bytes }, (_, at) => (at * 31 + sequence * 7) % 251));
  const segment = newSegment(FOLDER, sequence, 0);
  disk.setBytes(segment.path, data);
  return { segment, data };
}

const trips = (): number => disk.counts.get("read") ?? 0;

describe("Readers.read()", () => {
  test("reads in one go what is asked for in one turn, in whatever order, with small gaps", async () => {
    const { segment, data } = segmentOf(1, 60 * KB);
    const places = [40_000, 100, 5000, 1100, 22_000];
    const found = await Promise.all(places.map((offset) => readers.read(segment, offset, 1000)));
    expect(found).toEqual(places.map((offset) => data.subarray(offset, offset + 1000)));
    // From 23,000 to 40,000 is more than is read along.
    expect(trips()).toBe(2);
  });

  test("reads by themselves what is asked for in different turns, overlaps or stands in different segments", async () => {
    const one = segmentOf(1, 4 * KB);
    const two = segmentOf(2, 4 * KB);
    expect(await readers.read(one.segment, 0, 10)).toEqual(one.data.subarray(0, 10));
    const found = await Promise.all([
      readers.read(one.segment, 10, 10),
      readers.read(two.segment, 20, 10),
      readers.read(one.segment, 15, 10),
    ]);
    expect(found).toEqual([one.data.subarray(10, 20), two.data.subarray(20, 30), one.data.subarray(15, 25)]);
    expect(trips()).toBe(4);
  });

  test("gives values that later runs leave alone, also of two runs at once", async () => {
    const [one, two] = [segmentOf(1, 64 * KB), segmentOf(2, 64 * KB)];
    const run = ({ segment }: typeof one, from: number): Promise<Buffer[]> =>
      Promise.all([0, 1, 2].map((n) => readers.read(segment, from + n * 5000, 5000)));
    const found = [
      ...(await Promise.all([run(one, 0), run(two, 0)])).flat(),
      ...(await run(one, 20_000)),
      ...(await run(two, 20_000)),
    ];
    const wanted = ({ data }: typeof one, from: number): Buffer[] =>
      [0, 1, 2].map((n) => data.subarray(from + n * 5000, from + (n + 1) * 5000));
    expect(found).toEqual([wanted(one, 0), wanted(two, 0), wanted(one, 20_000), wanted(two, 20_000)].flat());
  });

  test("ends a run at a megabyte and at 256 values", async () => {
    const { segment, data } = segmentOf(1, 3 * MB);
    const large = await Promise.all([0, 1, 2].map((n) => readers.read(segment, n * MB, MB)));
    expect(Buffer.concat(large).equals(data)).toBe(true);
    expect(trips()).toBe(3);
    const small = await Promise.all(Array.from({ length: 300 }, (_, n) => readers.read(segment, n * 4, 4)));
    expect(Buffer.concat(small).equals(data.subarray(0, 1200))).toBe(true);
    expect(trips()).toBe(5);
  });

  test("lets only those fail whose bytes cannot be read, where reading together fails", async () => {
    const { segment, data } = segmentOf(1, 4 * KB);
    disk.fail("EIO", (operation) => operation === "read", 2); // together, and the first of them
    const [first, second] = await Promise.allSettled([
      readers.read(segment, 0, 10),
      readers.read(segment, 10, 10),
    ]);
    expect(first).toMatchObject({ status: "rejected", reason: { code: "EIO" } });
    expect(second).toMatchObject({ status: "fulfilled", value: data.subarray(10, 20) });
    disk.heal();
    expect(await readers.read(segment, 0, 10)).toEqual(data.subarray(0, 10));
  });

  test("gives what there is where the file ends, to each of those that asked", async () => {
    const { segment, data } = segmentOf(1, 25);
    const found = await Promise.all([0, 10, 20, 30].map((offset) => readers.read(segment, offset, 10)));
    expect(found).toEqual([data.subarray(0, 10), data.subarray(10, 20), data.subarray(20), Buffer.alloc(0)]);
  });

  test("rejects for everybody where the segment is gone", async () => {
    const gone = newSegment(FOLDER, 9, 0);
    const found = await Promise.allSettled([readers.read(gone, 0, 10), readers.read(gone, 10, 10)]);
    for (const { status } of found) expect(status).toBe("rejected");
  });
});
