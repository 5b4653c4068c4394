import * as fc from "fast-check";
import { expect, test } from "vitest";
import { digestOf, formatId, idWords } from "../../../relay/event/event-id.ts";
import { RecentIds } from "../../../relay/event/recent-ids.ts";

/** @param ms wall clock of storing */
function idAt(ms: number, key: string): string {
  const [w0 = 0, w1 = 0, w2 = 0, w3 = 0] = idWords(ms * 1024, digestOf(key));
  return formatId(w0, w1, w2, w3);
}

test("RecentIds: whatever a reader had behind the floor is in it, in any order of coming", () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 400_000 }), { maxLength: 1500 }), (times) => {
      const had = new RecentIds(null);
      const ids = times.map((ms, index) => idAt(1_700_000_000_000 + ms, String(index)));
      for (const id of ids) had.add(id);
      const { floor } = had;
      expect(ids.filter((id) => (floor === null || id > floor) && !had.has(id))).toEqual([]);
    }),
    { numRuns: 20 },
  );
});

test("RecentIds: of steady events only the last minute is kept, of a burst a bounded number", () => {
  const had = new RecentIds(idAt(0, "start"));
  const ids = Array.from({ length: 2000 }, (_, second) => idAt((second + 1) * 100, String(second)));
  for (const id of ids) had.add(id);
  expect(had.floor).toBe(ids[2000 - 602]);
  const burst = new RecentIds(null);
  for (let index = 0; index < 10_500; index += 1) burst.add(idAt(5, String(index)));
  expect(burst.floor).not.toBeNull();
  const few = new RecentIds(null);
  for (let day = 0; day < 500; day += 1) few.add(idAt(day * 86_400_000, "one"));
  expect(few.floor).toBeNull();
});
