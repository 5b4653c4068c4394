import { describe, expect, test } from "vitest";
import { SECRET, realTime, runInstaller, type InstallerRun } from "../../helpers/installer.ts";
import { openSimulator } from "../../helpers/open-simulator.ts";
import type { Project } from "../../simulator/model.ts";
import type { SimulatorOptions } from "../../simulator/options.ts";
import type { Simulator } from "../../simulator/simulator.ts";

async function limited(
  count: number,
  options: SimulatorOptions,
): Promise<{ sim: Simulator; projects: Project[] }> {
  const sim = await openSimulator({ tier: "free", ...options });
  return { sim, projects: sim.seed.tree({ projects: count, subgroups: 2 }).projects };
}

function hookCounts(projects: readonly Project[]): number[] {
  return [...new Set(projects.map((p) => p.hooks.length))];
}

/** Runs until the round is complete; a new minute begins before each. */
async function runs(sim: Simulator, args: readonly string[], most: number): Promise<InstallerRun[]> {
  const files = new Map<string, string>();
  const all: InstallerRun[] = [];
  while (all.length < most) {
    sim.nextMinute();
    const run = await runInstaller(sim, {
      args: ["--state-file", "state.json", ...args],
      files,
      clock: realTime,
    });
    all.push(run);
    if (run.status !== 75) break;
  }
  return all;
}

describe("a budget that does not last for one run", () => {
  test("max-requests that reach no project are named: such runs would never get anywhere", async () => {
    const { sim } = await limited(3, {});
    const few = await runInstaller(sim, { args: ["--max-requests", "2"] });
    expect(few.status).toBe(75);
    expect(few.stdout).toContain("no project was reached within --max-requests 2");
    const more = await runInstaller(sim, { args: ["--max-requests", "4"] });
    expect(more.stdout).not.toContain("no project was reached");
  });

  test.each(["always", "on-429"] as const)(
    "headers %s: the run stops for all workers with 75, the next ones go on, all hooks are there, none twice",
    async (budgetHeaders) => {
      const { sim, projects } = await limited(60, { budget: { requests: 60 }, budgetHeaders });
      const all = await runs(sim, ["--time-limit", "20", "--chunk-size", "20"], 10);
      expect(all.map((r) => r.status)).toEqual([...all.slice(1).map(() => 75), 0]);
      expect(all[0]?.report).toMatchObject({ complete: false, stoppedBy: "rate-limit" });
      expect(all[0]?.report.summary.remaining).toBeGreaterThan(0);
      // 2N + 3 requests, and a few that each run spends on finding its place.
      expect(all.length).toBeLessThanOrEqual(budgetHeaders === "always" ? 3 : 4);
      for (const run of all) expect(run.report.requests.rejected).toBeLessThanOrEqual(8);
      if (budgetHeaders === "always")
        expect(sim.counters.report()).toMatchObject({ rejected: 0, whileClosed: 0 });
      expect(hookCounts(projects)).toEqual([1]);
      const created = all.reduce((sum, run) => sum + run.report.summary.created, 0);
      expect(created).toBe(60);
    },
  );

  test("when the round is complete the next run starts over", async () => {
    const { sim, projects } = await limited(12, {});
    const files = new Map<string, string>();
    const args = ["--state-file", "state.json"];
    expect((await runInstaller(sim, { args: [...args, "--max-requests", "12"], files })).status).toBe(75);
    expect((await runInstaller(sim, { args, files })).status).toBe(0);
    (projects[0] as Project).hooks = [];
    const third = await runInstaller(sim, { args, files });
    expect(third.report.summary).toMatchObject({ projects: 12, created: 1, unchanged: 11 });
  });

  test("a round that stopped early is gone on with by the same filters only", async () => {
    const { sim, projects } = await limited(12, {});
    const files = new Map<string, string>();
    const args = ["--state-file", "state.json"];
    const first = ["--include", "**/project-9", "--max-requests", "4"];
    expect((await runInstaller(sim, { args: [...args, ...first], files })).status).toBe(75);
    const other = await runInstaller(sim, { args: [...args, "--exclude", "**/project-9"], files });
    expect(other.report.summary).toMatchObject({ created: 11 });
    expect(hookCounts(projects)).toEqual([1]);
  });

  test("the smallest budget still finishes a project with each run", async () => {
    const { sim, projects } = await limited(3, {});
    const all = await runs(sim, ["--max-requests", "4"], 10);
    expect(all.length).toBeLessThanOrEqual(4);
    expect(all.at(-1)?.status).toBe(0);
    expect(hookCounts(projects)).toEqual([1]);
  });

  test("--max-requests counts what is sent, retries included", async () => {
    const { sim } = await limited(20, {});
    sim.faults.add({
      method: "GET",
      route: "/projects/:id/hooks",
      times: 3,
      action: { kind: "status", status: 500 },
    });
    const run = await runInstaller(sim, { args: ["--max-requests", "15"] });
    expect(run.report).toMatchObject({ stoppedBy: "max-requests", requests: { total: 15 } });
    expect(sim.counters.total).toBe(15);
  });

  test("--time-limit ends a run that would take longer", async () => {
    const { sim } = await limited(100, { latencyMs: 100 });
    const run = await runInstaller(sim, {
      args: ["--time-limit", "1.5", "--concurrency", "2"],
      clock: realTime,
    });
    expect([run.status, run.report.complete, run.report.stoppedBy]).toEqual([75, false, "time-limit"]);
    expect(sim.counters.total).toBe(run.report.requests.total);
  });
});

describe("waiting", () => {
  test("a limit that opens again within the time limit is waited for, once for all workers", async () => {
    const { sim, projects } = await limited(20, { budget: { requests: 30 }, minuteMs: 2_000 });
    const run = await runInstaller(sim, { args: ["--time-limit", "30"], clock: realTime });
    expect([run.status, run.report.summary.created]).toEqual([0, 20]);
    expect(sim.counters.report()).toMatchObject({ rejected: 0, whileClosed: 0 });
    expect(hookCounts(projects)).toEqual([1]);
  });

  test("Retry-After beyond the time limit stops the run at once", async () => {
    const { sim } = await limited(5, {});
    sim.faults.add({
      route: "/projects/:id/hooks",
      action: { kind: "status", status: 429, headers: { "Retry-After": "3600" } },
    });
    const began = performance.now();
    const run = await runInstaller(sim, {
      args: ["--time-limit", "600", "--concurrency", "1"],
      clock: realTime,
    });
    expect([run.status, run.report.stoppedBy, run.report.requests.rejected]).toEqual([75, "rate-limit", 1]);
    expect(performance.now() - began).toBeLessThan(5_000);
    expect(run.report.requests.total).toBe(3);
  });

  test("the next token takes over where one is used up", async () => {
    const { sim, projects } = await limited(20, { userBudgets: { owner: { requests: 20 } } });
    const second = sim.model.addUser({ username: "second" });
    sim.model.setGroupRole(second, sim.model.group("acme")!, 40);
    sim.model.addToken({ value: "glpat-simulator-second", user: second });
    const env = {
      HOOKS_GITLAB_TOKEN: `${sim.token.value},glpat-simulator-second`,
      GITLAB_WEBHOOK_SECRET: SECRET,
    };
    const run = await runInstaller(sim, { env, clock: realTime });
    expect([run.status, run.report.summary.created, run.report.requests.rejected]).toEqual([0, 20, 0]);
    expect(hookCounts(projects)).toEqual([1]);
    const users = new Set(sim.counters.log.map((r) => r.user));
    expect(users).toEqual(new Set(["owner", "second"]));
  });
});
