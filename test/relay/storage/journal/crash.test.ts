/**
 * The journal ends at every single operation of the disk, by kill and by power cut, in the middle of writing, rotating,
 * compacting and recovering. Whatever is found then must be explained by what was asked for: nothing acknowledged is missing,
 * nothing removed is back, nothing is there that nobody wrote.
 */
import { describe, expect, test } from "vitest";
import { openJournal } from "../../../../relay/storage/journal/open.ts";
import type { Journal, Operation } from "../../../../relay/storage/journal/types.ts";
import { FakeClock } from "../../../helpers/clock.ts";
import { packedNeeds } from "../../../helpers/packed-keys.ts";
import { seeded, type Random } from "../../../helpers/random.ts";
import { SimDisk } from "../../../helpers/sim-disk.ts";

const BASE = "/sim";
const KEYS = 7;
/** Half of them are kept as ids where there are indexes. */
const keyOf = (number: number): string => (number % 2 === 0 ? `id:${number}` : `k${number}`);
const OPTIONS = { base: BASE, segmentBytes: 700, minFreeBytes: 0 };

type Value = string | null;

/** What may be found under each key: what the last acknowledged operation left, or any that was asked for after it. */
class Expectation {
  readonly #possible = new Map<string, Value[]>();
  /** Both or neither: keys that were first written together, and by nothing else since. */
  asked(key: string, value: Value): () => void {
    const list = this.#possible.get(key) ?? [null];
    this.#possible.set(key, list);
    const entry = { value };
    const boxed = this.#boxes.get(key) ?? [];
    this.#boxes.set(key, boxed);
    boxed.push(entry);
    list.push(value);
    return () => {
      const at = boxed.indexOf(entry);
      if (at === -1) return;
      boxed.splice(0, at);
      list.splice(0, list.length - boxed.length);
    };
  }
  readonly #boxes = new Map<string, { value: Value }[]>();

