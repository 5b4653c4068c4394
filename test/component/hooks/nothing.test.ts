/** A run that found nothing to work on is no success unless somebody asked for that. */
import { describe, expect, test } from "vitest";
import { RELAY_URL, runInstaller, transport } from "../../helpers/installer.ts";
import { openSimulator } from "../../helpers/open-simulator.ts";
import type { Project, Token } from "../../simulator/model.ts";
import type { SimulatorOptions } from "../../simulator/options.ts";
import type { Simulator } from "../../simulator/simulator.ts";

async function stage(
  projects: number,
  options: SimulatorOptions = {},
): Promise<{ sim: Simulator; projects: Project[] }> {
  const sim = await openSimulator({ tier: "free", ...options });
  return { sim, ...sim.seed.tree({ projects, subgroups: 2 }) };
}

function tokenOf(sim: Simulator, role: number, abilities: readonly "admin_web_hook"[] = []): Token {
  const user = sim.model.addUser({ username: "bot" });
  const group = sim.model.group("acme");
  if (group !== undefined && role > 0) sim.model.setGroupRole(user, group, role, [...abilities]);
  return sim.model.addToken({ value: "glpat-simulator-bot", user });
}

function hooked(projects: readonly Project[]): number {
  return projects.filter((p) => p.hooks.some((h) => h.url === RELAY_URL)).length;
}

describe("who may write hooks gets them", () => {
  test("an administrator who is no member", async () => {
    const { sim, projects } = await stage(5);
    const user = sim.model.addUser({ username: "root", admin: true });
    const token = sim.model.addToken({ value: "glpat-simulator-root", user });
    expect((await runInstaller({ url: sim.url, token })).status).toBe(0);
    expect(hooked(projects)).toBe(5);
  });

  test("a custom role with admin_web_hook on Developer", async () => {
    const { sim, projects } = await stage(5, { tier: "ultimate" });
    const token = tokenOf(sim, 30, ["admin_web_hook"]);
    const run = await runInstaller({ url: sim.url, token }, { args: ["--level", "project"] });
    expect([run.status, hooked(projects)]).toEqual([0, 5]);
  });
});

describe("nothing to work on", () => {
  test.each(["install", "uninstall"])(
    "%s: all below the Maintainer role is status 1, with reason and cure",
    async (command) => {
      const { sim } = await stage(3);
      const run = await runInstaller({ url: sim.url, token: tokenOf(sim, 30) }, { command });
      expect([run.status, run.report.complete, run.report.summary.skipped]).toEqual([1, true, 3]);
      expect(run.stdout).toContain("every project was left out (3 below the Maintainer role): give");
      const pass = await runInstaller(
        { url: sim.url, token: tokenOf(sim, 30) },
        { command, args: ["--allow-empty"] },
      );
      expect(pass.status).toBe(0);
    },
  );

  test("more than a page below the Maintainer role is counted, too", async () => {
    const { sim } = await stage(120);
    const run = await runInstaller({ url: sim.url, token: tokenOf(sim, 30) });
    expect([run.status, run.report.summary.skipped, run.report.summary.projects]).toEqual([1, 120, 120]);
  });

  test("an empty group is status 1, and 0 with --allow-empty", async () => {
    const { sim } = await stage(0);
    const run = await runInstaller(sim);
    expect(run.status).toBe(1);
    expect(run.stdout).toContain("no project is listed in acme");
    expect((await runInstaller(sim, { args: ["--allow-empty"] })).status).toBe(0);
  });

  test.each([
    [["--include", "acme/tyop/**"], 1],
    [["--topics", "tyop"], 1],
    [["--visibility", "public"], 1],
    [["--exclude", "**"], 0],
  ])("%j is status %i", async (args, status) => {
    const { sim } = await stage(2);
    expect((await runInstaller(sim, { args })).status).toBe(status);
  });
});

describe("names in filters", () => {
  test("that fit nothing are named", async () => {
    const { sim, projects } = await stage(2);
    const args = [
      "--include",
      "**/project-1",
      "--include",
      "acme/tyop",
      "--exclude",
      "old/**",
      "--topics",
      "",
    ];
    const run = await runInstaller(sim, { args });
    expect(run.stdout).toContain('no project fits --include "acme/tyop", --exclude "old/**"');
    expect(hooked(projects)).toBe(1);
  });

  test.each(["acme", "ACME", "/acme/", "1"])(
    "--group %s and a glob relative to it leave the same project alone",
    async (group) => {
      const { sim, projects } = await stage(4);
      const id = String(sim.model.group("acme")?.id);
      const env = { HOOKS_GROUP: group === "1" ? id : group };
      const args = ["--exclude", "team-1/**"];
      const below = projects.filter((p) => p.fullPath.startsWith("acme/team-1/"));
      expect(below.length).toBeGreaterThan(0);
      await runInstaller(sim, { env, args });
      expect([hooked(below), hooked(projects)]).toEqual([0, 4 - below.length]);
      await runInstaller(sim);
      await runInstaller(sim, { command: "uninstall", env, args });
      expect([hooked(below), hooked(projects)]).toEqual([below.length, below.length]);
    },
  );
});

describe("left out for what the run lost or left alone", () => {
  test("install: where a token was refused half-way and the next one's role is too low is status 1", async () => {
    const { sim, projects } = await stage(4);
    const low = tokenOf(sim, 30);
    const args = ["--level", "project", "--concurrency", "1"];
    const env = { HOOKS_GITLAB_TOKEN: `${sim.token.value},${low.value}` };
    let sent = 0;
    const run = await runInstaller(sim, {
      args,
      env,
      transport: (url, request) => {
        if (++sent === 8) Object.assign(sim.token, { revoked: true });
        return transport(url, request);
      },
    });
    expect([run.status, run.report.complete]).toEqual([1, true]);
    expect(hooked(projects)).toBeGreaterThan(0);
    expect(run.stdout).toMatch(/refused a token of this run \(401\), .* too low in \d of the projects/);
  });

  test("uninstall: a filter leaves the group's hook alone, which goes on sending, and that is status 1", async () => {
    const { sim } = await stage(3, { tier: "premium" });
    await runInstaller(sim);
    const args = ["--include", "acme/project-1"];
    const run = await runInstaller(sim, { command: "uninstall", args });
    expect(run.status).toBe(1);
    expect(run.stdout).toMatch(/hook \d+ of the group still sends the events of these projects/);
    await runInstaller(sim, { args: ["--level", "project"] });
    expect((await runInstaller(sim, { command: "uninstall", args })).status).toBe(0);
  });
});
