/**
 * Histories that no example would contain: after each step no hook of others is changed, no secret is lost and nothing is doubled
 * in silence; after two healthy runs each project has exactly one hook of ours that fires.
 *
 * The gate plays 200 histories of a fixed seed, some ten seconds. `npm run test:model` plays 5,000 others; the seed stands in the
 * test's name, and MODEL_SEED and MODEL_HISTORIES repeat it.
 */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { play } from "./play.ts";
import { histories } from "./steps.ts";

const asked = process.env["MODEL_HISTORIES"];
const numRuns = Number(asked ?? 200);
const others = Math.floor(Math.random() * 2 ** 31);
const seed = Number(process.env["MODEL_SEED"] ?? (asked === undefined ? 1 : others));
/** A history that fails is made smaller no longer than this. */
const SHRINKING_MS = 120_000;

test(
  `install: ${numRuns} histories, seed ${seed}`,
  { timeout: 120_000 + SHRINKING_MS + numRuns * 1_000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(histories(12), async (history) => {
        expect(await play(history)).toBeNull();
      }),
      {
        numRuns,
        seed,
        interruptAfterTimeLimit: 60_000 + SHRINKING_MS + numRuns * 500,
        markInterruptAsFailure: true,
      },
    );
  },
);