  allows(key: string, value: Value): boolean {
    return (this.#possible.get(key) ?? [null]).includes(value);
  }

  /** This is what there is from now on. */
  settle(key: string, value: Value): void {
    this.#possible.set(key, [value]);
    this.#boxes.set(key, [{ value }]);
  }

  keys(): Iterable<string> {
    return this.#possible.keys();
  }
}

/** Of a disk that writes in place soonest. */
const IN_PLACE = { appendSyncMs: 4, appendDurableMs: 3, inPlaceSyncMs: 2, inPlaceDurableMs: 1 };

type Preallocate = "auto" | "off";

/** `auto`: with indexes beside its segments, too. */
function open(disk: SimDisk, preallocate: Preallocate = "off"): Promise<Journal> {
  let salt = 0;
  const visitor = preallocate === "auto" ? { needs: packedNeeds, set() {}, remove() {} } : null;
  disk.free = 1e9;
  return openJournal(
    { ...OPTIONS, preallocate, indexFromBytes: 0, visitor },
    {
      disk,
      clock: new FakeClock(),
      random: () => (salt = (salt + 0x1234_567) >>> 0),
      measure: () => Promise.resolve(IN_PLACE),
    },
  );
}

/** Sets, overwrites, removals and compactions, some at a time, some one after another; ends early when the disk does. */
async function work(journal: Journal, random: Random, expected: Expectation, rounds: number): Promise<void> {
  const compactions: Promise<void>[] = [];
  let writes: Promise<void>[] = [];
  for (let round = 0; round < rounds; round++) {
    for (let n = random.below(4) + 1; n > 0; n--) {
      const operations: Operation[] = [];
      const acknowledge: (() => void)[] = [];
      for (let m = random.below(2) + 1; m > 0; m--) {
        const key = keyOf(random.below(KEYS));
        if (random.below(3) === 0) {
          operations.push({ type: "remove", key });
          acknowledge.push(expected.asked(key, null));
        } else {
          const value = `${key}=${round}.${n}.${m}${"x".repeat(random.below(120))}`;
          operations.push({ type: "set", key, value: Buffer.from(value) });
          acknowledge.push(expected.asked(key, value));
        }
      }
      const durability = random.below(4) === 0 ? "lazy" : "synced";
      writes.push(
        journal.write(operations, durability).then(() => {
          if (durability === "synced") for (const one of acknowledge) one();
        }),
      );
    }
    if (random.below(6) === 0) compactions.push(journal.compact());
    await writes.at(-1 - random.below(writes.length));
    if (random.below(5) > 0) continue;
    await Promise.all(writes);
    writes = [];
  }
  await Promise.all([...writes, ...compactions]);
}

/** Checks every key; what is found counts as settled. */
async function check(journal: Journal, expected: Expectation, context: string): Promise<void> {
  const found = new Map<string, string>();
  for (const key of journal.keys("")) found.set(key, Buffer.from((await journal.get(key)) ?? []).toString());
  for (const key of found.keys()) expect([...expected.keys()], context).toContain(key);
  for (const key of expected.keys()) {
    const value = found.get(key) ?? null;
    if (!expected.allows(key, value)) expect.fail(`${context}: ${key} is ${value}`);
    expected.settle(key, value);
  }
}

/** Works until the disk's operation `endAt`; null where the work was over before. */
async function interrupted(
  endAt: number,
  seed: number,
  preallocate: Preallocate,
): Promise<{ disk: SimDisk; expected: Expectation } | null> {
  const disk = new SimDisk();
  disk.endAt = endAt;
  const expected = new Expectation();
  const working = (async () => {
    const journal = await open(disk, preallocate);
    await work(journal, seeded(seed), expected, 26);
    await journal.close();
  })();
  const over = await Promise.race([working.then(() => true), disk.ended.then(() => false)]);
  return over ? null : { disk, expected };
}

describe("journal, ended at any operation of the disk", () => {
  test.each([
    [1, "off"],
    [2, "auto"],
  ] as const)("keeps what was acknowledged and invents nothing, seed %i, preallocate %s", async (...row) => {
    const [seed, preallocate] = row;
    let ends = 0;
    for (let endAt = 1; ; endAt++) {
      const end = await interrupted(endAt, seed, preallocate);
      if (end === null) break;
      ends += 1;
      const random = seeded(seed * 100_000 + endAt);
      const cut = random.below(3) > 0;
      let disk = cut ? end.disk.afterPowerCut(random) : end.disk.afterKill();
      const context = `seed ${seed}, operation ${endAt}, ${cut ? "power cut" : "killed"}`;
      // It ends once more while it recovers or goes on, and then is left in peace.
      disk.endAt = random.below(60) + 1;
      const again = (async () => {
        const journal = await open(disk, preallocate);
        await check(journal, end.expected, `${context}, reopened`);
        await work(journal, random, end.expected, 2);
        await journal.close();
      })();
      await Promise.race([again, disk.ended]);
      disk = random.below(2) === 0 ? disk.afterKill() : disk.afterPowerCut(random);
      const journal = await open(disk, preallocate);
      await check(journal, end.expected, `${context}, reopened twice`);
      await work(journal, random, end.expected, 2);
      await journal.compact();
      await check(journal, end.expected, `${context}, gone on`);
      await journal.close();
      expect(disk.openFiles, context).toBe(0);
      const last = await open(disk, preallocate);
      await check(last, end.expected, `${context}, at last`);
      await last.close();
    }
    expect(ends).toBeGreaterThan(100);
  });

  test("removes nothing before what it kept dead, ended at any two operations", async () => {
    const value = Buffer.alloc(670, "v");
    const early = async (disk: SimDisk): Promise<void> => {
      const journal = await open(disk);
      await journal.write([{ type: "set", key: "a", value }], "synced");
      await journal.write([{ type: "remove", key: "a" }], "synced");
      await journal.write([{ type: "set", key: "b", value }], "synced");
      await journal.close();
    };
    const late = async (disk: SimDisk): Promise<void> => {
      const journal = await open(disk);
      await journal.compact();
      await journal.close();
    };
    const written = new SimDisk();
    written.fail("EBUSY", (operation, path) => operation === "unlink" && path.endsWith(".log")); // left for later
    await early(written);
    written.heal();
    let pairs = 0;
    let changes = -1;
    for (let first = 1; ; first++) {
      const one = written.afterKill();
      one.instant = true;
      one.endAt = first;
      if (await Promise.race([late(one).then(() => true), one.ended.then(() => false)])) break;
      // Only where the folder is another one than at the operation before.
      const now = (one.counts.get("unlink") ?? 0) + (one.counts.get("syncFolder") ?? 0);
      if (now === changes) continue;
      changes = now;
      for (let second = 1; ; second++) {
        const two = one.afterKill();
        two.instant = true;
        two.endAt = second;
        if (await Promise.race([late(two).then(() => true), two.ended.then(() => false)])) break;
        for (let seed = 1; seed <= 4; seed++) {
          const journal = await open(two.afterPowerCut(seeded(seed + 1009 * second + 1_000_003 * first)));
          expect([...journal.keys("")], `operations ${first}, ${second}, seed ${seed}`).toEqual(["b"]);
          await journal.close();
        }
        pairs += 1;
      }
    }
    expect(pairs).toBeGreaterThan(80);
  });

  test.each(["off", "auto"] as const)(
    "loses a write as a whole or not at all, preallocate %s",
    async (how) => {
      for (let endAt = 1; ; endAt++) {
        const disk = new SimDisk();
        disk.endAt = endAt;
        const working = (async () => {
          const journal = await open(disk, how);
          await journal.write([{ type: "remove", key: "" }], "synced");
          await journal.write(
            ["a", "b", "c"].map((key) => ({ type: "set", key, value: Buffer.alloc(100, key) })),
            "synced",
          );
          await journal.close();
        })();
        const over = await Promise.race([working.then(() => true), disk.ended.then(() => false)]);
        if (over) break;
        for (let seed = 0; seed < 20; seed++) {
          const journal = await open(disk.afterPowerCut(seeded(seed)));
          expect([0, 3], `operation ${endAt}, seed ${seed}`).toContain(journal.stats().keys);
          expect(journal.stats().quarantinedBytes, `operation ${endAt}, seed ${seed}`).toBe(0);
          await journal.close();
        }
      }
    },
  );
});
