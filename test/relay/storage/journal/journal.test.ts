/** The running journal: what is durable when, what happens when the disk fails or fills, and how space comes back. */
import { readdir, readFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ConfigError, UpstreamError } from "../../../../lib/errors.ts";
import { openJournal } from "../../../../relay/storage/journal/open.ts";
import type { Journal, JournalOptions, Operation } from "../../../../relay/storage/journal/types.ts";
import { FakeClock } from "../../../helpers/clock.ts";
import { seeded } from "../../../helpers/random.ts";
import { SimDisk } from "../../../helpers/sim-disk.ts";

const FOLDER = "/sim/journal";

let disk: SimDisk;
let clock: FakeClock;
const opened = new Set<Journal>();

beforeEach(() => {
  disk = new SimDisk();
  clock = new FakeClock();
});

afterEach(async () => {
  disk.heal();
  for (const journal of opened) await close(journal);
  expect(disk.openFiles).toBe(0);
  expect(clock.pendingTimers).toBe(0);
});

async function open(options: Partial<JournalOptions> = {}, on: SimDisk = disk): Promise<Journal> {
  const journal = await openJournal({ base: "/sim", minFreeBytes: 0, ...options }, { disk: on, clock });
  opened.add(journal);
  return journal;
}

async function close(journal: Journal): Promise<void> {
  opened.delete(journal);
  await journal.close();
}

const set = (key: string, value: string | Buffer): Operation => ({
  type: "set",
  key,
  value: Buffer.from(value),
});
const remove = (key: string): Operation => ({ type: "remove", key });

async function text(journal: Journal, key: string): Promise<string | null> {
  const value = await journal.get(key);
  return value === null ? null : Buffer.from(value).toString();
}

const isLog = (operation: string) => (name: string, path: string) =>
  name === operation && path.endsWith(".log");

/** A disk on which the process is frozen once: right after a write has become durable, or in the middle of reading. */
class FreezingDisk extends SimDisk {
  frozen: (() => Promise<void>) | null = null;
  frozenInRead: (() => Promise<void>) | null = null;

  override async syncData(fd: number): Promise<void> {
    await super.syncData(fd);
    const frozen = this.frozen;
    this.frozen = null;
    await frozen?.();
  }

  override async read(fd: number, into: Uint8Array, position: number): Promise<number> {
    const frozen = this.frozenInRead;
    this.frozenInRead = null;
    await frozen?.();
    return super.read(fd, into, position);
  }

  /** Another process takes the folder while this one is stopped. */
  async taken(): Promise<void> {
    await this.unlink("/sim/lock");
    await this.symlink("another process", "/sim/lock");
    clock.freeze(60_000);
  }
}

