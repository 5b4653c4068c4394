/** Exit 0 and "run complete" mean that no project was left behind: not by a list that moves, an odd answer or an older round. */
import { describe, expect, test } from "vitest";
import type { Transport } from "../../../lib/gitlab/transport.ts";
import { realTime, RELAY_URL, runInstaller, transport as real, ours } from "../../helpers/installer.ts";
import { openSimulator } from "../../helpers/open-simulator.ts";
import type { FaultRule } from "../../simulator/faults.ts";
import type { Group, Project } from "../../simulator/model.ts";
import type { SimulatorOptions } from "../../simulator/options.ts";
import type { Simulator } from "../../simulator/simulator.ts";

interface Stage {
  readonly sim: Simulator;
  readonly group: Group;
  readonly projects: Project[];
}

async function stage(projects: number, options: SimulatorOptions = {}): Promise<Stage> {
  const sim = await openSimulator({ tier: "free", endpointLimits: false, ...options });
  return { sim, ...sim.seed.tree({ projects, subgroups: 2 }) };
}

function without({ sim }: Stage): string[] {
  return [...sim.model.projects.values()].filter((p) => ours(p).length === 0).map((p) => p.fullPath);
}

/** Does something while the hooks of the project number `at` are listed. */
function during(at: number, change: () => void): Transport {
  let listed = 0;
  return async (url, sent) => {
    if (sent.method === "GET" && /\/projects\/\d+\/hooks$/.test(url.pathname) && ++listed === at) change();
    return real(url, sent);
  };
}

describe("a list that moves while it is walked", () => {
  const args = ["--chunk-size", "10", "--concurrency", "2"];

  test.each<[string, SimulatorOptions, (at: Stage) => void]>([
    [
      "one is deleted and one is made",
      {},
      ({ sim, group, projects }) => {
        sim.model.deleteProject(projects[3] as Project);
        sim.seed.project(group, "brand-new");
      },
    ],
    [
      "one leaves the group and one comes into it",
      {},
      ({ sim, group, projects }) => {
        sim.model.moveProject(projects[3] as Project, { group: sim.seed.group("elsewhere") });
        sim.model.moveProject(sim.model.project("outside/late")?.project as Project, { group });
      },
    ],
    [
      "one is archived and another one comes back",
      {},
      ({ sim, projects }) => {
        sim.model.updateProject(projects[3] as Project, { archived: true });
        sim.model.updateProject(projects[29] as Project, { archived: false });
      },
    ],
    [
      "one is deleted, and a proxy drops the totals",
      { droppedHeaders: ["x-total*"] },
      ({ sim, projects }) => sim.model.deleteProject(projects[3] as Project),
    ],
    [
      "one is deleted, and a proxy drops every header of paging",
      { droppedHeaders: ["x-*", "link"] },
      ({ sim, projects }) => sim.model.deleteProject(projects[3] as Project),
    ],
  ])("%s: every project gets its hook", async (_, options, change) => {
    const at = await stage(30, options);
    at.sim.model.updateProject(at.projects[29] as Project, { archived: true });
    at.sim.seed.project(at.sim.seed.group("outside"), "late");
    const transport = during(13, () => change(at));
    const run = await runInstaller(at.sim, { args, transport, clock: realTime });
    expect([run.status, run.report.complete]).toEqual([0, true]);
    const there = without(at).filter((path) => path.startsWith("acme/"));
    expect(there.filter((path) => at.sim.model.project(path)?.project.archived !== true)).toEqual([]);
  });

  test("uninstall leaves no hook behind either", async () => {
    const at = await stage(30);
    await runInstaller(at.sim);
    const transport = during(13, () => {
      at.sim.model.deleteProject(at.projects[3] as Project);
      at.sim.seed.project(at.group, "brand-new");
    });
    const run = await runInstaller(at.sim, { command: "uninstall", args, transport, clock: realTime });
    expect([run.status, at.projects.flatMap(ours).length - ours(at.projects[3] as Project).length]).toEqual([
      0, 0,
    ]);
  });

  test("costs nothing where nothing moved", async () => {
    const at = await stage(30);
    await runInstaller(at.sim, { args });
    at.sim.counters.reset();
    await runInstaller(at.sim, { args });
    expect(at.sim.counters.total).toBe(1 + 3 + 30 + 1);
  });
});

