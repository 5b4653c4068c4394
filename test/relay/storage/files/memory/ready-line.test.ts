import { describe, expect, test } from "vitest";
import { LinkColumn } from "../../../../../relay/storage/columns/columns.ts";
import { ReadyLine } from "../../../../../relay/storage/files/memory/ready-line.ts";
import { seeded } from "../../../../helpers/random.ts";

function line(): { ready: ReadyLine; orders: Map<number, number>; place: LinkColumn } {
  const orders = new Map<number, number>();
  const place = new LinkColumn();
  return { ready: new ReadyLine((row) => orders.get(row)!, place), orders, place };
}

describe("ReadyLine", () => {
  test("gives back by order what came in order, and what came too late", () => {
    const { ready, orders } = line();
    for (const [row, order] of [
      [1, 10],
      [2, 20],
      [3, 5],
      [4, 20],
      [5, 15],
    ] as const) {
      orders.set(row, order);
      ready.push(row);
    }
    expect(ready.size).toBe(5);
    expect(Array.from({ length: 5 }, () => ready.pop())).toEqual([3, 1, 5, 2, 4]);
    expect(ready.size).toBe(0);
  });

  test("does as a sorted list does, whatever comes, goes and is taken out of the middle", () => {
    const random = seeded(7);
    const { ready, orders, place } = line();
    const waiting = new Set<number>();
    let row = 0;
    let order = 0;
    for (let step = 0; step < 12_000; step++) {
      // Swells and ebbs, so that it grows, wraps around and is given up.
      const isEbb = Math.floor(step / 3000) % 2 === 1;
      const choice = random.below(10);
      if (choice < (isEbb ? 3 : 7)) {
        row++;
        order += 1 + random.below(3);
        orders.set(row, random.below(5) === 0 ? order - random.below(200) - 0.5 : order);
        ready.push(row);
        waiting.add(row);
      } else if (waiting.size > 0 && choice < 9) {
        const taken = ready.pop();
        const first = Math.min(...[...waiting].map((other) => orders.get(other)!));
        expect(orders.get(taken)!).toBeLessThanOrEqual(first);
        expect(waiting.delete(taken)).toBe(true);
        expect(place.get(taken)).toBe(0);
      } else if (waiting.size > 0) {
        const [removed] = [...waiting].slice(random.below(Math.min(50, waiting.size)));
        ready.remove(removed!);
        waiting.delete(removed!);
        expect(ready.has(removed!)).toBe(false);
      }
      expect(ready.size).toBe(waiting.size);
    }
    for (const other of waiting) expect(ready.has(other)).toBe(true);
    const rest = Array.from({ length: waiting.size }, () => orders.get(ready.pop())!);
    expect(rest).toEqual([...waiting].map((other) => orders.get(other)!).sort((a, b) => a - b));
  });

  test("closes the gaps of rows that were taken out of the middle", () => {
    const { ready, orders } = line();
    const rows = Array.from({ length: 12_000 }, (_, index) => index + 1);
    const push = (row: number): void => {
      orders.set(row, row);
      ready.push(row);
    };
    for (const row of rows) push(row);
    const kept = rows.filter((row) => row % 1000 === 1);
    for (const row of rows) if (row % 1000 !== 1) ready.remove(row);
    for (const row of [20_000, 20_001]) push(row);
    expect(kept.every((row) => ready.has(row))).toBe(true);
    expect(Array.from({ length: ready.size }, () => ready.pop())).toEqual([...kept, 20_000, 20_001]);
  });

  test("takes a long line, and goes on after it has become empty", () => {
    const { ready, orders } = line();
    const rows = Array.from({ length: 10_000 }, (_, index) => index + 1);
    for (const round of [0, 1]) {
      for (const row of rows) {
        orders.set(row, round * 10_000 + row);
        ready.push(row);
      }
      expect(rows.map(() => ready.pop())).toEqual(rows);
    }
  });
});
