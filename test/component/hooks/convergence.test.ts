/** After any history two healthy runs leave exactly one hook of ours that fires for each project, and none of others is touched. */
import { describe, expect, test } from "vitest";
import { RELAY_URL, runInstaller, type InstallerRun, ours } from "../../helpers/installer.ts";
import { openSimulator } from "../../helpers/open-simulator.ts";
import type { Group, Project } from "../../simulator/model.ts";
import type { SimulatorOptions } from "../../simulator/options.ts";
import type { Simulator } from "../../simulator/simulator.ts";

interface Stage {
  readonly sim: Simulator;
  readonly group: Group;
  readonly projects: Project[];
}

async function stage(options: SimulatorOptions = {}): Promise<Stage> {
  const sim = await openSimulator({ tier: "premium", ...options });
  return { sim, ...sim.seed.tree({ projects: 4, subgroups: 2, foreignHooks: 1 }) };
}

function counts({ group, projects }: Stage): [group: number, projects: number] {
  return [ours(group).length, projects.flatMap(ours).length];
}

const REFUSED = { method: "GET", route: "/groups/:id/hooks" } as const;

describe("a look at the group's hooks that was refused", () => {
  test.each([403, 404])("one %i makes no project hook beside the group's", async (status) => {
    const at = await stage();
    await runInstaller(at.sim);
    at.sim.faults.add({ ...REFUSED, times: 1, action: { kind: "status", status } });
    const run = await runInstaller(at.sim);
    expect([run.status, counts(at)]).toEqual([0, [1, 0]]);
    expect((await runInstaller(at.sim)).status).toBe(0);
    expect(counts(at)).toEqual([1, 0]);
  });

  test("5xx and a dead connection end the run and change nothing", async () => {
    const at = await stage();
    await runInstaller(at.sim);
    at.sim.faults.add({ ...REFUSED, times: 4, action: { kind: "status", status: 502 } });
    const run = await runInstaller(at.sim);
    expect([run.status, run.report.complete, counts(at)]).toEqual([1, false, [1, 0]]);
  });

  test("where the state file says that the group has a hook of ours, a lower role makes none and ends with 1", async () => {
    const at = await stage();
    const files = new Map<string, string>();
    const args = ["--state-file", "state.json"];
    await runInstaller(at.sim, { args, files });
    at.sim.model.setGroupRole(at.sim.owner, at.group, 40);
    const run = await runInstaller(at.sim, { args, files });
    expect([run.status, counts(at)]).toEqual([1, [1, 0]]);
    expect(run.stdout).toContain("cannot be told whether the group has a hook of ours");
    at.sim.model.setGroupRole(at.sim.owner, at.group, 50);
    expect((await runInstaller(at.sim, { args, files })).status).toBe(0);
  });

  test("where the owner's token is revoked and a maintainer's takes over, no project gets a hook", async () => {
    const at = await stage();
    await runInstaller(at.sim);
    const user = at.sim.model.addUser({ username: "bot" });
    at.sim.model.setGroupRole(user, at.group, 40);
    at.sim.model.addToken({ value: "glpat-simulator-bot", user });
    const env = { HOOKS_GITLAB_TOKEN: "glpat-revoked,glpat-simulator-bot" };
    const run = await runInstaller(at.sim, { env });
    expect([run.status, counts(at)]).toEqual([1, [1, 0]]);
    expect(run.stdout).toContain("another token of this run was refused");
  });

  test("a plan with a maintainer's token does not claim that hooks are missing", async () => {
    const at = await stage();
    await runInstaller(at.sim);
    const user = at.sim.model.addUser({ username: "reader" });
    at.sim.model.setGroupRole(user, at.group, 40);
    const token = at.sim.model.addToken({ value: "glpat-simulator-reader", user, scopes: ["read_api"] });
    const args = ["--dry-run", "--fail-on-drift"];
    const run = await runInstaller({ url: at.sim.url, token }, { args });
    expect([run.status, run.report.summary.created]).toEqual([1, 0]);
  });

  test("a role that went down and came back leaves one hook on the group", async () => {
    const at = await stage();
    await runInstaller(at.sim);
    at.sim.model.setGroupRole(at.sim.owner, at.group, 40);
    const low = await runInstaller(at.sim);
    expect([low.status, counts(at)]).toEqual([1, [1, 0]]);
    at.sim.model.setGroupRole(at.sim.owner, at.group, 50);
    const drift = await runInstaller(at.sim, { args: ["--dry-run", "--fail-on-drift"] });
    expect(drift.status).toBe(0);
    expect((await runInstaller(at.sim)).status).toBe(0);
    expect(counts(at)).toEqual([1, 0]);
  });

  test("a licence that lapsed and came back: never zero, one hook in the end, drift in between", async () => {
    const at = await stage();
    await runInstaller(at.sim);
    at.sim.settings.tier = "free";
    expect((await runInstaller(at.sim)).report.level).toBe("project");
    expect(counts(at)).toEqual([1, 4]);
    at.sim.settings.tier = "premium";
    expect((await runInstaller(at.sim, { args: ["--dry-run", "--fail-on-drift"] })).status).toBe(3);
    expect((await runInstaller(at.sim)).report.summary.removed).toBe(4);
    expect(counts(at)).toEqual([1, 0]);
    at.sim.counters.reset();
    await runInstaller(at.sim);
    expect([at.sim.counters.total, at.sim.counters.writes]).toEqual([2, 0]);
  });
});

