import { spawnSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { collectWhenQuiet, quickCollection } from "../../../relay/process/collector.ts";
import { FakeClock } from "../../helpers/clock.ts";
import { RUNTIMES, hasRuntime, type Runtime } from "../../helpers/runtimes.ts";

/** The most bytes that the heap of helpers/tuned.ts had. */
function mostHeap(runtime: Runtime, ...argv: readonly string[]): number {
  const [command, ...args] = [...RUNTIMES[runtime], "test/helpers/tuned.ts", ...argv];
  const { stdout, stderr, status } = spawnSync(command as string, args, { encoding: "utf8" });
  expect([stderr, status]).toEqual(["", 0]);
  return Number(stdout);
}

describe("tuneCollector()", () => {
  // A flag that V8 does not know would be told on standard error. What the flags do differs between versions of V8.
  test.each<Runtime>((["node24", "deno"] as const).filter(hasRuntime))(
    "sets flags that %s knows",
    (runtime) => {
      expect(mostHeap(runtime)).toBeGreaterThan(0);
    },
  );

  test.runIf(process.versions.node.startsWith("20."))(
    "keeps the garbage of a backlog small on Node 20",
    () => {
      expect(mostHeap("node")).toBeLessThan(0.7 * mostHeap("node", "plain"));
    },
  );
});

test("quickCollection() frees buffers that are garbage", () => {
  const collect = quickCollection();
  expect(collect).not.toBeNull();
  collect?.();
  const before = process.memoryUsage().arrayBuffers;
  for (let count = 0; count < 100; count += 1) Buffer.alloc(65_536);
  expect(process.memoryUsage().arrayBuffers - before).toBeGreaterThan(65_536 * 50);
  collect?.();
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(65_536 * 50);
});

test("collectWhenQuiet() waits for six quiet seconds, and collects once", async () => {
  const clock = new FakeClock();
  const shares = [1, 0.5, 0.11, 0.1];
  let asked = 0;
  let collected = 0;
  const busy = (): number => shares[Math.floor(asked++ / 2)]!;
  collectWhenQuiet(clock, busy, () => void collected++);
  for (const wanted of [0, 0, 0, 1, 1]) {
    await clock.advance(6000);
    expect(collected).toBe(wanted);
  }
  expect(clock.pendingTimers).toBe(0);
});
