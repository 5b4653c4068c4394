/**
 * Histories that nobody thought of: after each step no hook of others is changed, no secret is lost and nothing is doubled in
 * silence; after two healthy runs each project has exactly one hook of ours that fires.
 *
 * The gate plays the regressions alone for now: histories take too long there. `npm run test:model` plays 5,000 others; the seed stands in
 * the test's name, and MODEL_SEED and MODEL_HISTORIES repeat it.
 */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { play } from "./play.ts";
import { histories } from "./steps.ts";

const asked = process.env["MODEL_HISTORIES"];
const numRuns = Number(asked ?? 60);
const others = Math.floor(Math.random() * 2 ** 31);
const seed = Number(process.env["MODEL_SEED"] ?? (asked === undefined ? 1 : others));

test.runIf(asked !== undefined)(
  `install: ${numRuns} histories, seed ${seed}`,
  { timeout: numRuns * 10_000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(histories(12), async (history) => {
        expect(await play(history)).toBeNull();
      }),
      { numRuns, seed },
    );
  },
);
