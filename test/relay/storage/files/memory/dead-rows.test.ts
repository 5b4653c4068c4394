import { expect, test } from "vitest";
import { LinkColumn } from "../../../../../relay/storage/columns/columns.ts";
import { DeadRows } from "../../../../../relay/storage/files/memory/dead-rows.ts";
import { seeded } from "../../../../helpers/random.ts";

test.each([1, 2, 3])("DeadRows has what was added and not removed (seed %i)", (seed) => {
  const random = seeded(seed);
  const dead = new DeadRows(new LinkColumn());
  const wanted = new Set<number>();
  for (let step = 0; step < 2000; step++) {
    const row = 1 + random.below(500);
    if (wanted.delete(row)) dead.remove(row);
    else {
      wanted.add(row);
      dead.add(row);
    }
    expect(dead.size).toBe(wanted.size);
  }
  expect([...dead.rows()].toSorted()).toEqual([...wanted].toSorted());
});
