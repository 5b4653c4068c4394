import { describe, expect, test } from "vitest";
import { ShortLivedMap, ShortLivedSet } from "../../lib/short-lived.ts";

describe("ShortLivedMap", () => {
  test("holds what a Map holds, whatever comes and goes", () => {
    const map = new ShortLivedMap<number, number>();
    const model = new Map<number, number>();
    let state = 1;
    const random = (below: number): number => {
      state = (state * 48_271) % 0x7fff_ffff;
      return state % below;
    };
    for (let step = 0; step < 20_000; step += 1) {
      const key = random(300);
      if (random(100) < 55) {
        map.set(key, step);
        model.set(key, step);
      } else expect(map.delete(key)).toBe(model.delete(key));
      const asked = random(300);
      expect(map.get(asked)).toBe(model.get(asked));
      expect(map.has(asked)).toBe(model.has(asked));
      expect(map.size).toBe(model.size);
    }
    const byKey = (a: readonly number[], b: readonly number[]): number => a[0]! - b[0]!;
    expect([...map].sort(byKey)).toEqual([...model].sort(byKey));
    expect([...map.keys()].sort()).toEqual([...model.keys()].sort());
    expect([...map.values()].sort()).toEqual([...model.values()].sort());
    map.clear();
    expect([map.size, [...map], map.get(1)]).toEqual([0, [], undefined]);
  });

  test("gives the oldest first while few have gone", () => {
    const map = new ShortLivedMap<number, string>();
    for (let key = 0; key < 1000; key += 1) map.set(key, "");
    expect(map.keys().next().value).toBe(0);
  });
});

describe("ShortLivedSet", () => {
  test("holds each value once", () => {
    const set = new ShortLivedSet<string>();
    for (let count = 0; count < 500; count += 1) set.add(`v${count % 100}`);
    expect([set.size, [...set].length]).toEqual([100, 100]);
    expect([set.delete("v7"), set.delete("v7"), set.size]).toEqual([true, false, 99]);
    set.clear();
    expect([...set]).toEqual([]);
  });
});
