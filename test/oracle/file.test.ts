import { describe, expect, test } from "vitest";
import { hasRuntime, type Runtime } from "../helpers/runtimes.ts";
import { runKills } from "./kill.ts";

const ROUNDS = 50;

describe.each<Runtime>(["node24", "deno"])("the file queue on %s", (runtime) => {
  test.runIf(hasRuntime(runtime))(
    `loses no acknowledged event in ${ROUNDS} rounds of kill -9 under load, and alters or invents none`,
    async () => {
      const { acknowledged, refused, verdicts, invented } = await runKills({ runtime, rounds: ROUNDS });
      process.stdout.write(
        `file queue on ${runtime}: ${JSON.stringify({ acknowledged, refused, verdicts })}\n`,
      );
      expect(acknowledged).toBeGreaterThan(ROUNDS);
      for (const verdict of Object.values(verdicts)) {
        expect(verdict.missing).toEqual([]);
        expect(verdict.altered).toEqual([]);
      }
      expect(verdicts.up.dead + verdicts.flaky.dead).toBe(0);
      expect(verdicts.down.dead).toBeGreaterThanOrEqual(acknowledged);
      expect(invented).toBe(0);
    },
    300_000,
  );
});
