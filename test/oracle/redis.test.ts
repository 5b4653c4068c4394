import { describe, expect, test } from "vitest";
import { hasRedis, startRedis } from "../helpers/redis-server.ts";
import { hasRuntime, type Runtime } from "../helpers/runtimes.ts";
import { runChaos } from "./chaos.ts";
import { expectNothingLost, LIMIT_MS, ROUNDS, runKills } from "./kill.ts";

/** How long relays are killed: `npm run test:oracle` takes ten minutes, the gate ten seconds. */
const CHAOS_SECONDS = Number(process.env["CHAOS_SECONDS"] ?? 10);

describe.each<Runtime>(["node24", "deno"])("the Redis queue on %s", (runtime) => {
  test.runIf(hasRedis && hasRuntime(runtime))(
    `loses no acknowledged event in ${ROUNDS} rounds of kill -9 under load and replays, alters or invents none and keeps each project's order`,
    async () => {
      const redis = await startRedis();
      try {
        const result = await runKills({ runtime, rounds: ROUNDS, redisUrl: redis.url });
        const { acknowledged, refused, replayed, verdicts } = result;
        process.stdout.write(
          `Redis queue on ${runtime}: ${JSON.stringify({ acknowledged, refused, replayed, verdicts })}\n`,
        );
        expectNothingLost(result, ROUNDS);
      } finally {
        await redis.close();
      }
    },
    LIMIT_MS,
  );
});

describe("three relays on one Redis", () => {
  test.runIf(hasRedis)(
    `lose nothing and keep each project's order, while one is killed every second for ${CHAOS_SECONDS} s and then Redis five times`,
    async () => {
      const runtime = hasRuntime("node24") ? "node24" : "node";
      const result = await runChaos({ runtime, seconds: CHAOS_SECONDS, redisKills: 5 });
      process.stdout.write(`three relays on ${runtime}: ${JSON.stringify(result)}\n`);
      expect(result.acknowledged).toBeGreaterThan(100);
      expect(result.relayKills).toBeGreaterThan(CHAOS_SECONDS / 5);
      for (const verdict of Object.values(result.verdicts)) {
        expect(verdict.missing).toEqual([]);
        expect(verdict.altered).toEqual([]);
        expect(verdict.dead).toBe(0);
      }
      expect(result.disordered).toEqual([]);
      expect(result.invented).toBe(0);
    },
    CHAOS_SECONDS * 1000 + 300_000,
  );
});
