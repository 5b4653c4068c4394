/** Checksums of frames: the published values of XXH64, and the same however the bytes are cut. */
import { describe, expect, test } from "vitest";
import { checksumOf, checksumOfParts } from "../../../../relay/storage/journal/checksum.ts";
import { seeded } from "../../../helpers/random.ts";

describe("checksumOf()", () => {
  test.each([
    ["", 0x51d8_e999],
    ["a", 0xa98c_6e5b],
    ["abc", 0xad77_0999],
  ])("is the lower half of XXH64: %j", (text, half) => {
    expect(checksumOf(Buffer.from(text))).toBe(half);
  });

  test("changes with every bit", () => {
    const bytes = seeded(7).bytes(100);
    const found = new Set([checksumOf(bytes)]);
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const altered = Buffer.from(bytes);
      altered[bit >> 3]! ^= 1 << (bit & 7);
      found.add(checksumOf(altered));
    }
    expect(found.size).toBe(801);
  });
});

describe("checksumOfParts()", () => {
  test("is that of the whole, however it is cut, also beyond a megabyte", () => {
    const bytes = seeded(8).bytes(2_500_000);
    const whole = checksumOf(bytes);
    const random = seeded(9);
    for (let round = 0; round < 20; round++) {
      const parts: Buffer[] = [];
      for (let at = 0; at < bytes.length;) {
        const length = random.below(round < 10 ? 1_500_000 : 70_000);
        parts.push(bytes.subarray(at, at + length));
        at += length;
      }
      expect(checksumOfParts(parts)).toBe(whole);
    }
  });

  test("of one small part is checksumOf() it", () => {
    const bytes = seeded(10).bytes(5000);
    expect(checksumOfParts([bytes.subarray(0, 3), bytes.subarray(3)])).toBe(checksumOf(bytes));
  });
});
