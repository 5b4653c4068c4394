import { expect, test } from "vitest";
import { Backlog, OVERLAP_MS, type TailedEvent } from "../../cli/tail/backlog.ts";
import { fc } from "../helpers/properties.ts";

const event = (id: string, receivedAt = 1_000_000): TailedEvent => ({ id, receivedAt, summary: "" });

function drain(backlog: Backlog): string[] {
  const ids: string[] = [];
  for (let next = backlog.next(); next !== null; next = backlog.next()) ids.push(next.id);
  return ids;
}

test("next() hands on the oldest first, each once, however often it is told of", () => {
  const backlog = new Backlog({ start: 0 });
  for (const id of ["c", "a", "b", "a"]) backlog.add(event(id));
  expect(drain(backlog)).toEqual(["a", "b", "c"]);
  backlog.beginList();
  for (const id of ["c", "a", "d"]) backlog.add(event(id));
  expect(drain(backlog)).toEqual(["d"]);
});

test("add() leaves out what was received before the start or stored before the first", () => {
  const backlog = new Backlog({ start: 500, after: "b" });
  backlog.add(event("c", 499));
  backlog.add(event("b", 600));
  backlog.add(event("d", 500));
  expect(drain(backlog)).toEqual(["d"]);
});

test("from goes with what was handed on, far enough behind it for a late one", () => {
  const backlog = new Backlog({ start: 1000 });
  expect(backlog.from).toBe(1000);
  backlog.add(event("a", 1000 + 2 * OVERLAP_MS));
  expect(backlog.from).toBe(1000);
  drain(backlog);
  expect(backlog.from).toBe(1000 + OVERLAP_MS);
});

test("a list of any length is handed on whole, in order and once, with a bounded memory", () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.nat({ max: 9999 }), { maxLength: 80 }),
      fc.integer({ min: 1, max: 9 }),
      (numbers, most) => {
        const list = numbers
          .map((n) => event(String(n).padStart(4, "0"), n))
          .sort((a, b) => (a.id < b.id ? 1 : -1));
        const backlog = new Backlog({ start: 0, most });
        const got: string[] = [];
        do {
          backlog.beginList();
          const { from } = backlog;
          for (const one of list) if (one.receivedAt >= from) backlog.add(one);
          const ids = drain(backlog);
          expect(ids.length).toBeLessThanOrEqual(2 * most);
          got.push(...ids);
        } while (backlog.hasMore);
        expect(got).toEqual(list.map(({ id }) => id).toReversed());
      },
    ),
  );
});