describe("a project whose hooks GitLab does not find", () => {
  const notFound = (times: number): FaultRule => ({
    method: "GET",
    path: "/projects/2/hooks",
    times,
    action: {
      kind: "status",
      status: 404,
      body: '{"message":"404 Project Not Found"}',
      headers: { "Content-Type": "application/json" },
    },
  });

  test("once, is looked at again: it is not without a hook when the group's goes", async () => {
    const at = await stage(4, { tier: "premium" });
    await runInstaller(at.sim);
    at.sim.faults.add(notFound(1));
    const run = await runInstaller(at.sim, { args: ["--level", "project"] });
    expect([run.status, ours(at.group).length, without(at)]).toEqual([0, 0, []]);
  });

  test("again and again, fails as long as GitLab shows the project", async () => {
    const at = await stage(4);
    at.sim.faults.add(notFound(2));
    const run = await runInstaller(at.sim);
    expect([run.status, run.report.summary.failed]).toEqual([1, 1]);
    expect(run.stdout).toContain("GitLab shows the project and does not find its hooks");
  });
});

describe("a round that another run had begun", () => {
  const args = ["--state-file", "state.json", "--concurrency", "1", "--chunk-size", "5"];

  test.each<[string, Record<string, string>, string[]]>([
    ["another secret", { GITLAB_WEBHOOK_SECRET: "the-third-secret" }, []],
    ["another address", { HOOKS_URL: `${RELAY_URL}/other` }, []],
    ["other events", {}, ["--events", "push"]],
  ])("with %s begins anew", async (_, env, more) => {
    const at = await stage(12);
    const files = new Map<string, string>();
    await runInstaller(at.sim, { args, files });
    const second = { GITLAB_WEBHOOK_SECRET: "the-second-secret" };
    const one = await runInstaller(at.sim, { args: [...args, "--max-requests", "15"], files, env: second });
    const two = await runInstaller(at.sim, { args: [...args, ...more], files, env });
    expect([one.status, two.status, two.report.summary.updated]).toEqual([75, 0, 12]);
    const same = await runInstaller(at.sim, {
      args: [...args, ...more, "--dry-run", "--fail-on-drift"],
      env,
    });
    expect(same.status).toBe(0);
  });

  test("uninstall of one relay says nothing of another one's hooks", async () => {
    const at = await stage(12);
    const files = new Map<string, string>();
    const other = { HOOKS_URL: "https://other.acme.dev/hook" };
    for (const project of at.projects) at.sim.model.addHook(project, other.HOOKS_URL);
    await runInstaller(at.sim, { args, files });
    const less = [...args, "--max-requests", "15"];
    expect((await runInstaller(at.sim, { command: "uninstall", args: less, files })).status).toBe(75);
    const run = await runInstaller(at.sim, { command: "uninstall", args, files, env: other });
    expect([run.status, at.projects.flatMap((p) => p.hooks).length]).toEqual([0, 0]);
  });
});

describe("groups above and below", () => {
  test("a group that is named by its id is known to be below one with a hook", async () => {
    const at = await stage(4, { tier: "premium" });
    await runInstaller(at.sim);
    const below = at.sim.model.group("acme/team-1") as Group;
    const run = await runInstaller(at.sim, { env: { HOOKS_GROUP: String(below.id) } });
    expect([run.status, ours(below).length]).toEqual([0, 0]);
    expect(run.stdout).toMatch(/hook \d+ of the group acme above sends every event/);
  });

  test("a hook of a group below covers its projects: named, and no second hook", async () => {
    const at = await stage(4, { tier: "premium" });
    await runInstaller(at.sim, { env: { HOOKS_GROUP: "acme/team-1" } });
    const run = await runInstaller(at.sim, { args: ["--level", "project"] });
    expect([run.status, at.projects.map((p) => ours(p).length)]).toEqual([0, [1, 0, 0, 1]]);
    expect(run.stdout).toMatch(/hook \d+ of the group acme\/team-1 sends every event of its projects/);
    const plan = await runInstaller(at.sim, { args: ["--level", "project", "--dry-run", "--fail-on-drift"] });
    expect(plan.status).toBe(0);
  });

  test("a hook of a group below that cannot be removed is a failure, and the next run removes it", async () => {
    const at = await stage(4, { tier: "premium" });
    await runInstaller(at.sim, { env: { HOOKS_GROUP: "acme/team-1" } });
    const below = at.sim.model.group("acme/team-1") as Group;
    at.sim.faults.add({
      route: "DELETE /groups/:id/hooks/:hook_id",
      times: 4,
      action: { kind: "status", status: 500 },
    });
    const run = await runInstaller(at.sim);
    expect([run.status, run.report.results.at(-1)?.path, ours(below).length]).toEqual([1, "acme/team-1", 1]);
    expect((await runInstaller(at.sim)).status).toBe(0);
    expect([ours(at.group).length, ours(below).length]).toEqual([1, 0]);
  });

  test("a sweep below a group with a hook that was interrupted goes on, without a state file, too", async () => {
    const at = await stage(9, { tier: "premium" });
    const env = { HOOKS_GROUP: "acme/team-1" };
    const below = at.projects.filter((p) => p.fullPath.startsWith("acme/team-1/"));
    await runInstaller(at.sim, { env, args: ["--level", "project"] });
    // The run at the top made the group's hook and had no time for what is below.
    expect((await runInstaller(at.sim, { args: ["--max-requests", "3"] })).status).toBe(75);
    const cut = ["--max-requests", "9", "--concurrency", "1"];
    expect((await runInstaller(at.sim, { env, args: cut })).status).toBe(75);
    expect(below.flatMap(ours).length).toBeGreaterThan(0);
    expect((await runInstaller(at.sim, { env })).status).toBe(0);
    expect(below.flatMap(ours)).toEqual([]);
  });
});

