import { describe, expect, test } from "vitest";
import { DedupeMemory } from "../../../../../relay/storage/files/memory/dedupe.ts";
import { digestOf, formatId, idWords } from "../../../../../relay/event/event-id.ts";
import type { IdWords } from "../../../../../relay/event/event-id.ts";
import { usedBytes } from "../../../../helpers/memory.ts";

const NOW = Date.UTC(2026, 0, 15);
const WEEK = 7 * 86_400_000;
const HOUR = 3_600_000;

function remember(memory: DedupeMemory, key: string, time: number): string {
  const [a = 0, b = 0, c = 0, d = 0] = idWords(time * 1024, digestOf(key));
  memory.add(a, b, c, d);
  return formatId(a, b, c, d);
}

describe("DedupeMemory", () => {
  test("find() gives the id that was stored for this key, and null for others", () => {
    const memory = new DedupeMemory(WEEK);
    const ids = Array.from({ length: 5000 }, (_, index) => remember(memory, `k${index}`, NOW + index));
    expect(memory.size).toBe(5000);
    ids.forEach((id, index) => {
      expect(memory.find(digestOf(`k${index}`), NOW)).toBe(id);
    });
    for (let index = 0; index < 5000; index++) {
      expect(memory.find(digestOf(`other${index}`), NOW)).toBeNull();
    }
  });

  test("find() looks no farther back than the window", () => {
    const memory = new DedupeMemory(WEEK);
    const id = remember(memory, "k", NOW);
    expect(memory.find(digestOf("k"), NOW + WEEK)).toBe(id);
    expect(memory.find(digestOf("k"), NOW + WEEK + 1)).toBeNull();
  });

  test("find() gives the newest where a key was stored again after the window", () => {
    const memory = new DedupeMemory(HOUR);
    remember(memory, "k", NOW);
    const again = remember(memory, "k", NOW + HOUR + 1);
    expect(memory.find(digestOf("k"), NOW + HOUR + 2)).toBe(again);
    const backwards = new DedupeMemory(HOUR);
    remember(backwards, "k", NOW + HOUR + 1);
    remember(backwards, "k", NOW);
    expect(backwards.find(digestOf("k"), NOW + HOUR + 2)).toBe(again);
  });

  test("find() knows ids of the future, as after a clock that was set back", () => {
    const memory = new DedupeMemory(HOUR);
    const id = remember(memory, "k", NOW + 10 * HOUR);
    expect(memory.find(digestOf("k"), NOW)).toBe(id);
  });

  test("add() of what is known changes nothing", () => {
    const memory = new DedupeMemory(WEEK);
    remember(memory, "k", NOW);
    remember(memory, "k", NOW);
    expect(memory.size).toBe(1);
  });

  test("expire() gives the memory of whole generations back", () => {
    const memory = new DedupeMemory(8 * HOUR);
    for (let hour = 0; hour < 24; hour++) {
      for (let index = 0; index < 1000; index++) remember(memory, `${hour}-${index}`, NOW + hour * HOUR);
    }
    const before = memory.bytes;
    memory.expire(NOW + 24 * HOUR);
    expect(memory.size).toBeLessThanOrEqual(9000);
    expect(memory.size).toBeGreaterThanOrEqual(8000);
    expect(memory.bytes).toBeLessThan(before / 2);
    expect(memory.find(digestOf("23-5"), NOW + 24 * HOUR)).not.toBeNull();
    memory.expire(NOW + 48 * HOUR);
    expect(memory.size).toBe(0);
    expect(memory.bytes).toBe(0);
  });

  test("takes at most 48 bytes for each of a million deliveries, at any moment while it grows", () => {
    // Random words in place of digests: the same spread, and hashing a million keys is not what is measured.
    let seed = 12_345;
    const random = (): number => {
      seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
      return (seed ^ (seed >>> 13)) >>> 0;
    };
    const count = 1_000_000;
    const last: IdWords = new Uint32Array(4);
    const before = usedBytes();
    const memory = new DedupeMemory(WEEK);
    let worst = 0;
    for (let index = 0; index < count; index++) {
      // One time for each thousand, as making the words of an id is not what is measured either.
      if (index % 1000 === 0) {
        last.set(idWords((NOW + Math.floor((index / count) * WEEK)) * 1024, Uint32Array.of(0, 0, 0, 0)));
      }
      last[2] = random();
      last[3] = random();
      memory.add(last[0]!, last[1]!, last[2], last[3]);
      // Below some ten thousand the fixed part counts, which is a few kilobytes.
      if (index > 10_000 && index % 1000 === 0) worst = Math.max(worst, memory.bytes / memory.size);
    }
    expect(memory.size).toBeGreaterThan(count * 0.999);
    expect(worst).toBeLessThan(48);
    const now = NOW + WEEK;
    expect(memory.find(last, now)).toBe(formatId(last[0]!, last[1]!, last[2]!, last[3]!));
    const held = usedBytes() - before;
    expect(held / memory.size).toBeLessThan(48);
  });
});
