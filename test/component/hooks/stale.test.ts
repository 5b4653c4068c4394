/** A cache in front of GitLab may answer once with a list from before: no second hook comes of it, and none is left behind. */
import { expect, test } from "vitest";
import { ours, runInstaller } from "../../helpers/installer.ts";
import { openSimulator } from "../../helpers/open-simulator.ts";
import type { FaultRule } from "../../simulator/faults.ts";
import type { Project } from "../../simulator/model.ts";

function staleFor(project: Project): FaultRule {
  const answer = { status: 200, body: "[]", headers: { "content-type": "application/json" } };
  return {
    method: "GET",
    route: "/projects/:id/hooks",
    path: `/${project.id}/hooks`,
    action: { kind: "status", ...answer },
  };
}

test("install: an empty list where other projects have hooks is read twice", async () => {
  const sim = await openSimulator({ tier: "free" });
  const { projects } = sim.seed.tree({ projects: 4 });
  // One at a time, so that other hooks are known by then.
  const args = ["--concurrency", "1"];
  await runInstaller(sim);
  const [, , third] = projects as [Project, Project, Project];
  sim.faults.add(staleFor(third));
  const run = await runInstaller(sim, { args });
  expect(sim.faults.pending).toBe(0);
  expect(run.report.summary).toMatchObject({ unchanged: 4, created: 0 });
  expect(ours(third)).toHaveLength(1);
});

test("install: the first project's empty list is read twice if the state file tells of hooks", async () => {
  const sim = await openSimulator({ tier: "free" });
  const { projects } = sim.seed.tree({ projects: 2 });
  const [first] = projects as [Project];
  const files = new Map<string, string>();
  const args = ["--state-file", "state.json", "--concurrency", "1"];
  await runInstaller(sim, { files, args });
  sim.faults.add(staleFor(first));
  const plan = await runInstaller(sim, { files, args: [...args, "--dry-run", "--fail-on-drift"] });
  expect(plan.status).toBe(0);
  sim.faults.add(staleFor(first));
  await runInstaller(sim, { files, args });
  expect(ours(first)).toHaveLength(1);
});

test("install: a hook that one stale list had made second goes once the run finds hooks of ours", async () => {
  const sim = await openSimulator({ tier: "free" });
  const { projects } = sim.seed.tree({ projects: 3 });
  const [first] = projects as [Project];
  await runInstaller(sim);
  const [before] = ours(first);
  sim.faults.add(staleFor(first));
  const run = await runInstaller(sim, { args: ["--concurrency", "1"] });
  expect(run.status).toBe(0);
  expect(ours(first)).toEqual([before]);
});

test("uninstall, and a move to the group: a hook that one stale list hides goes all the same", async () => {
  for (const command of ["uninstall", "install"]) {
    const sim = await openSimulator({ tier: "premium" });
    const { projects } = sim.seed.tree({ projects: 3 });
    const [, second] = projects as [Project, Project];
    const files = new Map<string, string>();
    const args = ["--state-file", "state.json"];
    await runInstaller(sim, { files, args: [...args, "--level", "project"] });
    sim.faults.add(staleFor(second));
    await runInstaller(sim, { command, files, args });
    expect(sim.faults.pending).toBe(0);
    expect(ours(second)).toHaveLength(0);
  }
});

test("uninstall: without a state file, what one stale list hides goes where hooks of ours were found before", async () => {
  const sim = await openSimulator({ tier: "free" });
  const { projects } = sim.seed.tree({ projects: 4 });
  await runInstaller(sim);
  sim.faults.add(staleFor(projects[2] as Project));
  await runInstaller(sim, { command: "uninstall", args: ["--concurrency", "1"] });
  expect(sim.faults.pending).toBe(0);
  expect(projects.map((project) => ours(project).length)).toEqual([0, 0, 0, 0]);
});

test("install: a fresh group costs no second look", async () => {
  const sim = await openSimulator({ tier: "free" });
  sim.seed.tree({ projects: 9 });
  await runInstaller(sim);
  expect(sim.counters.count("GET /projects/:id/hooks")).toBe(9);
});