describe("--level project where the last run left a hook on the group", () => {
  const args = ["--state-file", "state.json"];
  const asked = [...args, "--level", "project"];

  test("a licence that lapsed since is a notice and exit 0, and the group's hook goes once it is back", async () => {
    const at = await stage();
    const files = new Map<string, string>();
    await runInstaller(at.sim, { args, files });
    at.sim.settings.tier = "free";
    const run = await runInstaller(at.sim, { args: asked, files });
    expect([run.status, counts(at)]).toEqual([0, [1, 4]]);
    expect(run.stdout).toContain("fires no more");
    expect(run.stdout).not.toContain("come twice");
    at.sim.settings.tier = "premium";
    expect((await runInstaller(at.sim, { args: asked, files })).status).toBe(0);
    expect(counts(at)).toEqual([0, 4]);
  });

  test("a role that is too low is exit 1, since that hook fires", async () => {
    const at = await stage();
    const files = new Map<string, string>();
    await runInstaller(at.sim, { args, files });
    at.sim.model.setGroupRole(at.sim.owner, at.group, 40);
    const run = await runInstaller(at.sim, { args: asked, files });
    expect([run.status, counts(at)]).toEqual([1, [1, 4]]);
    expect(run.stdout).toMatch(/neither see nor remove: events come twice.*Owner role/);
  });

  test.each([403, 404])(
    "one odd %i is gone at the second look, and the group's hook goes",
    async (status) => {
      const at = await stage();
      const files = new Map<string, string>();
      await runInstaller(at.sim, { args, files });
      at.sim.faults.add({ ...REFUSED, times: 1, action: { kind: "status", status } });
      expect((await runInstaller(at.sim, { args: asked, files })).status).toBe(0);
      expect(counts(at)).toEqual([0, 4]);
    },
  );
});