describe("journal.write()", () => {
  test("acknowledges nothing that became durable after another process had taken the folder", async () => {
    const freezing = new FreezingDisk();
    const journal = await open({}, freezing);
    await journal.write([set("a", "1")], "synced");
    freezing.frozen = async () => {
      await freezing.taken();
    };
    await expect(journal.write([set("b", "2")], "synced")).rejects.toThrow(
      "another process has taken the folder",
    );
    await close(journal);
    expect(freezing.openFiles).toBe(0);
  });

  test("cuts nothing off a segment that another process may have read, whatever else fails", async () => {
    const freezing = new FreezingDisk();
    const journal = await open({}, freezing);
    await journal.write([set("a", "1")], "synced");
    freezing.frozen = async () => {
      await freezing.taken();
      throw Object.assign(new Error("EIO"), { code: "EIO" });
    };
    await expect(journal.write([set("b", "2")], "synced")).rejects.toThrow("EIO");
    await close(journal).catch(() => {});
    await freezing.unlink("/sim/lock");
    expect(await text(await open({}, freezing), "b")).toBe("2");
  });

  test("mends nothing at an opening that was stopped while it read, until the folder was another's", async () => {
    const freezing = new FreezingDisk();
    const journal = await open({}, freezing);
    await journal.write([set("a", "1")], "synced");
    await close(journal);
    const file = `${FOLDER}/0000000001.log`;
    freezing.setBytes(file, Buffer.concat([freezing.bytes(file), Buffer.from("torn")]));
    const before = Buffer.from(freezing.bytes(file));
    freezing.frozenInRead = () => freezing.taken();
    await expect(open({}, freezing)).rejects.toThrow("another process has taken the folder");
    expect(freezing.bytes(file)).toEqual(before);
    expect(await freezing.readlink("/sim/lock")).toBe("another process");
    expect(freezing.openFiles).toBe(0);
  });

  test("is durable when it resolves, and only then", async () => {
    const journal = await open();
    const written = journal.write([set("a", "1")], "synced");
    expect(journal.has("a")).toBe(true);
    expect(await text(journal, "a")).toBe("1");
    await written;
    expect(await text(await open({}, disk.afterPowerCut(seeded(1))), "a")).toBe("1");
  });

  test("shares one sync between all that arrives while another one runs", async () => {
    const journal = await open();
    await journal.write([set("first", "")], "synced");
    const before = new Map(disk.counts);
    await Promise.all(Array.from({ length: 500 }, (_, n) => journal.write([set(`k${n}`, "v")], "synced")));
    expect((disk.counts.get("syncData") ?? 0) - (before.get("syncData") ?? 0)).toBeLessThanOrEqual(2);
    expect((disk.counts.get("write") ?? 0) - (before.get("write") ?? 0)).toBeLessThanOrEqual(2);
  });

  test("keeps the order of operations, also within one write", async () => {
    const journal = await open();
    await Promise.all([
      journal.write([set("k", "1"), set("k", "2")], "synced"),
      journal.write([remove("k")], "synced"),
      journal.write([set("k", "3"), remove("k"), set("k", "4")], "lazy"),
    ]);
    expect(await text(journal, "k")).toBe("4");
    await close(journal);
    expect(await text(await open(), "k")).toBe("4");
  });

  test("takes values in parts, empty ones, and ones larger than a segment and a window", async () => {
    const journal = await open({ segmentBytes: 4096 });
    const large = seeded(3).bytes(64 * 1024);
    const huge = Buffer.concat(Array.from({ length: 33 * 16 }, () => large));
    await journal.write(
      [{ type: "set", key: "huge", value: [huge.subarray(0, 5), huge.subarray(5)] }],
      "synced",
    );
    await journal.write(
      [{ type: "set", key: "parts", value: ["a", "", "bc"].map((s) => Buffer.from(s)) }],
      "synced",
    );
    await journal.write([{ type: "set", key: "none", value: [] }], "synced");
    for (const again of [false, true]) {
      const now = again ? await open({}, disk.afterKill()) : journal;
      expect(huge.equals((await now.get("huge")) ?? Buffer.alloc(0))).toBe(true);
      expect(now.size("huge")).toBe(33 * 1024 * 1024);
      expect(await text(now, "parts")).toBe("abc");
      expect(await text(now, "none")).toBe("");
    }
  });

  test("takes any key: of kilobytes, of half a surrogate pair, and the names of Object's properties", async () => {
    const keys = [
      "__proto__",
      "constructor",
      "",
      "\0",
      "a/b:c?d",
      "ключ",
      "\u{1f98a}",
      "half \ud83e",
      "\ud83e",
      "\ufffd",
      "k".repeat(8000),
    ];
    const journal = await open();
    for (const key of keys) await journal.write([set(key, `value of ${key.length}`)], "synced");
    await close(journal);
    const again = await open();
    expect([...again.keys("")]).toEqual(keys);
    for (const key of keys) expect(await text(again, key)).toBe(`value of ${key.length}`);
  });

  test("refuses a key or value that no frame holds, and goes on", async () => {
    const journal = await open();
    await expect(journal.write([set("k".repeat(70_000), "")], "synced")).rejects.toThrow(RangeError);
    await journal.write([set("k", "v")], "synced");
  });

  test("goes on after a short write", async () => {
    disk.longestWrite = 7;
    const journal = await open();
    await Promise.all(
      [set("a", "x".repeat(100)), set("b", Buffer.alloc(20_000, "y"))].map((o) =>
        journal.write([o], "synced"),
      ),
    );
    await close(journal);
    const again = await open();
    expect(await text(again, "a")).toBe("x".repeat(100));
    expect(again.size("b")).toBe(20_000);
    expect(again.stats().truncatedBytes).toBe(0);
  });

  test("writes lazy operations down with the next synced one", async () => {
    const journal = await open();
    await journal.write([set("lazy", "1")], "lazy");
    expect(await text(journal, "lazy")).toBe("1");
    expect(disk.counts.get("syncData")).toBeUndefined();
    await journal.write([set("synced", "1")], "synced");
    expect(disk.counts.get("syncData")).toBe(1);
    expect(await text(await open({}, disk.afterPowerCut(seeded(1))), "lazy")).toBe("1");
  });

  test("writes lazy operations down within a second where nothing else is written", async () => {
    const journal = await open();
    await journal.write([set("lazy", "1")], "lazy");
    const synced = new Promise((resolve) => journal.onSync(resolve));
    await clock.advance(1000);
    await synced;
    expect(await text(await open({}, disk.afterPowerCut(seeded(1))), "lazy")).toBe("1");
  });

  test("begins a new segment when one is full, after the old one is durable", async () => {
    const journal = await open({ segmentBytes: 1000 });
    for (let n = 0; n < 20; n++) await journal.write([set(`k${n}`, "x".repeat(200))], "synced");
    expect(journal.stats().segments).toBe(5);
    for (const name of disk.names(FOLDER))
      expect(disk.bytes(`${FOLDER}/${name}`).length).toBeLessThanOrEqual(1000);
  });
});

