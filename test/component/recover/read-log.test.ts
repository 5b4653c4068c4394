import { describe, expect, test } from "vitest";
import { LOG_PAGE_ROWS, type LogRow } from "../../../component/gitlab/hook-log.ts";
import type { HookMemory } from "../../../component/recover/memory.ts";
import { memoryAfter, readLog, type LogRead } from "../../../component/recover/read-log.ts";

const NOW = Date.UTC(2026, 0, 31, 8);
const MINUTE = 60_000;

function row(id: number, status = "200", at: number | null = NOW - (1000 - id) * MINUTE): LogRow {
  return {
    id,
    trigger: "push_hooks",
    url: "https://hooks.acme.dev/",
    headers: { "idempotency-key": `key-${id}` },
    body: { object_kind: "push" },
    status,
    at,
    durationMs: 5,
  };
}

/** A log of these rows, newest first. */
function read(
  rows: readonly LogRow[],
  memory: HookMemory | null = null,
  { since = 0, until = null }: { readonly since?: number; readonly until?: number | null } = {},
): Promise<LogRead> {
  const log = {
    page(_parent: number | string, _hookId: number, page: number) {
      const from = (page - 1) * LOG_PAGE_ROWS;
      const slice = rows.slice(from, from + LOG_PAGE_ROWS);
      return Promise.resolve({ rows: slice, last: from + LOG_PAGE_ROWS >= rows.length });
    },
  };
  return readLog({ log, parent: 1, hookId: 2, memory, since, until });
}

const rows = (count: number, status: (id: number) => string = () => "200"): LogRow[] =>
  Array.from({ length: count }, (_, index) => row(count - index, status(count - index)));

function remembered(upTo: number, more: Partial<HookMemory> = {}): HookMemory {
  return { upTo, settled: [], failures: 0, at: NOW / 1000, ...more };
}

describe("readLog()", () => {
  test("the first time: all pages", async () => {
    expect(await read(rows(101))).toMatchObject({ pages: 6, newest: 101, missed: [] });
    expect(await read([])).toMatchObject({ pages: 1, newest: 0 });
  });

  test("with a memory: down to where it ends, one page where little is new", async () => {
    expect((await read(rows(500), remembered(500))).pages).toBe(1);
    expect((await read(rows(500), remembered(490))).pages).toBe(1);
    const found = await read(
      rows(500, () => "500"),
      remembered(475),
    );
    expect([found.pages, found.missed.length, found.newest]).toEqual([2, 25, 500]);
  });

  test("since, with a memory: what an earlier run left open is found however old it is", async () => {
    const failed = (id: number): string => (id === 400 ? "500" : "200");
    const found = await read(rows(500, failed), remembered(399), { since: NOW - 530 * MINUTE });
    expect(found.missed.map(({ rowIds }) => rowIds)).toEqual([[400]]);
    expect(memoryAfter(found, remembered(399), { open: found.missed, failures: 0, echoes: [] }).upTo).toBe(
      399,
    );
  });

  test("since: older rows do not count, older pages are not read", async () => {
    const found = await read(
      rows(500, () => "500"),
      null,
      { since: NOW - 530 * MINUTE },
    );
    expect([found.pages, found.missed.length]).toEqual([2, 31]);
  });

  test("until: what was first tried later is left for the next run, and a later success of an earlier one counts", async () => {
    const again = { ...row(30), headers: { "idempotency-key": "key-8" } };
    const failing = rows(20, () => "500");
    const until = NOW - 990 * MINUTE;
    const found = await read([again, ...failing], null, { until });
    expect(found.missed.flatMap((d) => d.rowIds)).toEqual([1, 2, 3, 4, 5, 6, 7, 9, 10]);
    expect([found.newest, found.attempts.length]).toEqual([10, 10]);
    const after = { ...memoryAfter(found, null, { open: [], failures: 0, echoes: [] }), at: NOW / 1000 };
    expect(after.upTo).toBe(10);
    const next = await read([again, ...failing], after);
    expect(next.missed.flatMap((d) => d.rowIds)).toEqual([11, 12, 13, 14, 15, 16, 17, 18, 19, 20]);
  });

  test("rows that became visible late are seen, settled ones are not seen again", async () => {
    const late = [
      row(20, "200", NOW),
      row(19, "500", NOW - MINUTE),
      row(18, "500", NOW - MINUTE),
      row(17, "500", NOW - 60 * MINUTE),
    ];
    const found = await read(late, remembered(20, { settled: [18] }));
    expect(found.missed.map((d) => d.rowIds)).toEqual([[19]]);
    expect(found.attempts).toEqual([]);
  });

  test("a success that came later, by anybody's hand, is seen with the failure", async () => {
    const again = { ...row(30), headers: { "idempotency-key": "key-10" } };
    expect(
      (await read([again, ...rows(12, (id) => (id === 10 ? "500" : "200"))], remembered(9))).missed,
    ).toEqual([]);
  });
});

describe("memoryAfter()", () => {
  test("all settled: up to the newest row; of what is settled, only what the next page may show", async () => {
    const found = await read(rows(60, () => "500"));
    const after = memoryAfter(found, null, { open: [], failures: 3, echoes: [] });
    expect(after).toMatchObject({ upTo: 60, failures: 3 });
    expect(after.settled).toEqual(Array.from({ length: LOG_PAGE_ROWS }, (_, index) => 41 + index));
  });

  test("something open: up to the row before it, and everything settled beyond", async () => {
    const found = await read(rows(10, () => "500"));
    const open = found.missed.filter((d) => d.rowIds[0] === 4 || d.rowIds[0] === 8);
    expect(memoryAfter(found, null, { open, failures: 0, echoes: [12] })).toMatchObject({
      upTo: 3,
      settled: [1, 2, 3, 5, 6, 7, 9, 10, 12],
    });
    // The next run looks at those two alone.
    const next = await read(
      rows(10, () => "500"),
      remembered(3, { settled: [1, 2, 3, 5, 6, 7, 9, 10] }),
    );
    expect(next.missed.map((d) => d.rowIds)).toEqual([[4], [8]]);
    const before = remembered(3, { settled: [1, 2, 3, 5, 6, 7, 9, 10] });
    expect(memoryAfter(next, before, { open: [], failures: 0, echoes: [] })).toMatchObject({ upTo: 10 });
  });
});
