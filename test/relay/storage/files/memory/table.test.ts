import { describe, expect, test } from "vitest";
import { Dictionary } from "../../../../../relay/storage/files/memory/dictionary.ts";
import { HOLDERS, IdRows } from "../../../../../relay/storage/columns/id-rows.ts";
import { EventTable } from "../../../../../relay/storage/files/memory/table.ts";

function setUp(orders: readonly number[]): { table: EventTable; rows: number[] } {
  const table = new EventTable();
  const rows = orders.map((order) => {
    const row = table.index.add(order, 0, 7, Math.imul(order, 0x9e37_79b1) >>> 0);
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

  test("has no events that only the journal knows, whose rows it takes", () => {
    const ids = new IdRows();
    const table = new EventTable(ids);
    const row = ids.add(1, 2, 3, 4);
    ids.hold(row, HOLDERS.journal);
    const digest = Uint32Array.of(0, 2, 3, 4);
    expect([table.index.find(1, 2, 3, 4), table.index.findDigest(digest, 0), table.index.size]).toEqual([
      0, 0, 0,
    ]);
    expect(table.index.add(1, 2, 3, 4)).toBe(row);
    expect([table.index.find(1, 2, 3, 4), table.index.findDigest(digest, 0), table.index.size]).toEqual([
      row,
      row,
      1,
    ]);
    table.freeEvent(row);
    expect([table.index.size, ids.find(1, 2, 3, 4)]).toEqual([0, row]);
  });

  test("receivedAt() gives back any time, before the event was stored or after", () => {
    const { table, rows } = setUp([1, 2, 3]);
    const times = [0, 65_536, 1_800_000_000_123.5, 65_000, -5];
    for (const row of rows)
      for (const at of times) {
        table.setReceivedAt(row, at);
        expect(table.receivedAt(row)).toBe(at);
      }
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
