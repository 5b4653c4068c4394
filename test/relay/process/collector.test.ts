import { spawnSync } from "node:child_process";
import { describe, expect, it, test } from "vitest";
import { quickCollection } from "../../../relay/process/collector.ts";
import { RUNTIMES, hasRuntime, type Runtime } from "../../helpers/runtimes.ts";

describe("tuneCollector()", () => {
  it.each<Runtime>((["node", "node24", "deno"] as const).filter(hasRuntime))(
    "says nothing and changes nothing else on %s",
    (runtime) => {
      const [command, ...args] = [...RUNTIMES[runtime], "test/helpers/tuned.ts"];
      const { stdout, stderr, status } = spawnSync(command as string, args, { encoding: "utf8" });
      expect([stdout, stderr, status]).toEqual(["tuned\n", "", 0]);
    },
  );
});

test("quickCollection() frees buffers that are garbage", async () => {
  const collect = quickCollection();
  expect(collect).not.toBeNull();
  collect?.();
  const before = process.memoryUsage().arrayBuffers;
  for (let count = 0; count < 100; count += 1) Buffer.alloc(65_536);
  collect?.();
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(65_536 * 50);
});