describe("what an earlier level left", () => {
  test("an interrupted change to the projects is taken back by the next run at the group", async () => {
    const at = await stage();
    await runInstaller(at.sim);
    const args = ["--level", "project", "--max-requests", "6", "--concurrency", "1"];
    expect((await runInstaller(at.sim, { args })).status).toBe(75);
    expect(counts(at)[1]).toBeGreaterThan(0);
    await runInstaller(at.sim);
    expect(counts(at)).toEqual([1, 0]);
  });

  test("an archived project loses its hook with the change to the group, and has none when it comes back", async () => {
    const at = await stage({ tier: "free" });
    await runInstaller(at.sim);
    const archived = at.projects[1] as Project;
    at.sim.model.updateProject(archived, { archived: true });
    at.sim.settings.tier = "premium";
    await runInstaller(at.sim);
    at.sim.model.updateProject(archived, { archived: false });
    expect(counts(at)).toEqual([1, 0]);
  });

  test("a hook on a group below goes with the change to the group", async () => {
    const at = await stage();
    await runInstaller(at.sim, { env: { HOOKS_GROUP: "acme/team-1" } });
    const below = at.sim.model.group("acme/team-1") as Group;
    expect(ours(below)).toHaveLength(1);
    await runInstaller(at.sim);
    expect([counts(at), ours(below).length]).toEqual([[1, 0], 0]);
  });

  test("uninstall reaches archived projects", async () => {
    const at = await stage({ tier: "free" });
    await runInstaller(at.sim);
    at.sim.model.updateProject(at.projects[0] as Project, { archived: true });
    expect((await runInstaller(at.sim, { command: "uninstall" })).report.summary.removed).toBe(4);
    expect(counts(at)).toEqual([0, 0]);
  });
});

describe("a project that comes into a group which has a hook", () => {
  const args = ["--state-file", "state.json"];

  async function installed(
    projects: number,
  ): Promise<Stage & { readonly files: Map<string, string>; readonly outside: Group }> {
    const sim = await openSimulator({ tier: "premium", endpointLimits: false });
    const at = { sim, ...sim.seed.tree({ projects, subgroups: 2 }) };
    return { ...at, files: new Map<string, string>(), outside: sim.seed.group("outside") };
  }

  test.each([4, 250])(
    "back with its old hook loses it in the next run, of %i projects: some hundred requests at most",
    async (count) => {
      const at = await installed(count);
      const { sim, projects, files } = at;
      const gone = projects[1] as Project;
      await runInstaller(sim, { args: [...args, "--level", "project"], files });
      sim.model.moveProject(gone, { group: at.outside });
      await runInstaller(sim, { args, files });
      expect(ours(gone)).toHaveLength(1);
      sim.model.moveProject(gone, { group: at.group });
      sim.counters.reset();
      const drift = await runInstaller(sim, { args: [...args, "--dry-run", "--fail-on-drift"], files });
      expect([drift.status, counts(at)]).toEqual([3, [1, 1]]);
      const run = await runInstaller(sim, { args, files });
      expect([run.status, run.report.summary.removed, counts(at)]).toEqual([0, 1, [1, 0]]);
      expect(run.report.requests.total).toBeLessThanOrEqual(106);
    },
  );

  test("from elsewhere, with a hook that another group's run had made, loses it", async () => {
    const at = await installed(4);
    const { sim, files } = at;
    const stranger = sim.seed.project(at.outside, "stranger");
    await runInstaller(sim, { args, files });
    await runInstaller(sim, { env: { HOOKS_GROUP: "outside" }, args: ["--level", "project"] });
    expect(ours(stranger)).toHaveLength(1);
    sim.model.moveProject(stranger, { group: at.group });
    await runInstaller(sim, { args, files });
    expect(ours(stranger)).toEqual([]);
  });

  test("new ones cost a request each, once; then a run costs two again, whoever's turn it is", async () => {
    const at = await installed(250);
    const { sim, files } = at;
    await runInstaller(sim, { args, files });
    for (const name of ["one", "two", "three"]) sim.seed.project(at.group, name);
    const totals: number[] = [];
    for (let n = 0; n < 5; n++) totals.push((await runInstaller(sim, { args, files })).report.requests.total);
    // The group's hooks, the list, three projects, the mark.
    expect(totals).toEqual([6, 2, 2, 2, 2]);
  });
});

