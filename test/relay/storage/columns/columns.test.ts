import { describe, expect, test } from "vitest";
import { Column, LinkColumn, RowAllocator } from "../../../../relay/storage/columns/columns.ts";
import { seeded } from "../../../helpers/random.ts";

describe("Column", () => {
  test("reads 0 in rows that were never set, and what was set, across chunks", () => {
    const column = new Column();
    expect(column.get(1_000_000)).toBe(0);
    for (const row of [0, 16_383, 16_384, 1_000_000]) column.set(row, row + 1);
    expect([0, 1, 16_383, 16_384, 1_000_000].map((row) => column.get(row))).toEqual([
      1, 0, 16_384, 16_385, 1_000_001,
    ]);
  });

  test("gives back every number as it was set, whatever was there before", () => {
    const column = new Column();
    const numbers = [1, 255, 256, 65_535, 65_536, 4_294_967_295, 4_294_967_296, 0, -1, 0.5, 2 ** 53, 7];
    for (const [index, number] of numbers.entries()) column.set(index, number);
    expect(numbers.map((_, index) => column.get(index))).toEqual(numbers);
    for (const number of numbers) {
      column.set(3, number);
      expect(column.get(3)).toBe(number);
    }
  });

  test("takes as many bytes of a row as the largest value beside it asks for", () => {
    const bytesWith = (value: number, narrowest: 1 | 2 | 4 = 1): number => {
      const column = new Column(narrowest);
      column.set(5, value);
      return column.bytes / 16_384;
    };
    expect([0, 255, 256, 65_536, 2 ** 32, -1].map((value) => bytesWith(value))).toEqual([0, 1, 2, 4, 8, 8]);
    expect([bytesWith(1, 2), bytesWith(1, 4)]).toEqual([2, 4]);
  });

  test("rowsWith() finds a value in cells of every width", () => {
    const column = new Column();
    for (const [chunk, wide] of [1, 300, 70_000, 2 ** 40].entries()) {
      column.set(chunk * 16_384 + 1, wide);
      column.set(chunk * 16_384 + 9, 77);
    }
    expect([...column.rowsWith(77)]).toEqual([9, 16_393, 32_777, 49_161]);
    expect([...column.rowsWith(70_000)]).toEqual([32_769]);
  });

  test("clearBefore() gives up what is wholly before a row, and takes new values there", () => {
    const column = new Column();
    for (const row of [1, 20_000, 40_000]) column.set(row, 9);
    column.clearBefore(20_000);
    expect([column.get(1), column.get(20_000), column.bytes]).toEqual([0, 9, 32_768]);
    column.set(2, 5);
    column.clearBefore(40_000);
    expect([column.get(2), column.get(20_000), column.get(40_000)]).toEqual([0, 0, 9]);
  });
});

describe("LinkColumn", () => {
  test("points to any row, near or far, ahead or back, itself or none", () => {
    const links = new LinkColumn();
    const random = seeded(3);
    const wanted = new Map<number, number>();
    for (let step = 0; step < 5000; step++) {
      const row = 1 + random.below(40_000);
      const other = random.below(3) === 0 ? row + random.below(3) - 1 : random.below(2 ** 30);
      links.set(row, other);
      wanted.set(row, other);
    }
    for (const [row, other] of wanted) expect(links.get(row)).toBe(other);
  });

  test("takes a byte for neighbours", () => {
    const links = new LinkColumn();
    for (let row = 1; row < 16_384; row++) links.set(row, row + 1);
    expect(links.bytes).toBe(16_384);
  });
});

describe("RowAllocator", () => {
  test("begins at 1 and hands freed rows out again", () => {
    const rows = new RowAllocator();
    const taken = Array.from({ length: 200 }, () => rows.take());
    expect(taken[0]).toBe(1);
    for (const row of taken) rows.give(row);
    expect(rows.used).toBe(0);
    expect(new Set(Array.from({ length: 200 }, () => rows.take()))).toEqual(new Set(taken));
    expect(rows.take()).toBe(201);
  });
});
