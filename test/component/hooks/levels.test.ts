import { describe, expect, test } from "vitest";
import { deriveSecretToken } from "../../../lib/secrets.ts";
import { RELAY_URL, SECRET, runInstaller, ours } from "../../helpers/installer.ts";
import { openSimulator } from "../../helpers/open-simulator.ts";
import type { Hook } from "../../simulator/hook.ts";
import type { Group, Project } from "../../simulator/model.ts";
import type { SimulatorOptions } from "../../simulator/options.ts";
import type { Simulator } from "../../simulator/simulator.ts";

async function premium(
  options: SimulatorOptions = {},
): Promise<{ sim: Simulator; group: Group; projects: Project[] }> {
  const sim = await openSimulator({ tier: "premium", ...options });
  return { sim, ...sim.seed.tree({ projects: 4, subgroups: 2, foreignHooks: 1 }) };
}

describe("--level auto", () => {
  test("one hook on the group where the licence and the role allow it, and then two requests to see that it is right", async () => {
    const { sim, group, projects } = await premium();
    const first = await runInstaller(sim);
    expect(first.status).toBe(0);
    expect(first.report.level).toBe("group");
    expect(first.report.results).toEqual([
      expect.objectContaining({
        projectId: null,
        path: "acme",
        action: "create",
        hookId: ours(group)[0]?.id,
      }),
    ]);
    expect(sim.inspect(ours(group)[0] as Hook)).toMatchObject({ url: RELAY_URL, token: SECRET });
    expect(sim.inspect(ours(group)[0] as Hook)["flags"]).toContain("subgroup_events");
    expect(projects.flatMap(ours)).toEqual([]);
    sim.counters.reset();
    const again = await runInstaller(sim);
    expect(again.report.results[0]?.action).toBe("none");
    expect([again.report.requests.total, sim.counters.writes]).toEqual([2, 0]);
  });

  test.each(["free", "ce"] as const)("a hook in each project on tier %s, and why", async (tier) => {
    const { sim, projects } = await premium({ tier });
    const run = await runInstaller(sim);
    expect([run.status, run.report.level]).toEqual([0, "project"]);
    expect(run.stdout).toMatch(/level project: group hooks are not open to this token .*40[34]/);
    expect(projects.every((p) => ours(p).length === 1)).toBe(true);
  });

  describe("a Maintainer's token, to which the group's hooks are closed", () => {
    function maintainer(sim: Simulator, group: Group): Pick<Simulator, "url" | "token"> {
      const user = sim.model.addUser({ username: "bot" });
      sim.model.setGroupRole(user, group, 40);
      return { url: sim.url, token: sim.model.addToken({ value: "glpat-simulator-bot", user }) };
    }

    test.each([[[]], [["--dry-run"]]])(
      "makes no hook in a project that nothing tells about: exit 1 with the cure (%j)",
      async (args) => {
        const { sim, group, projects } = await premium();
        const run = await runInstaller(maintainer(sim, group), { args });
        expect([run.status, run.report.complete, run.report.summary.created]).toEqual([1, false, 0]);
        expect(run.stdout).toMatch(
          /cannot be told whether the group has a hook .* Owner role.*--level project/,
        );
        expect(projects.flatMap(ours)).toEqual([]);
      },
    );

    test("gets a hook into each project that --level project asks for", async () => {
      const { sim, group, projects } = await premium();
      const run = await runInstaller(maintainer(sim, group), { args: ["--level=project"] });
      expect(run.status).toBe(0);
      expect(projects.every((p) => ours(p).length === 1)).toBe(true);
    });

    test.each([
      ["the state file", new Map<string, string>()],
      ["the hooks that most projects have", null],
    ])("adds to an installation in the projects that %s tells of", async (_, kept) => {
      const { sim, group, projects } = await premium();
      const who = maintainer(sim, group);
      const files = kept ?? new Map<string, string>();
      const args = ["--state-file=state.json"];
      await runInstaller(who, { args: [...args, "--level=project"], files });
      (projects[0] as Project).hooks = [];
      const run = await runInstaller(who, { args, ...(kept === null ? {} : { files }) });
      expect([run.status, run.report.summary.created]).toEqual([0, 1]);
      expect(run.stdout).toContain("does not see the group's hooks");
    });

    test("one project that came with a hook of its own tells of no installation", async () => {
      const { sim, group, projects } = await premium();
      await runInstaller(sim);
      sim.model.addHook(projects[0] as Project, RELAY_URL);
      const run = await runInstaller(maintainer(sim, group));
      expect([run.status, run.report.summary.created]).toEqual([1, 0]);
    });
  });

  test("filters need project hooks", async () => {
    const { sim, group } = await premium();
    const run = await runInstaller(sim, { args: ["--exclude", "**/project-1"] });
    expect(run.report).toMatchObject({ level: "project", summary: { created: 3, skipped: 1 } });
    expect(ours(group)).toEqual([]);
  });

  test("a master secret derives the group hook's secret from the group's number", async () => {
    const { sim, group } = await premium();
    await runInstaller(sim, { env: { GITLAB_WEBHOOK_MASTER_SECRET: "the-master" } });
    const key = `g${group.id}`;
    expect(sim.inspect(ours(group)[0] as Hook)).toMatchObject({
      url: `${RELAY_URL}/${key}`,
      token: deriveSecretToken("the-master", new URL(sim.url).host, key),
    });
    sim.counters.reset();
    await runInstaller(sim, { env: { GITLAB_WEBHOOK_MASTER_SECRET: "the-master" } });
    expect([sim.counters.total, sim.counters.writes]).toEqual([2, 0]);
  });
});

