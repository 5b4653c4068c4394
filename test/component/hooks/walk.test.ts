import { describe, expect, test } from "vitest";
import type { Cursor } from "../../../component/hooks/cursor.ts";
import { RunStopped, createBudget, type Budget } from "../../../lib/gitlab/budget.ts";
import type { Listed } from "../../../component/hooks/listing.ts";
import { resultOf, type HookResult } from "../../../component/hooks/result.ts";
import { walkProjects, type WalkOptions } from "../../../component/hooks/walk.ts";
import { sleep } from "../../../lib/clock.ts";
import { FakeClock } from "../../helpers/clock.ts";

type Listing = WalkOptions["listing"];

function fakeListing(count: number, chunkSize: number, log: string[]): Listing {
  let next = 0;
  return {
    next: () => {
      log.push(`list ${next}`);
      const page: Listed[] = [];
      for (let n = 0; n < chunkSize && next < count; n++, next++) {
        const project = { id: next + 1, path_with_namespace: `p${next + 1}`, topics: [] };
        page.push({ project, leftOut: null, offset: next });
      }
      return Promise.resolve(page);
    },
    get total() {
      return next === 0 ? null : count;
    },
    get exhausted() {
      return next >= count;
    },
  };
}

function setup(count: number, options: Partial<WalkOptions> & { room?: number } = {}) {
  const log: string[] = [];
  const saved: (Cursor | null)[] = [];
  const results: HookResult[] = [];
  const chunkSize = options.chunkSize ?? 4;
  const listing = fakeListing(count, chunkSize, log);
  const budget = createBudget({ tokens: ["t"], clock: new FakeClock() });
  const limited: Budget = { ...budget, room: () => options.room ?? Number.POSITIVE_INFINITY };
  let active = 0;
  let most = 0;
  const run = walkProjects({
    walk: "install",
    listing,
    work: async (project) => {
      log.push(`work ${project.id}`);
      most = Math.max(most, ++active);
      await Promise.resolve();
      active--;
      return resultOf({ level: "project", id: project.id, path: project.path_with_namespace }, "none");
    },
    report: (result) => results.push(result),
    budget: limited,
    cursors: { load: () => Promise.resolve(null), save: (c) => Promise.resolve(void saved.push(c)) },
    concurrency: 3,
    chunkSize,
    resumed: null,
    ...options,
  });
  return { run, log, saved, results, most: () => most };
}