describe("journal.getStart()", () => {
  test("gives the beginning, before and after it is durable, and all where the value is shorter", async () => {
    const journal = await open();
    const written = journal.write(
      [{ type: "set", key: "k", value: [Buffer.from("ab"), Buffer.from("cdef")] }],
      "synced",
    );
    for (let round = 0; round < 2; round++) {
      expect(Buffer.from((await journal.getStart("k", 3)) ?? []).toString()).toBe("abc");
      expect(Buffer.from((await journal.getStart("k", 99)) ?? []).toString()).toBe("abcdef");
      expect(await journal.getStart("none", 3)).toBeNull();
      await written;
    }
  });
});

describe("journal, when the disk fails", () => {
  test("refuses the waiters of a failed sync, gives the keys their former values, and goes on in a new segment", async () => {
    const journal = await open();
    await journal.write([set("k", "before"), set("gone", "still here")], "synced");
    disk.fail("EIO", isLog("syncData"), 1);
    const writes = [
      journal.write([set("k", "after")], "synced"),
      journal.write([remove("gone"), set("new", "1")], "synced"),
    ];
    for (const write of writes) {
      await expect(write).rejects.toMatchObject({ name: "UpstreamError", code: "storage", retryable: true });
    }
    expect(journal.trouble()).toContain("EIO");
    expect(await text(journal, "k")).toBe("before");
    expect(await text(journal, "gone")).toBe("still here");
    expect(journal.has("new")).toBe(false);
    expect([...journal.keys("")].sort()).toEqual(["gone", "k"]);

    await journal.write([set("k", "at last")], "synced");
    expect(journal.trouble()).toBeNull();
    expect(disk.names(FOLDER)).toEqual(["0000000001.log", "0000000002.log"]);
    const again = await open({}, disk.afterKill());
    expect(await text(again, "k")).toBe("at last");
    expect(await text(again, "gone")).toBe("still here");
    expect(again.has("new")).toBe(false);
    expect(again.stats().quarantinedBytes).toBe(0);
  });

  test("keeps what was acknowledged in the failed segment even where it cannot be cut", async () => {
    const journal = await open();
    await journal.write([set("acked", "1")], "synced");
    disk.fail("EIO", isLog("syncData"), 1);
    disk.fail("EIO", isLog("truncate"), 1);
    await expect(journal.write([set("refused", "1")], "synced")).rejects.toThrow(UpstreamError);
    await journal.write([set("later", "1")], "synced");
    const again = await open({}, disk.afterPowerCut(seeded(2)));
    expect(await text(again, "acked")).toBe("1");
    expect(await text(again, "later")).toBe("1");
  });

  test("goes on with what had not been written yet, without refusing it", async () => {
    const journal = await open();
    await journal.write([set("first", "")], "synced");
    disk.fail("EIO", isLog("write"), 1);
    const failing = journal.write([set("a", "1")], "synced");
    const failed = expect(failing).rejects.toThrow("EIO");
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    const waiting = journal.write([set("b", "1")], "synced");
    await failed;
    await waiting;
    expect([...journal.keys("")].sort()).toEqual(["b", "first"]);
  });

  test("carries lazy writes over to the new segment", async () => {
    const journal = await open();
    await journal.write([set("first", "")], "synced");
    await journal.write([set("lazy", "1")], "lazy");
    disk.fail("EIO", isLog("syncData"), 1);
    await expect(journal.write([set("lazy", "2")], "synced")).rejects.toThrow("EIO");
    expect(await text(journal, "lazy")).toBe("1");
    await clock.advance(1000);
    await journal.write([set("later", "")], "synced");
    expect(await text(await open({}, disk.afterPowerCut(seeded(1))), "lazy")).toBe("1");
  });

  test("answers disk-full on a full disk, and goes on without reopening when there is space again", async () => {
    const journal = await open();
    await journal.write([set("k", "1")], "synced");
    disk.capacity = disk.bytes(`${FOLDER}/0000000001.log`).length + 40;
    for (let n = 0; n < 5; n++) {
      await expect(journal.write([set("k", "x".repeat(500))], "synced")).rejects.toMatchObject({
        code: "disk-full",
      });
    }
    expect(journal.trouble()).toContain("ENOSPC");
    await journal.probe(); // writes a frame, for which there is room
    expect(journal.trouble()).toBeNull();
    disk.capacity = Infinity;
    await journal.write([set("k", "2")], "synced");
    const again = await open({}, disk.afterPowerCut(seeded(1)));
    expect(await text(again, "k")).toBe("2");
    expect(again.stats()).toMatchObject({ keys: 1, truncatedBytes: 0, quarantinedBytes: 0 });
  });

  test("takes a quota for a full disk, and a segment that cannot be made for trouble that passes", async () => {
    const journal = await open();
    disk.fail("EDQUOT", isLog("open"), 2);
    for (let n = 0; n < 2; n++) {
      await expect(journal.write([set("k", "1")], "synced")).rejects.toMatchObject({ code: "disk-full" });
    }
    disk.fail("EIO", (operation, path) => operation === "syncFolder" && path === FOLDER, 1);
    await expect(journal.write([set("k", "1")], "synced")).rejects.toMatchObject({ code: "storage" });
    await journal.write([set("k", "2")], "synced");
    expect(await text(journal, "k")).toBe("2");
  });

  test("finds out by probe() that the disk works again", async () => {
    const journal = await open();
    disk.fail("EIO", isLog("syncData"));
    await expect(journal.write([set("k", "1")], "synced")).rejects.toThrow("EIO");
    await journal.probe();
    expect(journal.trouble()).toContain("EIO");
    disk.heal();
    await journal.probe();
    expect(journal.trouble()).toBeNull();
    expect(await open({}, disk.afterKill()).then((again) => [...again.keys("")])).toEqual([]);
  });

  test("says so when a stored value is no longer whole", async () => {
    const journal = await open();
    await journal.write([set("k", "value")], "synced");
    disk.bytes(`${FOLDER}/0000000001.log`)[28] = 0;
    await expect(journal.get("k")).rejects.toMatchObject({ code: "storage" });
  });

  test("says at closing that lazy writes could not be written down, and is closed all the same", async () => {
    const journal = await open();
    await journal.write([set("lazy", "1")], "lazy");
    disk.fail("EIO", isLog("syncData"));
    await expect(close(journal)).rejects.toMatchObject({ code: "storage" });
    disk.heal();
    await close(await open());
  });

  test("opens with a ConfigError where the folder is read-only", async () => {
    disk.fail("EROFS", (operation) => operation === "symlink" || operation === "makeFolder");
    await expect(open()).rejects.toBeInstanceOf(ConfigError);
    await expect(open()).rejects.toThrow(/Cannot write to the journal's folder "\/sim": EROFS/);
  });
});

describe("journal, when space runs out", () => {
  test("refuses intake below the floor, takes completions, and takes intake again above it", async () => {
    disk.free = 10_000;
    const journal = await open({ minFreeBytes: 5000 });
    await journal.write([set("k", "x".repeat(4000))], "synced");
    await expect(journal.write([set("l", "x".repeat(4000))], "synced")).rejects.toMatchObject({
      code: "disk-full",
    });
    await journal.write([set("state", "done")], "synced", "completion");
    expect(journal.trouble()).toContain("5000 are kept free");
    disk.free = 4000;
    await journal.probe();
    expect(journal.trouble()).toBe("Cannot store: 4000 bytes are free, 5000 are kept free");
    disk.free = 100_000;
    await clock.advance(1000);
    expect(journal.trouble()).not.toBeNull(); // asks the system, without waiting for the answer
    await clock.advance(0);
    expect(journal.trouble()).toBeNull();
    await journal.write([set("l", "x".repeat(4000))], "synced");
  });

  test("goes without a floor where the system does not tell its free space", async () => {
    disk.fail("ENOSYS", (operation) => operation === "freeBytes");
    const journal = await open({ minFreeBytes: 5000 });
    await journal.write([set("k", "v")], "synced");
  });

  test("refuses intake beyond maxBytes, until what is dead was given back", async () => {
    const journal = await open({ maxBytes: 3000, segmentBytes: 1000 });
    for (let n = 0; n < 3; n++) await journal.write([set(`k${n}`, "x".repeat(900))], "synced");
    await expect(journal.write([set("k3", "x".repeat(900))], "synced")).rejects.toMatchObject({
      code: "queue-full",
    });
    expect(journal.trouble()).toMatch(/^Cannot store: the journal has \d+ bytes, limit is 3000$/);
    await journal.write([remove("k0"), remove("k1")], "synced", "completion");
    await journal.compact();
    expect(journal.trouble()).toBeNull();
    await journal.write([set("k3", "x".repeat(900))], "synced");
  });

  test("refuses what would wait in memory beyond its limit, intake before completions", async () => {
    const journal = await open({ maxPendingBytes: 1000 });
    const first = journal.write([set("k0", "x".repeat(800))], "synced");
    await expect(journal.write([set("k1", "x".repeat(800))], "synced")).rejects.toMatchObject({
      code: "queue-full",
    });
    const second = journal.write([set("k1", "x".repeat(800))], "synced", "completion");
    await expect(journal.write([set("k2", "x".repeat(800))], "synced", "completion")).rejects.toMatchObject({
      code: "queue-full",
    });
    await Promise.all([first, second]);
    await journal.write([set("k2", "x".repeat(800))], "synced");
  });
});

describe("journal.compact()", () => {
  test("removes dead segments by itself, as soon as their last value is gone", async () => {
    const journal = await open({ segmentBytes: 1000 });
    for (let n = 0; n < 10; n++) await journal.write([set(`k${n}`, "x".repeat(900))], "synced");
    await journal.write(
      Array.from({ length: 9 }, (_, n) => remove(`k${n}`)),
      "synced",
    );
    for (let turns = 0; turns < 200 && journal.stats().segments > 2; turns++) await clock.advance(0);
    await close(journal);
    expect(disk.names(FOLDER).length).toBeLessThanOrEqual(2);
    const again = await open({ segmentBytes: 1000 });
    expect([...again.keys("")]).toEqual(["k9"]);
  });

  test("rewrites segments that are mostly dead, while their values can be read", async () => {
    const journal = await open({ segmentBytes: 10_000 });
    for (let n = 0; n < 100; n++) await journal.write([set(`k${n}`, `${n}`.padEnd(900, "."))], "synced");
    for (let n = 0; n < 100; n++) if (n % 10 > 0) await journal.write([remove(`k${n}`)], "synced");
    const before = journal.stats();
    const reading = (async () => {
      for (let round = 0; round < 5; round++) {
        for (let n = 0; n < 100; n += 10) expect(await text(journal, `k${n}`)).toBe(`${n}`.padEnd(900, "."));
      }
    })();
    await journal.compact();
    await reading;
    const { bytes, liveBytes, keys } = journal.stats();
    expect(keys).toBe(10);
    expect(liveBytes).toBe(before.liveBytes);
    expect(bytes).toBeLessThan(before.liveBytes * 3);
    await close(journal);
    expect((await open()).stats().keys).toBe(10);
  });

  test("keeps removals from piling up behind an old segment that lives on", async () => {
    const journal = await open({ segmentBytes: 2000 });
    await journal.write([set("forever", "x".repeat(1900))], "synced");
    for (let n = 0; n < 1000; n++) {
      await journal.write([set("k".repeat(40) + String(n), "")], "synced");
      await journal.write([remove("k".repeat(40) + String(n))], "synced");
    }
    await journal.compact();
    expect(journal.stats().bytes).toBeLessThan(20_000);
    expect([...journal.keys("")]).toEqual(["forever"]);
    await close(journal);
    expect([...(await open()).keys("")]).toEqual(["forever"]);
  });

  test("stops where the disk fails, and nothing is lost", async () => {
    const journal = await open({ segmentBytes: 2000 });
    for (let n = 0; n < 20; n++) await journal.write([set(`k${n}`, "x".repeat(300))], "synced");
    disk.fail("EIO", isLog("unlink"));
    disk.fail("EIO", isLog("syncData"), 1);
    for (let n = 0; n < 20; n++) {
      if (n % 5 > 0)
        await journal
          .write([remove(`k${n}`)], "synced")
          .catch(() => journal.write([remove(`k${n}`)], "synced"));
    }
    disk.fail("EIO", isLog("syncData"), 1);
    await journal.compact().catch((error: unknown) => expect(error).toBeInstanceOf(UpstreamError));
    disk.heal();
    await journal.compact();
    expect([...journal.keys("")].sort()).toEqual(["k0", "k10", "k15", "k5"]);
    expect([...(await open({}, disk.afterPowerCut(seeded(7)))).keys("")].sort()).toEqual([
      "k0",
      "k10",
      "k15",
      "k5",
    ]);
  });
});

describe("journal", () => {
  test("calls no function of node:fs that stops the event loop", async () => {
    const folder = new URL("../../../../relay/storage/journal/", import.meta.url);
    for (const name of await readdir(folder)) {
      expect(await readFile(new URL(name, folder), "utf8"), name).not.toMatch(
        /\b(read|write|open|close|sync|stat|truncate|unlink|rename|mkdir)\w*Sync\(/,
      );
    }
  });

  test("puts small segments together where starts and stops have left many", async () => {
    for (let n = 0; n < 40; n++) {
      const journal = await open({ segmentBytes: 10_000 });
      await journal.write([set(`k${n}`, "v")], "synced");
      await close(journal);
    }
    const journal = await open({ segmentBytes: 10_000 });
    expect(journal.stats().segments).toBe(40);
    await journal.compact();
    expect(journal.stats().segments).toBeLessThan(35);
    expect(journal.stats().keys).toBe(40);
    await close(journal);
    expect((await open()).stats().keys).toBe(40);
  });

  test("keeps a bounded number of segments open for reading", async () => {
    const journal = await open({ segmentBytes: 100, maxOpenSegments: 3 });
    for (let n = 0; n < 20; n++) await journal.write([set(`k${n}`, "x".repeat(90))], "synced");
    for (let n = 0; n < 20; n++) expect(await text(journal, `k${n}`)).toBe("x".repeat(90));
    expect(disk.openFiles).toBeLessThanOrEqual(4);
    await Promise.all(Array.from({ length: 20 }, (_, n) => journal.get(`k${n}`)));
  });

  test("finds keys by how they begin, durable or not", async () => {
    const journal = await open();
    await journal.write([set("event:1", ""), set("event:2", ""), set("state:1", "")], "synced");
    await journal.write([set("event:3", ""), remove("event:1")], "lazy");
    expect([...journal.keys("event:")].sort()).toEqual(["event:2", "event:3"]);
    expect(journal.stats().keys).toBe(3);
    expect(journal.size("event:1")).toBeNull();
  });

  test("tells the length of each sync, until told not to", async () => {
    const journal = await open();
    const durations: number[] = [];
    const stop = journal.onSync((ms) => void durations.push(ms));
    await journal.write([set("k", "")], "synced");
    stop();
    await journal.write([set("k", "")], "synced");
    expect(durations).toEqual([0]);
  });

  test("refuses everything after close(), which may be called twice", async () => {
    const journal = await open();
    await journal.write([set("k", "v")], "lazy");
    await Promise.all([close(journal), journal.close()]);
    for (const use of [journal.write([set("k", "")], "synced"), journal.get("k"), journal.getStart("k", 1)]) {
      await expect(use).rejects.toMatchObject({ code: "closed" });
    }
    await journal.compact();
    await journal.probe();
    expect(await text(await open(), "k")).toBe("v");
  });
});
