import { describe, expect, test } from "vitest";
import { UpstreamError } from "../../../../lib/errors.ts";
import { createIntake, type SyncRule } from "../../../../relay/storage/redis/intake.ts";
import type { ScriptCall, Synced } from "../../../../relay/storage/redis/sender.ts";
import { FakeClock } from "../../../helpers/clock.ts";
import { until } from "../../../helpers/queue-contract.ts";

interface Batch {
  readonly keys: readonly string[];
  readonly replicas: number;
  answer(changes?: Partial<Synced>): void;
  fail(error: Error): void;
}

/** A connection whose answers the test gives. */
function setUp(rule: SyncRule | null) {
  const clock = new FakeClock();
  const batches: Batch[] = [];
  const direct: string[] = [];
  const syncs: number[] = [];
  const nameOf = ({ args }: ScriptCall): string => String(args[0]);
  const intake = createIntake({
    clock,
    rule: () => Promise.resolve(rule),
    onSync: (durationMs) => syncs.push(durationMs),
    redis: {
      run: (_script, args) => {
        direct.push(String(args[0]));
        return Promise.resolve(`ran ${String(args[0])}`);
      },
      runSynced: (calls, { replicas }) =>
        new Promise<Synced>((resolve, reject) => {
          batches.push({
            keys: calls.map(nameOf),
            replicas,
            answer: (changes = {}) =>
              resolve({
                results: calls.map((call) => ({ status: "fulfilled", value: `ran ${nameOf(call)}` })),
                local: 1,
                replicas,
                ...changes,
              }),
            fail: reject,
          });
        }),
    },
  });
  const commit = (key: string): Promise<unknown> => intake.commit("enqueue", [key]);
  return { clock, batches, direct, syncs, commit };
}

describe("commit()", () => {
  test("takes Redis' answer where that comes after its sync", async () => {
    const { commit, batches, direct, syncs } = setUp(null);
    expect(await commit("one")).toBe("ran one");
    expect(direct).toEqual(["one"]);
    expect(batches).toEqual([]);
    expect(syncs).toEqual([0]);
  });

  test("waits for the sync otherwise, and lets what comes meanwhile share the next one", async () => {
    const { clock, commit, batches, syncs } = setUp({ replicas: 0 });
    const first = [commit("one"), commit("two")];
    await until(() => batches.length === 1);
    expect(batches[0]!.keys).toEqual(["one", "two"]);
    const second = ["three", "four", "five"].map(commit);
    await clock.advance(900);
    expect(batches).toHaveLength(1);
    batches[0]!.answer();
    expect(await Promise.all(first)).toEqual(["ran one", "ran two"]);
    await until(() => batches.length === 2);
    expect(batches[1]!.keys).toEqual(["three", "four", "five"]);
    batches[1]!.answer();
    expect(await Promise.all(second)).toEqual(["ran three", "ran four", "ran five"]);
    expect(syncs).toEqual([900, 0]);
  });

  test("asks for the replicas' sync where they are configured, and refuses where too few had it in time", async () => {
    const { commit, batches } = setUp({ replicas: 2 });
    const late = expect(commit("one")).rejects.toMatchObject({ code: "storage", retryable: true });
    await until(() => batches.length === 1);
    expect(batches[0]!.replicas).toBe(2);
    batches[0]!.answer({ replicas: 1 });
    await late;
    const unsynced = expect(commit("two")).rejects.toThrow("did not sync");
    await until(() => batches.length === 2);
    batches[1]!.answer({ local: 0 });
    await unsynced;
  });

  test("refuses all of a batch whose wait was cut off, one alone that Redis refused, and goes on", async () => {
    const { commit, batches, syncs } = setUp({ replicas: 0 });
    const lost = Promise.allSettled([commit("one"), commit("two")]);
    await until(() => batches.length === 1);
    batches[0]!.fail(new UpstreamError("storage", "connection lost", { retryable: true }));
    expect((await lost).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(syncs).toEqual([]);
    const mixed = Promise.allSettled([commit("three"), commit("four")]);
    await until(() => batches.length === 2);
    batches[1]!.answer({
      results: [
        { status: "rejected", reason: new UpstreamError("queue-full", "full", { retryable: true }) },
        { status: "fulfilled", value: "ran four" },
      ],
    });
    expect(await mixed).toMatchObject([
      { status: "rejected", reason: { code: "queue-full" } },
      { status: "fulfilled", value: "ran four" },
    ]);
  });
});
