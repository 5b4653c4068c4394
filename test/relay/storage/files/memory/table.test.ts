import { describe, expect, test } from "vitest";
import { Column, Dictionary, RowAllocator } from "../../../../../relay/storage/files/memory/columns.ts";
import { EventTable } from "../../../../../relay/storage/files/memory/table.ts";

function setUp(orders: readonly number[]): { table: EventTable; rows: number[] } {
  const table = new EventTable();
  const rows = orders.map((order) => {
    const row = table.index.add(order, 0, 7, order * 2_654_435_761);
    table.link(row);
    return row;
  });
  return { table, rows };
}

function walked(table: EventTable, towards: "older" | "newer"): number[] {
  const walker = table.walk(towards === "older" ? table.newestEvent : table.oldestEvent, towards);
  const found: number[] = [];
  for (let row = walker.next(); row !== 0; row = walker.next()) found.push(table.index.wordsOf(row)[0]!);
  walker.close();
  return found;
}

describe("Column", () => {
  test("reads 0 where nothing was set, and what was set, across chunks", () => {
    const column = new Column(Uint32Array);
    expect(column.get(1_000_000)).toBe(0);
    for (const row of [0, 16_383, 16_384, 1_000_000]) column.set(row, row + 1);
    expect([0, 1, 16_383, 16_384, 1_000_000].map((row) => column.get(row))).toEqual([
      1, 0, 16_384, 16_385, 1_000_001,
    ]);
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

describe("Dictionary", () => {
  test("gives equal names one code", () => {
    const dictionary = new Dictionary<{ n: number }>();
    expect([
      dictionary.code("a", { n: 1 }),
      dictionary.code("b", { n: 2 }),
      dictionary.code("a", { n: 3 }),
    ]).toEqual([0, 1, 0]);
    expect(dictionary.value(0)).toEqual({ n: 1 });
    expect(dictionary.find("c")).toBeNull();
  });
});

describe("EventTable", () => {
  test("link() keeps the order of storing, also for what comes late", () => {
    const { table } = setUp([5, 9, 1, 7, 3]);
    expect(walked(table, "newer")).toEqual([1, 3, 5, 7, 9]);
    expect(walked(table, "older")).toEqual([9, 7, 5, 3, 1]);
  });

  test("a walker stays right when the event where it stands is freed", () => {
    const { table, rows } = setUp([1, 2, 3, 4]);
    const up = table.walk(table.oldestEvent, "newer");
    const down = table.walk(table.newestEvent, "older");
    up.next();
    table.removeEvent(rows[1]!);
    table.removeEvent(rows[3]!);
    expect(table.index.wordsOf(up.next())[0]).toBe(3);
    expect(table.index.wordsOf(down.next())[0]).toBe(3);
    expect(table.index.wordsOf(down.next())[0]).toBe(1);
    expect(down.next()).toBe(0);
    up.close();
    down.close();
  });

  test("findEvent() finds what is there, through growth, removal and collisions", () => {
    const table = new EventTable();
    const live = new Map<number, number>();
    let seed = 1;
    const random = (limit: number): number => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      return (seed >>> 8) % limit;
    };
    let wrong = 0;
    for (let step = 0; step < 20_000; step++) {
      // Few different home places, so that rows stand behind one another.
      const key = random(3000);
      const words = [key, 1, 2, (key % 50) * 40] as const;
      const row = live.get(key);
      if (table.index.find(...words) !== (row ?? 0)) wrong++;
      if (row === undefined) {
        live.set(key, table.index.add(...words));
      } else if (random(3) > 0) {
        table.freeEvent(row);
        live.delete(key);
      }
    }
    for (const [key, row] of live) if (table.index.find(key, 1, 2, (key % 50) * 40) !== row) wrong++;
    expect(wrong).toBe(0);
    expect(table.index.rows.used).toBe(live.size);
  });

  test("freeEvent() frees its deliveries, and rows come back empty", () => {
    const { table, rows } = setUp([1]);
    const event = rows[0]!;
    const delivery = table.addDelivery(event, 3, 1, 99);
    table.attempts.set(delivery, 5);
    table.bytes.set(event, 4096);
    expect(table.order(delivery)).toBe(99);
    expect(table.deliveriesOf(event)).toEqual([delivery]);
    expect(table.findDelivery(event, 3, 1)).toBe(delivery);
    expect(table.findDelivery(event, 3, 0)).toBe(0);
    table.removeEvent(event);
    expect(table.eventCount).toBe(0);
    const again = table.index.add(2, 0, 0, 0);
    expect(again).toBe(event);
    expect([table.bytes.get(again), table.firstDelivery.get(again), table.newer.get(again)]).toEqual([
      0, 0, 0,
    ]);
    const other = table.addDelivery(again, 1, 0, null);
    expect(other).toBe(delivery);
    expect(table.attempts.get(other)).toBe(0);
    expect(table.order(other)).toBe(table.index.orderOf(again));
  });
});
