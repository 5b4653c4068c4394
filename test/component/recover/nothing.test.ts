/** A recovery that looked at no log is no success: a green job would say that nothing was missed. */
import { expect, test } from "vitest";
import { RELAY_URL, runInstaller } from "../../helpers/installer.ts";
import { openSimulator } from "../../helpers/open-simulator.ts";
import { runRecover } from "../../helpers/recovery.ts";

test.each([
  ["no project has a hook of ours", [], "3 has no hook of ours"],
  ["filters that fit nothing", ["--topics", "none"], "every project was left out"],
  ["a group without hook", ["--level", "group"], "the group acme does not have a hook of ours"],
  ["names that are gone", ["--projects", "acme/nope"], "left out of --projects: acme/nope gone"],
])("recover: %s is exit 1 with the reason, and 0 with --allow-empty", async (_, args, reason) => {
  const sim = await openSimulator({ tier: "premium" });
  sim.seed.tree({ projects: 3 });
  const run = await runRecover(sim, { args });
  expect(run.stdout).toContain(reason);
  expect(run.stdout).toContain("--allow-empty");
  expect(run.status).toBe(1);
  expect((await runRecover(sim, { args: [...args, "--allow-empty"] })).status).toBe(0);
});

test("recover: one hook of ours is enough, and a name that fits nothing is told", async () => {
  const sim = await openSimulator({ tier: "free" });
  const { projects } = sim.seed.tree({ projects: 2 });
  await runInstaller(sim);
  const [project] = projects;
  const args = ["--projects", `${project?.fullPath},acme/nope`];
  const run = await runRecover(sim, { args, env: { HOOKS_URL: RELAY_URL } });
  expect(run.status).toBe(0);
  expect(run.stdout).toContain("* left out of --projects: acme/nope gone");
});
