import { describe, expect, test } from "vitest";
import { UpstreamError } from "../../../../lib/errors.ts";
import { createBatches } from "../../../../relay/storage/redis/batches.ts";
import { createIntake } from "../../../../relay/storage/redis/intake.ts";
import type { Synced } from "../../../../relay/storage/redis/sender.ts";
import { FakeClock } from "../../../helpers/clock.ts";
import { until } from "../../../helpers/queue-contract.ts";

interface Call {
  /** Ids of its events, in order. */
  readonly ids: readonly string[];
  readonly staged: string | null;
  answer(values?: readonly unknown[]): void;
  fail(error: Error): void;
}

/** Batches whose calls the test answers. */
function setUp() {
  const calls: Call[] = [];
  const batches = createBatches({
    keyOf: (id) => `event:${id}`,
    leading: () => ["now", "window", "oldest"],
    commit: (args, staged) =>
      new Promise((resolve, reject) => {
        const ids = args.slice(3).filter((_, index) => index % 3 === 0) as string[];
        expect(args.slice(0, 3)).toEqual(["now", "window", "oldest"]);
        calls.push({
          ids,
          staged: staged === undefined ? null : staged.key,
          answer: (values = ids.map(() => null)) => resolve(values),
          fail: reject,
        });
      }),
    sharesWaits: () => Promise.resolve(false),
  });
  const store = (id: string, bytes = 10): Promise<Buffer | null> =>
    batches.store({ id, bytes: [Buffer.alloc(4), Buffer.alloc(bytes - 4)], args: [`args of ${id}`] });
  return { calls, store };
}

const names = (first: number, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `e${first + index}`);

describe("createBatches()", () => {
  test("stores what comes in one turn by one call, and gives each event its own answer", async () => {
    const { calls, store } = setUp();
    const stored = ["a", "b", "c"].map((id) => store(id));
    await until(() => calls.length === 1);
    expect(calls[0]).toMatchObject({ ids: ["a", "b", "c"], staged: null });
    calls[0]!.answer([null, Buffer.from("first"), null]);
    expect(await Promise.all(stored)).toEqual([null, Buffer.from("first"), null]);
  });

  test("has two calls under way, and all that comes meanwhile in the next, in order", async () => {
    const { calls, store } = setUp();
    void store("a");
    await until(() => calls.length === 1);
    void store("b");
    await until(() => calls.length === 2);
    const later = ["c", "d", "e"].map((id) => store(id));
    expect(calls).toHaveLength(2);
    calls[0]!.answer();
    await until(() => calls.length === 3);
    expect(calls[2]!.ids).toEqual(["c", "d", "e"]);
    calls[2]!.answer();
    expect(await Promise.all(later)).toEqual([null, null, null]);
  });

  test("has no more events and bytes in a call than Redis should be busy with", async () => {
    const { calls, store } = setUp();
    for (const id of names(0, 300)) void store(id);
    await until(() => calls.length === 2);
    expect(calls.map(({ ids }) => ids.length)).toEqual([128, 128]);
    calls[0]!.answer();
    await until(() => calls.length === 3);
    expect(calls.flatMap(({ ids }) => ids)).toEqual(names(0, 300));

    const large = setUp();
    for (const id of names(0, 20)) void large.store(id, 60_000);
    await until(() => large.calls.length === 2);
    expect(large.calls.map(({ ids }) => ids.length)).toEqual([17, 3]);
  });

  test("stages a large event, in a call of its own and in its turn", async () => {
    const { calls, store } = setUp();
    for (const [id, bytes] of [
      ["a", 10],
      ["b", 100_000],
      ["c", 10],
    ] as const)
      void store(id, bytes);
    await until(() => calls.length === 2);
    calls[0]!.answer();
    await until(() => calls.length === 3);
    expect(calls.map(({ ids }) => ids)).toEqual([["a"], ["b"], ["c"]]);
    expect(calls.map(({ staged }) => staged)).toEqual([null, "event:b", null]);
  });

  test("where the relay waits for the sync, large and small events that come meanwhile share the next wait", async () => {
    const pipelines: { readonly events: number; answer(): void }[] = [];
    const intake = createIntake({
      clock: new FakeClock(),
      rule: () => Promise.resolve({ replicas: 0 }),
      onSync: () => {},
      redis: {
        run: () => Promise.reject(new Error("waits for no sync")),
        runSynced: (calls) =>
          new Promise<Synced>((resolve) => {
            const counts = calls.map(({ args }) => args.length / 2);
            pipelines.push({
              events: counts.reduce((sum, count) => sum + count, 0),
              answer: () =>
                resolve({
                  results: counts.map((count) => ({
                    status: "fulfilled",
                    value: Array.from({ length: count }, () => null),
                  })),
                  local: 1,
                  replicas: 0,
                }),
            });
          }),
      },
    });
    const batches = createBatches({
      keyOf: (id) => id,
      leading: () => [],
      commit: (args, staged) => intake.commit("enqueue", args, staged),
      sharesWaits: () => Promise.resolve(true),
    });
    const store = (id: string, bytes: number): Promise<unknown> =>
      batches.store({ id, bytes: [Buffer.alloc(bytes)], args: [] });
    const first = store("first", 10);
    await until(() => pipelines.length === 1);
    const later = [
      ...names(0, 12).map((id) => store(id, 70_000)),
      ...names(12, 400).map((id) => store(id, 10_000)),
    ];
    // All of these are in the line before the first wait ends.
    for (const id of ["x", "y"]) {
      later.push(store(id, 10));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(pipelines.map(({ events }) => events)).toEqual([1]);
    pipelines[0]!.answer();
    await first;
    await until(() => pipelines.length === 2);
    expect(pipelines[1]!.events).toBe(414);
    pipelines[1]!.answer();
    await Promise.all(later);
  });

  test("refuses all of a call that failed, one alone that the script refused, and goes on", async () => {
    const { calls, store } = setUp();
    const lost = Promise.allSettled([store("a"), store("b")]);
    await until(() => calls.length === 1);
    const full = new UpstreamError("queue-full", "full", { retryable: true });
    calls[0]!.fail(full);
    expect(await lost).toEqual([
      { status: "rejected", reason: full },
      { status: "rejected", reason: full },
    ]);
    const mixed = Promise.allSettled([store("c"), store("d")]);
    await until(() => calls.length === 2);
    calls[1]!.answer([new Error("ERR the event is gone"), null]);
    expect(await mixed).toMatchObject([
      { status: "rejected", reason: { name: "UpstreamError", code: "storage", retryable: true } },
      { status: "fulfilled", value: null },
    ]);
  });
});
