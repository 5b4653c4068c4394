import { describe, test } from "vitest";
import { hasRuntime, type Runtime } from "../helpers/runtimes.ts";
import { expectNothingLost, LIMIT_MS, ROUNDS, runKills } from "./kill.ts";

describe.each<Runtime>(["node24", "deno"])("the file queue on %s", (runtime) => {
  test.runIf(hasRuntime(runtime))(
    `loses no acknowledged event in ${ROUNDS} rounds of kill -9 under load and replays, alters or invents none and keeps each project's order`,
    async () => {
      const result = await runKills({ runtime, rounds: ROUNDS });
      const { acknowledged, refused, replayed, verdicts } = result;
      process.stdout.write(
        `file queue on ${runtime}: ${JSON.stringify({ acknowledged, refused, replayed, verdicts })}\n`,
      );
      expectNothingLost(result, ROUNDS);
    },
    LIMIT_MS,
  );
});
