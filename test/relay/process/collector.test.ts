import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
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
