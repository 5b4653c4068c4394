import { describe, expect, test } from "vitest";
import { HOLDERS, IdRows } from "../../../../relay/storage/columns/id-rows.ts";
import { seeded } from "../../../helpers/random.ts";

type Words = readonly [number, number, number, number];

/** Few different ends, so that rows stand behind one another, at the end of the table, too. */
const wordsOf = (key: number): Words => [key, 1, 2, 0xffff_ffff - (key % 50) * 0x0500_0000];

describe("IdRows", () => {
  test("finds what is held, through growth, removal and collisions", () => {
    const ids = new IdRows();
    const random = seeded(1);
    const live = new Map<number, number>();
    let wrong = 0;
    for (let step = 0; step < 20_000; step++) {
      const key = random.below(3000);
      const row = live.get(key);
      if (ids.find(...wordsOf(key)) !== (row ?? 0)) wrong++;
      if (row === undefined) {
        const added = ids.add(...wordsOf(key));
        if (!ids.hold(added, HOLDERS.queue)) wrong++;
        live.set(key, added);
      } else if (random.below(3) > 0) {
        ids.release(row, HOLDERS.queue);
        live.delete(key);
      }
    }
    for (let key = 0; key < 3000; key++) if (ids.find(...wordsOf(key)) !== (live.get(key) ?? 0)) wrong++;
    for (const [key, row] of live) if (!ids.is(row, ...wordsOf(key))) wrong++;
    expect(wrong).toBe(0);
    expect(new Set(live.values()).size).toBe(live.size);
    expect(ids.highest).toBeLessThan(3001);
  });

  test("frees a row once nothing holds it, and hands it out again", () => {
    const ids = new IdRows();
    const row = ids.add(1, 2, 3, 4);
    expect([ids.hold(row, HOLDERS.journal), ids.hold(row, HOLDERS.journal)]).toEqual([true, false]);
    expect(ids.add(1, 2, 3, 4)).toBe(row);
    expect(ids.hold(row, HOLDERS.queue)).toBe(true);
    ids.release(row, HOLDERS.journal);
    expect([ids.isHeld(row, HOLDERS.journal), ids.isHeld(row, HOLDERS.queue)]).toEqual([false, true]);
    expect(ids.find(1, 2, 3, 4)).toBe(row);
    ids.release(row, HOLDERS.queue);
    expect(ids.find(1, 2, 3, 4)).toBe(0);
    expect(ids.add(5, 6, 7, 8)).toBe(row);
  });

  test("visitEnding() tells of all ids that end alike, and of no others", () => {
    const ids = new IdRows();
    const add = (...words: Words): number => {
      const row = ids.add(...words);
      ids.hold(row, HOLDERS.queue);
      return row;
    };
    const alike = [add(1, 1, 7, 9), add(2, 2, 7, 9), add(3, 3, 7, 9)];
    add(1, 1, 8, 9);
    add(1, 1, 7, 8);
    const told: number[] = [];
    ids.visitEnding(7, 9, (row) => void told.push(row));
    expect(told.toSorted((a, b) => a - b)).toEqual(alike);
  });
});