const JSON_TYPE = { "Content-Type": "application/json" };

describe("single odd answers", () => {
  test("a page of projects that ends before GitLab's own count is asked for again", async () => {
    const at = await stage(30);
    const action = { kind: "status", status: 200, body: "[]", headers: JSON_TYPE } as const;
    at.sim.faults.add({ route: "GET /groups/:id/projects", skip: 1, action });
    expect((await runInstaller(at.sim, { args: ["--chunk-size", "10"] })).status).toBe(0);
    expect(without(at)).toEqual([]);
  });

  test("a 404 for the removal of a hook that is still there is not believed", async () => {
    const at = await stage(2);
    await runInstaller(at.sim);
    at.sim.model.addHook(at.projects[1] as Project, RELAY_URL);
    const body = '{"message":"404 Not found"}';
    at.sim.faults.add({
      method: "DELETE",
      action: { kind: "status", status: 404, body, headers: JSON_TYPE },
    });
    expect((await runInstaller(at.sim)).status).toBe(0);
    expect(at.projects.map((p) => ours(p).length)).toEqual([1, 1]);
  });

  test("a hook that GitLab shows without the token it was sent is a failure", async () => {
    const at = await stage(2);
    const transport: Transport = (url, sent) => real(url, { ...sent, ...tokenless(sent.body) });
    const run = await runInstaller(at.sim, { transport });
    expect([run.status, run.report.summary.failed]).toEqual([1, 2]);
    expect(run.stdout).toContain("without the secret token that it was sent");
  });
});

function tokenless(body: string | undefined): { readonly body?: string } {
  if (body === undefined) return {};
  const { token: _token, ...rest } = JSON.parse(body) as Record<string, unknown>;
  return { body: JSON.stringify(rest) };
}

describe("uninstall", () => {
  const command = "uninstall";

  test("one refused look at the group's hooks leaves no hook there", async () => {
    const at = await stage(4, { tier: "premium" });
    await runInstaller(at.sim);
    const body = '{"message":"403 Forbidden"}';
    const action = { kind: "status", status: 403, body, headers: JSON_TYPE } as const;
    at.sim.faults.add({ route: "GET /groups/:id/hooks", action });
    expect((await runInstaller(at.sim, { command })).status).toBe(0);
    expect(ours(at.group)).toEqual([]);
  });

  test("a token that does not see the group's hooks and finds none in the projects ends with 1", async () => {
    const at = await stage(4, { tier: "premium" });
    await runInstaller(at.sim);
    at.sim.model.setGroupRole(at.sim.owner, at.group, 40);
    const run = await runInstaller(at.sim, { command });
    expect([run.status, ours(at.group).length]).toEqual([1, 1]);
    expect(run.stdout).toContain("use a token with the Owner role");
  });

  test("removes the hooks of groups below, too", async () => {
    const at = await stage(4, { tier: "premium" });
    await runInstaller(at.sim, { env: { HOOKS_GROUP: "acme/team-1" } });
    expect((await runInstaller(at.sim, { command })).report.summary.removed).toBe(1);
    expect(ours(at.sim.model.group("acme/team-1") as Group)).toEqual([]);
  });
});

test("a token that does not see the groups above says that events may come twice", async () => {
  const at = await stage(4, { tier: "premium" });
  await runInstaller(at.sim);
  const user = at.sim.model.addUser({ username: "bot" });
  at.sim.model.setGroupRole(user, at.sim.model.group("acme/team-1") as Group, 50);
  const token = at.sim.model.addToken({ value: "glpat-simulator-bot", user });
  const run = await runInstaller({ url: at.sim.url, token }, { env: { HOOKS_GROUP: "acme/team-1" } });
  expect(run.stdout).toContain(
    "does not see the hooks of the group acme above: if one of ours is there, events come twice",
  );
});
