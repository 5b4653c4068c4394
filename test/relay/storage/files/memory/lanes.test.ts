import { describe, expect, test } from "vitest";
import { Column, LinkColumn } from "../../../../../relay/storage/columns/columns.ts";
import { Lanes } from "../../../../../relay/storage/files/memory/lanes.ts";
import type { LaneRows } from "../../../../../relay/storage/files/memory/lanes.ts";

interface Rows extends LaneRows {
  readonly orders: Map<number, number>;
}

function createRows(): Rows {
  const orders = new Map<number, number>();
  return {
    orders,
    order: (row) => orders.get(row)!,
    due: new Column(),
    attempts: new Column(),
    lane: new Column(),
    next: new LinkColumn(),
    previous: new LinkColumn(),
    place: new LinkColumn(),
  };
}

const ALL = { first: 1_000_000, retry: 1_000_000 };

function setUp(): {
  rows: Rows;
  lanes: Lanes;
  add: (row: number, lane?: string | null, due?: number) => void;
} {
  const rows = createRows();
  const lanes = new Lanes(rows);
  const add = (row: number, lane: string | null = null, due = 0): void => {
    rows.orders.set(row, row);
    rows.due.set(row, due);
    rows.attempts.set(row, 0);
    lanes.add(row, lane);
  };
  return { rows, lanes, add };
}

describe("Lanes", () => {
  test("take() gives first tries in the order of storing, however they came", () => {
    const { lanes, add } = setUp();
    for (const row of [3, 1, 5, 2, 4]) add(row);
    expect(lanes.take(0, { first: 3, retry: 0 })).toEqual([1, 2, 3]);
    expect(lanes.take(0, ALL)).toEqual([4, 5]);
    expect(lanes.take(0, ALL)).toEqual([]);
  });

  test("take() gives retries by due time, and only those that are due", () => {
    const { rows, lanes, add } = setUp();
    for (const row of [1, 2, 3]) add(row);
    for (const row of lanes.take(0, ALL)) {
      rows.attempts.set(row, 1);
      rows.due.set(row, 100 - row);
      lanes.giveBack(row);
    }
    expect(lanes.take(96, ALL)).toEqual([]);
    expect(lanes.nextDue(96)).toBe(97);
    expect(lanes.take(98, ALL)).toEqual([3, 2]);
    expect(lanes.take(99, { first: 5, retry: 0 })).toEqual([]);
    expect(lanes.hasReady(99)).toBe(true);
    expect(lanes.take(99, ALL)).toEqual([1]);
    expect(lanes.nextDue(99)).toBeNull();
  });

  test("first tries are not starved by 100,000 retries, nor retries by 100,000 first tries", () => {
    const { rows, lanes, add } = setUp();
    for (let row = 1; row <= 100_000; row++) add(row);
    for (const row of lanes.take(0, ALL)) {
      rows.attempts.set(row, 3);
      lanes.giveBack(row);
    }
    add(100_001);
    expect(lanes.take(1, { first: 4, retry: 4 })).toEqual([100_001, 1, 2, 3, 4]);
    for (let row = 100_002; row <= 200_000; row++) add(row);
    const taken = lanes.take(1, { first: 2, retry: 2 });
    expect(taken).toEqual([100_002, 100_003, 5, 6]);
  });

  test("a first try that was put back waits for its time and keeps its turn then", () => {
    const { rows, lanes, add } = setUp();
    add(1);
    add(2);
    expect(lanes.take(0, { first: 1, retry: 0 })).toEqual([1]);
    rows.due.set(1, 50);
    lanes.giveBack(1);
    expect(lanes.nextDue(0)).toBe(50);
    add(3);
    expect(lanes.take(50, ALL)).toEqual([1, 2, 3]);
  });

  test("only the head of a lane may go; the rest follow when it ends", () => {
    const { lanes, add } = setUp();
    add(1, "x");
    add(2, "x");
    add(3, "y");
    add(4);
    expect(lanes.laneCount).toBe(2);
    expect(lanes.take(0, ALL)).toEqual([1, 3, 4]);
    expect(lanes.keyOf(2)).toBe("x");
    lanes.remove(1);
    expect(lanes.keyOf(1)).toBeNull();
    expect(lanes.take(0, ALL)).toEqual([2]);
    lanes.remove(2);
    lanes.remove(3);
    expect(lanes.laneCount).toBe(0);
  });

  test("an older delivery that comes late takes its place in the lane, but not that of one being sent", () => {
    const { lanes, add } = setUp();
    add(5, "x");
    add(3, "x");
    expect(lanes.take(0, ALL)).toEqual([3]);
    add(1, "x");
    add(4, "x");
    expect(lanes.take(0, ALL)).toEqual([]);
    const order: number[] = [];
    for (let row = 3; row !== 0; row = lanes.take(0, ALL)[0] ?? 0) {
      order.push(row);
      lanes.remove(row);
    }
    expect(order).toEqual([3, 1, 4, 5]);
  });

  test("10,000 lanes are cheap", () => {
    const { lanes, add } = setUp();
    const began = performance.now();
    for (let row = 1; row <= 100_000; row++) add(row, `p${row % 10_000}`);
    expect(lanes.laneCount).toBe(10_000);
    let sent = 0;
    for (let taken = lanes.take(0, { first: 64, retry: 0 }); taken.length > 0;) {
      sent += taken.length;
      for (const row of taken) lanes.remove(row);
      taken = lanes.take(0, { first: 64, retry: 0 });
    }
    expect(sent).toBe(100_000);
    expect(lanes.laneCount).toBe(0);
    expect(performance.now() - began).toBeLessThan(2000);
  });

  test.each([1, 2, 3])("does what a plain model does, whatever happens (seed %i)", (seed) => {
    const random = generator(seed);
    const { rows, lanes, add } = setUp();
    const model = new Model();
    let now = 0;
    let nextRow = 1;
    for (let step = 0; step < 1500; step++) {
      const dice = random();
      if (dice < 0.35) {
        const lane = random() < 0.6 ? `lane${Math.floor(random() * 6)}` : null;
        const due = random() < 0.2 ? now + Math.floor(random() * 20) : 0;
        add(nextRow, lane, due);
        model.add({ row: nextRow, lane, due, attempts: 0 });
        nextRow++;
      } else if (dice < 0.6) {
        const room = { first: Math.floor(random() * 4), retry: Math.floor(random() * 4) };
        expect(lanes.take(now, room)).toEqual(model.take(now, room));
      } else if (dice < 0.75 && model.taken.size > 0) {
        const row = pick([...model.taken], random);
        const due = now + Math.floor(random() * 30);
        const counts = random() < 0.7 ? 1 : 0;
        rows.due.set(row, due);
        rows.attempts.set(row, rows.attempts.get(row) + counts);
        lanes.giveBack(row);
        model.giveBack(row, due, counts);
      } else if (dice < 0.88 && model.taken.size > 0) {
        const row = pick([...model.taken], random);
        lanes.remove(row);
        model.remove(row);
      } else if (dice < 0.92 && model.entries.length > 0) {
        const { row } = pick(model.entries, random);
        lanes.remove(row);
        model.remove(row);
      } else {
        now += Math.floor(random() * 10);
      }
      expect(lanes.hasReady(now)).toBe(model.eligible().some(({ due }) => due <= now));
      expect(lanes.nextDue(now)).toBe(model.nextDue(now));
      expect(lanes.laneCount).toBe(model.laneCount());
    }
  });
});