describe("walkProjects()", () => {
  test("works on every project once, never on more at a time than asked, and saves after each chunk", async () => {
    const walk = setup(10);
    expect(await walk.run).toMatchObject({ complete: true, remaining: 0, offset: 10, afterId: 10 });
    expect(walk.results.map((r) => r.projectId).sort((a, b) => Number(a) - Number(b))).toEqual([
      1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
    ]);
    expect(walk.most()).toBeLessThanOrEqual(3);
    const offsets = walk.saved.map((c) => c?.offset ?? 0);
    expect(offsets.length).toBe(2);
    expect(offsets.every((offset, n) => offset >= 4 * (n + 1))).toBe(true);
  });

  test("with an ample budget the next page is there before the present one is used up", async () => {
    const walk = setup(8);
    await walk.run;
    expect(walk.log.indexOf("list 4")).toBeLessThan(walk.log.indexOf("work 4"));
  });

  test("what is asked at the end is asked once, when every project is begun and before the last is done", async () => {
    const log: string[] = [];
    let ended = 0;
    const walk = setup(10, {
      work: async ({ id, path_with_namespace: path }) => {
        log.push(`begin ${id}`);
        for (let turns = 0; turns < 20; turns++) await Promise.resolve();
        log.push(`end ${id}`);
        return resultOf({ level: "project", id, path }, "none");
      },
      atTheEnd: () => {
        log.push("ask");
        ended++;
        return Promise.resolve();
      },
    });
    expect(await walk.run).toMatchObject({ complete: true });
    expect(ended).toBe(1);
    expect(log.indexOf("ask")).toBeGreaterThan(log.indexOf("begin 10"));
    expect(log.indexOf("ask")).toBeLessThan(log.indexOf("end 10"));
  });

  test("with a small budget the end is left to the caller", async () => {
    let asked = false;
    const atTheEnd = (): Promise<void> => Promise.resolve(void (asked = true));
    await setup(10, { room: 8, atTheEnd }).run;
    expect(asked).toBe(false);
  });

  test("a limit that meets what is asked at the end leaves a cursor behind all projects", async () => {
    const walk = setup(4, { atTheEnd: () => Promise.reject(new RunStopped("max-requests")) });
    expect(await walk.run).toMatchObject({ complete: false, offset: 4, remaining: 0 });
    expect(walk.saved.at(-1)).toMatchObject({ offset: 4, afterId: 4 });
  });

  test("keeps all slots busy: 1,000 projects take hardly longer than requests x latency / concurrency", async () => {
    const clock = new FakeClock();
    const latencyMs = 50;
    let requests = 0;
    const request = async (): Promise<void> => {
      requests++;
      await sleep(clock, latencyMs);
    };
    const listing = fakeListing(1000, 100, []);
    const slow: Listing = {
      next: async () => {
        await request();
        return listing.next();
      },
      get total() {
        return listing.total;
      },
      get exhausted() {
        return listing.exhausted;
      },
    };
    const walk = setup(0, {
      listing: slow,
      chunkSize: 100,
      concurrency: 8,
      work: async ({ id, path_with_namespace: path }) => {
        await request();
        return resultOf({ level: "project", id, path }, "none");
      },
    });
    const end = { at: 0 };
    void walk.run.then(() => (end.at = clock.monotonic()));
    while (end.at === 0) await clock.advance(latencyMs);
    expect(requests).toBe(1010);
    expect(end.at).toBeLessThanOrEqual(1.05 * ((requests * latencyMs) / 8));
  });

  test("with a small budget a chunk is finished before the next is listed, one project at a time if need be", async () => {
    const walk = setup(8, { room: 3 });
    await walk.run;
    expect(walk.log).toEqual([
      "list 0",
      "work 1",
      "work 2",
      "work 3",
      "work 4",
      "list 4",
      "work 5",
      "work 6",
      "work 7",
      "work 8",
    ]);
    expect(walk.most()).toBe(1);
  });

  test("stopped: the cursor stands on the first unfinished project, whatever came after it", async () => {
    const walk = setup(8, {
      work: async ({ id, path_with_namespace: path }) => {
        if (id === 2) {
          await new Promise((resolve) => setImmediate(resolve));
          throw new RunStopped("rate-limit");
        }
        return resultOf({ level: "project", id, path }, id === 1 ? "fail" : "none");
      },
    });
    const outcome = await walk.run;
    expect(outcome.complete).toBe(false);
    expect(walk.saved.at(-1)).toEqual({
      walk: "install",
      offset: 1,
      afterId: 1,
      failed: [{ id: 1, path: "p1" }],
    });
    expect(outcome.remaining).toBe(8 - walk.results.length);
  });

  test("what is no stop is thrown, after the cursor was saved", async () => {
    const walk = setup(4, { work: () => Promise.reject(new TypeError("bug")) });
    await expect(walk.run).rejects.toThrow("bug");
    expect(walk.saved.at(-1)).toMatchObject({ offset: 0 });
  });

  test("a listing that fails ends the walk with nothing known of what remains", async () => {
    const listing: Listing = {
      next: () => Promise.reject(new RunStopped("max-requests")),
      total: null,
      exhausted: false,
    };
    expect(await setup(4, { listing }).run).toMatchObject({ complete: false, remaining: null });
  });

  test("left-out projects are results without work", async () => {
    const page: Listed[] = [
      { project: { id: 1, path_with_namespace: "p1", topics: [] }, leftOut: "archived", offset: 0 },
    ];
    let done = false;
    const listing: Listing = {
      next: () => {
        done = true;
        return Promise.resolve(page);
      },
      total: 1,
      get exhausted() {
        return done;
      },
    };
    const walk = setup(1, { listing });
    await walk.run;
    expect(walk.results).toEqual([
      expect.objectContaining({ projectId: 1, action: "skip", reason: "archived" }),
    ]);
    expect(walk.log).toEqual([]);
  });
});
