/** What a run costs where there is nothing to do: requests, and no write. */
import { afterEach, expect, test } from "vitest";
import { systemClock } from "../../../lib/clock.ts";
import { runInstaller } from "../../helpers/installer.ts";
import { createSimulator, type Simulator } from "../../simulator/simulator.ts";

let sim: Simulator;
afterEach(() => sim.close());

test.each([1, 99, 100, 101, 250])(
  "install: %i projects in their steady state cost a listing per hundred and one request each",
  async (count) => {
    sim = await createSimulator({ tier: "free", endpointLimits: false });
    sim.seed.tree({ projects: count, subgroups: 3, foreignHooks: 1 });
    const args = ["--level=project"];
    await runInstaller(sim, { args });
    sim.counters.reset();
    // On a busy machine the helper's quick clock would give up a request and send it again.
    const run = await runInstaller(sim, { args, clock: systemClock });
    expect(run.report.summary).toMatchObject({ unchanged: count, created: 0, updated: 0 });
    expect(sim.counters.count("GET /projects/:id/hooks")).toBe(count);
    expect(sim.counters.count("GET /groups/:id/projects")).toBe(expectedPages(count));
    expect(sim.counters.writes).toBe(0);
    expect(sim.counters.total).toBe(run.report.requests.total);
    // The rest does not grow with the group: the look at the group's own hooks, and the count of what is left out.
    expect(sim.counters.total - count - expectedPages(count)).toBeLessThanOrEqual(1);
  },
);

/** @returns listings of eligible projects, and one that counts the others */
function expectedPages(count: number): number {
  return Math.ceil(count / 100) + 1;
}

test("install: a group hook in its steady state costs two requests, however many projects there are", async () => {
  sim = await createSimulator({ tier: "premium", endpointLimits: false });
  sim.seed.tree({ projects: 250, subgroups: 3, foreignHooks: 1 });
  await runInstaller(sim);
  await runInstaller(sim);
  sim.counters.reset();
  const run = await runInstaller(sim, { clock: systemClock });
  expect(run.report.level).toBe("group");
  expect([sim.counters.total, sim.counters.writes]).toEqual([2, 0]);
});