describe("moving between the levels", () => {
  test("to the group: its hook is there before the first project loses its own", async () => {
    const { sim, group, projects } = await premium();
    await runInstaller(sim, { args: ["--level", "project"] });
    sim.counters.reset();
    const run = await runInstaller(sim);
    expect(run.report.results.map((r) => r.action)).toEqual([
      "create",
      "remove",
      "remove",
      "remove",
      "remove",
    ]);
    expect(projects.flatMap(ours)).toEqual([]);
    expect(projects.map((p) => p.hooks.length)).toEqual([1, 1, 1, 1]);
    const writes = sim.counters.log.filter((r) => r.method !== "GET").map((r) => r.method);
    expect(writes).toEqual(["POST", "DELETE", "DELETE", "DELETE", "DELETE", "PUT"]);
    expect(ours(group)[0]?.description).not.toContain("moving");
  });

  test("an interrupted move to the group is finished by the next run", async () => {
    const { sim, group, projects } = await premium();
    await runInstaller(sim, { args: ["--level", "project"] });
    const files = new Map<string, string>();
    const args = ["--max-requests", "7", "--state-file", "state.json"];
    const first = await runInstaller(sim, { args, files });
    expect([first.status, first.report.stoppedBy]).toEqual([75, "max-requests"]);
    expect(ours(group)[0]?.description).toContain("moving");
    expect(projects.flatMap(ours).length).toBeGreaterThan(0);
    expect((await runInstaller(sim)).status).toBe(0);
    expect(projects.flatMap(ours)).toEqual([]);
    sim.counters.reset();
    await runInstaller(sim);
    expect(sim.counters.total).toBe(2);
  });

  test("to the projects: the group's hook goes once each of them has its own", async () => {
    const { sim, group, projects } = await premium();
    await runInstaller(sim);
    const run = await runInstaller(sim, { args: ["--level", "project"] });
    expect(run.report.results.map((r) => r.action)).toEqual([
      "create",
      "create",
      "create",
      "create",
      "remove",
    ]);
    expect(ours(group)).toEqual([]);
    expect(projects.every((p) => ours(p).length === 1)).toBe(true);
  });

  test("to the projects: the group's hook stays while a project is without", async () => {
    const { sim, group, projects } = await premium();
    await runInstaller(sim);
    sim.model.updateProject(projects[1] as Project, { forbidden: true });
    const run = await runInstaller(sim, { args: ["--level", "project"] });
    expect([run.status, run.report.summary.failed]).toEqual([1, 1]);
    expect(run.stdout).toContain("the group hook stays");
    expect(ours(group)).toHaveLength(1);
  });
});

describe("--level group", () => {
  test("where it is refused, the reason and the cure are in the report", async () => {
    const { sim, projects } = await premium({ tier: "free" });
    const run = await runInstaller(sim, { args: ["--level", "group"] });
    expect([run.status, run.report.level]).toEqual([1, "group"]);
    expect(run.report.results).toEqual([expect.objectContaining({ projectId: null, action: "fail" })]);
    expect(run.report.results[0]?.reason).toMatch(/403|404/);
    expect(run.report.results[0]?.reason).toContain("--level project");
    expect(projects.flatMap(ours)).toEqual([]);
  });

  test("a hand-made hook on the group is adopted, and a duplicate goes", async () => {
    const { sim, group } = await premium();
    const byHand = sim.model.addHook(group, RELAY_URL);
    sim.model.addHook(group, `${RELAY_URL}/`);
    const run = await runInstaller(sim);
    expect(run.report.results[0]).toMatchObject({ action: "update", hookId: byHand.id });
    expect(ours(group).map((h) => [h.id, h.token])).toEqual([[byHand.id, SECRET]]);
  });

  test("events that only one level has are told", async () => {
    const { sim } = await premium();
    const run = await runInstaller(sim, { args: ["--level", "project", "--events", "push,subgroup"] });
    expect(run.stdout).toContain("project hooks have no event subgroup");
  });
});