describe("a hook on a group above", () => {
  test.each(["auto", "group", "project"])(
    "covers this one at --level %s: named, and no second hook",
    async (level) => {
      const at = await stage();
      await runInstaller(at.sim);
      const below = at.sim.model.group("acme/team-1") as Group;
      const run = await runInstaller(at.sim, {
        env: { HOOKS_GROUP: "acme/team-1" },
        args: ["--level", level],
      });
      expect([run.status, ours(below).length, counts(at)]).toEqual([0, 0, [1, 0]]);
      expect(run.stdout).toMatch(/hook \d+ of the group acme above sends every event/);
    },
  );

  test("with fewer events is named, and this group gets its own", async () => {
    const at = await stage();
    await runInstaller(at.sim, { args: ["--events", "push"] });
    const run = await runInstaller(at.sim, { env: { HOOKS_GROUP: "acme/team-1" } });
    expect(run.stdout).toMatch(/the group acme above has hook \d+ for the same relay with other events/);
    expect(ours(at.sim.model.group("acme/team-1") as Group)).toHaveLength(1);
  });
});

describe("two relays over the same projects", () => {
  const other = "https://other.acme.dev/webhooks/gitlab";

  test("a relay that moves is no trouble; jobs that take each other's hooks are told, with exit 1", async () => {
    const at = await stage({ tier: "free" });
    const all = { HOOKS_URL: RELAY_URL };
    const below = { HOOKS_URL: other, HOOKS_GROUP: "acme/team-1" };
    expect((await runInstaller(at.sim, { env: all })).status).toBe(0);
    expect((await runInstaller(at.sim, { env: below })).status).toBe(0);
    const back = await runInstaller(at.sim, { env: all });
    expect([back.status, back.report.complete]).toEqual([1, true]);
    expect(back.stdout).toMatch(/had been taken to another one since.*--exclude/);
    expect(counts(at)).toEqual([0, 4]);
    expect((await runInstaller(at.sim, { env: all })).status).toBe(0);
  });
});

describe("foreign hooks", () => {
  const foreign = (at: Stage): string =>
    JSON.stringify([at.group, ...at.projects].map((p) => p.hooks.map((h) => h)));

  test.each([
    ["an address that ends like another project's key", `${RELAY_URL}/p999`],
    ["the address without what looks like a key in ours", "https://hooks.acme.dev/webhooks"],
    ["a longer path", `${RELAY_URL}/team`],
    ["another query", `${RELAY_URL}?team=1`],
  ])("%s stays, installed and uninstalled", async (_, url) => {
    const at = await stage({ tier: "free" });
    const relay = url === "https://hooks.acme.dev/webhooks" ? `${url}/p15` : RELAY_URL;
    for (const project of at.projects) sim(at, project, url);
    const before = foreign(at);
    const env = { HOOKS_URL: relay };
    await runInstaller(at.sim, { env });
    await runInstaller(at.sim, { env: { ...env, GITLAB_WEBHOOK_MASTER_SECRET: "a-master-secret" } });
    await runInstaller(at.sim, { command: "uninstall", env });
    expect(foreign(at)).toBe(before);
  });

  function sim(at: Stage, project: Project, url: string): void {
    at.sim.change(at.sim.model.addHook(project, url), { token: "theirs" });
  }
});

describe("two runs at once", () => {
  test("the second of them that sees the other's hooks leaves exactly one each", async () => {
    const at = await stage({ tier: "free" });
    const runs = await Promise.all([runInstaller(at.sim), runInstaller(at.sim)]);
    expect(runs.map((run: InstallerRun) => run.status)).toEqual([0, 0]);
    const told = runs.some((run) => run.stdout.includes("another run made hooks at the same time"));
    if (told) expect(counts(at)).toEqual([0, 4]);
    await runInstaller(at.sim);
    expect(counts(at)).toEqual([0, 4]);
  });
});
