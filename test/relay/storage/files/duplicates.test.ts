/** What the queue of one process remembers of duplicates, and that it stays small. */
import { expect, test } from "vitest";
import { DuplicateCounts, MAX_EVENTS } from "../../../../relay/storage/files/duplicates.ts";
import { silentLog } from "../../../../lib/log.ts";
import { MemoryDisk, openMemoryJournal } from "../../../helpers/memory-journal.ts";

const keysOf = (journal: { keys(prefix: string): Iterable<string> }): string[] => [
  ...journal.keys("duplicates:"),
];

test("note() keeps the events that were sent again last, in memory and in the journal", async () => {
  const journal = await openMemoryJournal(new MemoryDisk(), null);
  const counts = new DuplicateCounts(silentLog);
  for (let n = 0; n < MAX_EVENTS; n++) counts.note(`id${n}`, n, journal);
  counts.note("id0", 20_000, journal);
  counts.note("one more", 20_001, journal);
  await journal.write([], "synced");
  expect(counts.find("id0")).toEqual({ count: 2, lastAt: 20_000 });
  expect(counts.find("id1")).toBeNull();
  expect(counts.find("id2")).toEqual({ count: 1, lastAt: 2 });
  expect(keysOf(journal)).toHaveLength(MAX_EVENTS);
  expect(keysOf(journal)).not.toContain("duplicates:id1");
});

test("note() counts on in memory while the storage refuses to write", async () => {
  const disk = new MemoryDisk();
  const journal = await openMemoryJournal(disk, null);
  const counts = new DuplicateCounts(silentLog);
  disk.failing = "disk-full";
  counts.note("id", 1, journal);
  await expect(journal.write([], "synced")).rejects.toThrow("disk-full");
  disk.failing = null;
  counts.note("id", 2, journal);
  await journal.write([], "synced");
  expect(counts.find("id")).toEqual({ count: 2, lastAt: 2 });
  expect(keysOf(journal)).toEqual(["duplicates:id"]);
});

test("takeOrphans() forgets what has no event and returns its keys", () => {
  const counts = new DuplicateCounts(silentLog);
  for (const id of ["here", "gone"]) counts.restore(id, Buffer.from('{"count":4,"lastAt":5}'));
  expect(counts.takeOrphans((id) => id === "here")).toEqual(["duplicates:gone"]);
  expect(counts.find("gone")).toBeNull();
  expect(counts.find("here")).toEqual({ count: 4, lastAt: 5 });
});

test("takeOrphans() returns what the journal holds beyond the limit", () => {
  const counts = new DuplicateCounts(silentLog);
  for (let n = 0; n <= MAX_EVENTS; n++) counts.restore(`id${n}`, Buffer.from('{"count":1,"lastAt":5}'));
  expect(counts.takeOrphans(() => true)).toEqual(["duplicates:id0"]);
});