interface Entry {
  readonly row: number;
  readonly lane: string | null;
  due: number;
  attempts: number;
}

/** The same rules without any cleverness: looks at everything each time. */
class Model {
  entries: Entry[] = [];
  readonly taken = new Set<number>();

  add(entry: Entry): void {
    this.entries.push(entry);
    this.entries.sort((a, b) => a.row - b.row);
  }

  eligible(): Entry[] {
    const busy = new Set(this.entries.filter(({ row }) => this.taken.has(row)).map(({ lane }) => lane));
    return this.entries.filter(({ row, lane }) => {
      if (this.taken.has(row)) return false;
      if (lane === null) return true;
      return !busy.has(lane) && this.entries.find((other) => other.lane === lane)!.row === row;
    });
  }

  take(now: number, room: { first: number; retry: number }): number[] {
    const ready = this.eligible().filter(({ due }) => due <= now);
    const firsts = ready.filter(({ attempts }) => attempts === 0).slice(0, room.first);
    const retries = ready
      .filter(({ attempts }) => attempts > 0)
      .sort((a, b) => a.due - b.due || a.row - b.row)
      .slice(0, room.retry);
    const rows = [...firsts, ...retries].map(({ row }) => row);
    for (const row of rows) this.taken.add(row);
    return rows;
  }

  giveBack(row: number, due: number, counts: number): void {
    const entry = this.entries.find((other) => other.row === row)!;
    entry.due = due;
    entry.attempts += counts;
    this.taken.delete(row);
  }

  remove(row: number): void {
    this.entries = this.entries.filter((entry) => entry.row !== row);
    this.taken.delete(row);
  }

  nextDue(now: number): number | null {
    const eligible = this.eligible();
    const firsts = eligible.filter(({ due, attempts }) => attempts === 0 && due > now);
    const retries = eligible.filter(({ attempts }) => attempts > 0);
    const waiting = retries.some(({ due }) => due <= now) ? [] : retries;
    const dues = [...firsts, ...waiting].map(({ due }) => due);
    return dues.length === 0 ? null : Math.min(...dues);
  }

  laneCount(): number {
    return new Set(this.entries.map(({ lane }) => lane).filter((lane) => lane !== null)).size;
  }
}

function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) / 0x1_00_00_00;
  };
}

function pick<T>(values: readonly T[], random: () => number): T {
  return values[Math.floor(random() * values.length)]!;
}
