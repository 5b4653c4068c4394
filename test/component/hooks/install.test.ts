import { describe, expect, test } from "vitest";
import { deriveSecretToken, deriveSigningToken } from "../../../lib/secrets.ts";
import { RELAY_URL, SECRET, runInstaller, type InstallerRun, ours } from "../../helpers/installer.ts";
import { openSimulator } from "../../helpers/open-simulator.ts";
import type { Hook } from "../../simulator/hook.ts";
import type { Project } from "../../simulator/model.ts";
import type { SimulatorOptions } from "../../simulator/options.ts";
import type { Simulator } from "../../simulator/simulator.ts";

const SIGNING = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;

async function free(options: SimulatorOptions = {}): Promise<Simulator> {
  const sim = await openSimulator({ tier: "free", ...options });
  return sim;
}

function inside(sim: Simulator, project: Project): Record<string, unknown> {
  return sim.inspect(ours(project)[0] as Hook);
}

function actions(run: InstallerRun): string[] {
  return run.report.results.map((r) => r.action);
}

/** Writes of one run, by counting what the simulator saw. */
async function writesOf(
  sim: Simulator,
  run: () => Promise<InstallerRun>,
): Promise<{ run: InstallerRun; writes: number }> {
  sim.counters.reset();
  const done = await run();
  return { run: done, writes: sim.counters.writes };
}

describe("install, a hook in each project", () => {
  test("every project of nested subgroups gets exactly one, and a second run writes nothing", async () => {
    const sim = await free();
    const { projects } = sim.seed.tree({ projects: 12, subgroups: 4 });
    const first = await runInstaller(sim);
    expect(first.status).toBe(0);
    expect(first.report).toMatchObject({ complete: true, level: "project", stoppedBy: null });
    expect(first.report.summary).toMatchObject({ projects: 12, created: 12, failed: 0, remaining: 0 });
    for (const project of projects) {
      expect(ours(project)).toHaveLength(1);
      expect(inside(sim, project)).toMatchObject({ url: RELAY_URL, token: SECRET, sslVerification: true });
    }
    const { run, writes } = await writesOf(sim, () => runInstaller(sim));
    expect(writes).toBe(0);
    expect(run.report.summary).toMatchObject({ unchanged: 12, created: 0, updated: 0 });
  });

  test("requests: ceil(N/100) + N with nothing to do, and N more to install all, at most five besides", async () => {
    const sim = await free();
    sim.seed.tree({ projects: 110, subgroups: 3, foreignHooks: 1 });
    expect((await runInstaller(sim)).report.requests.total).toBeLessThanOrEqual(2 * 110 + 2 + 5);
    const again = await runInstaller(sim);
    expect(again.report.requests.total).toBeLessThanOrEqual(110 + 2 + 5);
    expect(sim.counters.count("GET /projects/:id")).toBe(0);
  });

  test("finds its hook on the second page, and leaves the hooks of others as they are", async () => {
    const sim = await free({ hookLimits: { project: 200 } });
    const { projects } = sim.seed.tree({ projects: 2, foreignHooks: 120 });
    await runInstaller(sim);
    const before = JSON.stringify(projects.map((p) => p.hooks));
    const { run, writes } = await writesOf(sim, () => runInstaller(sim));
    expect([writes, run.report.summary.unchanged]).toEqual([0, 2]);
    expect(JSON.stringify(projects.map((p) => p.hooks))).toBe(before);
    expect(projects.map((p) => p.hooks.length)).toEqual([121, 121]);
  });

  test("only the events asked for, by whichever name", async () => {
    const sim = await free();
    const { projects } = sim.seed.tree({ projects: 1 });
    const events = ["--events", '["push", "merge_request", "issues_events"]'];
    await runInstaller(sim, { args: events });
    const wanted = ["push_events", "issues_events", "merge_requests_events"];
    expect(inside(sim, projects[0] as Project)["flags"]).toEqual(wanted);
    sim.change(ours(projects[0] as Project)[0] as Hook, { flags: ["push_events", "job_events"] });
    const { run } = await writesOf(sim, () => runInstaller(sim, { args: events }));
    expect(run.report.results[0]?.changes.map((c) => c.attribute)).toEqual([
      "issues_events",
      "merge_requests_events",
      "job_events",
    ]);
    expect(inside(sim, projects[0] as Project)["flags"]).toEqual(wanted);
  });

  test.each(["15.11.0", "17.0.0", "17.6.0", "18.4.0", "19.0.0"])(
    "on GitLab %s a second run writes nothing",
    async (version) => {
      const sim = await free({ version });
      sim.seed.tree({ projects: 3 });
      const env = {
        GITLAB_WEBHOOK_SIGNING_TOKEN: SIGNING,
        HOOKS_PUSH_EVENTS_BRANCH_FILTER: "main",
        HOOKS_CUSTOM_HEADERS: "X-Team: platform-4711",
      };
      expect((await runInstaller(sim, { env })).status).toBe(0);
      const { run, writes } = await writesOf(sim, () => runInstaller(sim, { env }));
      expect([run.status, writes]).toEqual([0, 0]);
      const newer = Number(version.slice(0, 2)) >= 19;
      expect(run.stdout.includes("did not keep the signing token")).toBe(!newer);
      expect(run.stdout.includes("keeps no descriptions")).toBe(["15.11.0", "17.0.0"].includes(version));
    },
  );

  test("drift on any shown attribute is found, told and cured by one PUT", async () => {
    const sim = await free();
    const { projects } = sim.seed.tree({ projects: 3 });
    const env = { HOOKS_PUSH_EVENTS_BRANCH_FILTER: "release/*" };
    await runInstaller(sim, { env });
    const [a, b, c] = projects.map((p) => ours(p)[0] as Hook) as [Hook, Hook, Hook];
    sim.change(a, { sslVerification: false });
    sim.change(b, { name: "renamed", token: null });
    c.branchFilter = "main";
    c.template = '{"text": "{{ref}}"}';
    const { run, writes } = await writesOf(sim, () => runInstaller(sim, { env }));
    expect(writes).toBe(3);
    expect(run.report.results.map((r) => r.changes.map((x) => x.attribute))).toEqual([
      ["enable_ssl_verification"],
      ["name", "token_present"],
      ["push_events_branch_filter", "custom_webhook_template"],
    ]);
    expect(c.template ?? "").toBe("");
    expect(c.branchFilter).toBe("release/*");
    expect(inside(sim, projects[1] as Project)).toMatchObject({ token: SECRET, name: "gitlab-hook-relay" });
    expect((await writesOf(sim, () => runInstaller(sim, { env }))).writes).toBe(0);
  });

  test("a rotated secret reaches every hook with one PUT each, then none", async () => {
    const sim = await free();
    const { projects } = sim.seed.tree({ projects: 4 });
    await runInstaller(sim);
    const env = { GITLAB_WEBHOOK_SECRET: `rotated-to-this-one,${SECRET}` };
    const { run, writes } = await writesOf(sim, () => runInstaller(sim, { env }));
    expect(writes).toBe(4);
    expect(sim.counters.count("PUT /projects/:id/hooks/:hook_id")).toBe(4);
    expect(run.report.results.every((r) => r.changes.map((c) => c.attribute).join() === "secrets")).toBe(
      true,
    );
    for (const project of projects) expect(inside(sim, project)["token"]).toBe("rotated-to-this-one");
    expect((await writesOf(sim, () => runInstaller(sim, { env }))).writes).toBe(0);
  });

  test("a master secret gives each hook its own address, secret and signing token", async () => {
    const sim = await free();
    const { projects } = sim.seed.tree({ projects: 2 });
    await runInstaller(sim, { env: { GITLAB_WEBHOOK_MASTER_SECRET: "first-master" } });
    const host = new URL(sim.url).host;
    for (const project of projects) {
      const key = `p${project.id}`;
      expect(inside(sim, project)).toMatchObject({
        url: `${RELAY_URL}/${key}`,
        token: deriveSecretToken("first-master", host, key),
        signingToken: deriveSigningToken("first-master", host, key),
      });
    }
    const env = { GITLAB_WEBHOOK_MASTER_SECRET: "second-master,first-master" };
    const { writes } = await writesOf(sim, () => runInstaller(sim, { env }));
    expect(writes).toBe(2);
    expect(inside(sim, projects[0] as Project)["token"]).toBe(
      deriveSecretToken("second-master", host, `p${projects[0]?.id}`),
    );
  });

  test("from a shared secret to a master and back: the same hook, never two", async () => {
    const sim = await free();
    const { projects } = sim.seed.tree({ projects: 1 });
    const project = projects[0] as Project;
    await runInstaller(sim);
    await runInstaller(sim, { env: { GITLAB_WEBHOOK_MASTER_SECRET: "first-master" } });
    expect(project.hooks.map((h) => h.url)).toEqual([`${RELAY_URL}/p${project.id}`]);
    await runInstaller(sim);
    expect(project.hooks.map((h) => [h.url, h.token])).toEqual([[RELAY_URL, SECRET]]);
  });

  test("a changed address sends the token again, and the headers after it", async () => {
    const sim = await free();
    const { projects } = sim.seed.tree({ projects: 1 });
    const env = { HOOKS_CUSTOM_HEADERS: "X-Team: platform-4711" };
    await runInstaller(sim, { env });
    const moved = { ...env, HOOKS_URL: "https://new.acme.dev/webhooks/gitlab" };
    const { run, writes } = await writesOf(sim, () => runInstaller(sim, { env: moved }));
    expect(writes).toBe(2);
    expect(run.report.results[0]?.changes[0]).toEqual({
      attribute: "url",
      from: RELAY_URL,
      to: "https://new.acme.dev/webhooks/gitlab",
    });
    const hook = projects[0]?.hooks[0] as Hook;
    expect(sim.inspect(hook)).toMatchObject({
      url: "https://new.acme.dev/webhooks/gitlab",
      token: SECRET,
      customHeaders: { "X-Team": "platform-4711" },
    });
    expect((await writesOf(sim, () => runInstaller(sim, { env: moved }))).writes).toBe(0);
  });

  test("an address change that is interrupted before the headers is finished by the next run", async () => {
    const sim = await free();
    const { projects } = sim.seed.tree({ projects: 1 });
    const env = {
      HOOKS_CUSTOM_HEADERS: "X-Team: platform-4711",
      HOOKS_URL: "https://new.acme.dev/webhooks/gitlab",
    };
    await runInstaller(sim, { env: { HOOKS_CUSTOM_HEADERS: "X-Team: platform-4711" } });
    const route = "/projects/:id/hooks/:hook_id";
    sim.faults.add({ method: "PUT", route, skip: 1, times: 4, action: { kind: "status", status: 500 } });
    expect((await runInstaller(sim, { env })).status).toBe(1);
    const hook = projects[0]?.hooks[0] as Hook;
    expect(sim.inspect(hook)).toMatchObject({ token: SECRET, customHeaders: {} });
    await runInstaller(sim, { env });
    expect(sim.inspect(hook)).toMatchObject({ token: SECRET, customHeaders: { "X-Team": "platform-4711" } });
  });

  test("headers that are no longer wanted are removed by name, since GitLab merges", async () => {
    const sim = await free();
    const { projects } = sim.seed.tree({ projects: 1 });
    await runInstaller(sim, { env: { HOOKS_CUSTOM_HEADERS: "X-Team: one-4711, X-Old: two-4711" } });
    const env = { HOOKS_CUSTOM_HEADERS: "X-Team: three-4711" };
    await runInstaller(sim, { env });
    expect(inside(sim, projects[0] as Project)["customHeaders"]).toEqual({ "X-Team": "three-4711" });
    expect((await writesOf(sim, () => runInstaller(sim, { env }))).writes).toBe(0);
  });

  test("a hook that somebody made by hand for the relay is adopted, with its secret and description", async () => {
    const sim = await free();
    const { projects } = sim.seed.tree({ projects: 1 });
    const project = projects[0] as Project;
    const byHand = sim.model.addHook(project, `${RELAY_URL}/`);
    sim.change(byHand, { description: "Ask #platform", customHeaders: { "X-Left": "over" } });
    const { report } = await runInstaller(sim);
    expect(report.results[0]).toMatchObject({ action: "update", hookId: byHand.id });
    expect(project.hooks).toHaveLength(1);
    expect(sim.inspect(byHand)).toMatchObject({ url: RELAY_URL, token: SECRET, customHeaders: {} });
    expect(byHand.description).toMatch(/^Ask #platform \| gitlab-hook-relay fp=[0-9a-f]{16}$/);
  });

  test("duplicates go, the oldest healthy one stays", async () => {
    const sim = await free({ autoDisable: true });
    const { projects } = sim.seed.tree({ projects: 1, foreignHooks: 2 });
    const project = projects[0] as Project;
    await runInstaller(sim);
    const right = ours(project)[0] as Hook;
    sim.model.addHook(project, RELAY_URL);
    sim.model.addHook(project, `${RELAY_URL}/p${project.id}`);
    const kept = await runInstaller(sim, { args: ["--no-prune-duplicates"] });
    expect(kept.report.results[0]).toMatchObject({
      action: "none",
      reason: expect.stringContaining("2 more of our hooks"),
    });
    const { report } = await runInstaller(sim);
    expect(report.results[0]).toMatchObject({ action: "remove", hookId: right.id });
    expect(report.summary.removed).toBe(1);
    expect(project.hooks.map((h) => h.id)).toContain(right.id);
    expect([ours(project).length, project.hooks.length]).toEqual([1, 3]);
  });

  test("without any secret new hooks carry none, present secrets stay, and the report says so", async () => {
    const sim = await free();
    const { group, projects } = sim.seed.tree({ projects: 1 });
    await runInstaller(sim);
    const fresh = sim.seed.project(group, "fresh");
    const run = await runInstaller(sim, { env: { GITLAB_WEBHOOK_SECRET: "" } });
    expect(run.report.summary).toMatchObject({ unchanged: 1, created: 1, updated: 0 });
    expect(inside(sim, projects[0] as Project)["token"]).toBe(SECRET);
    expect(inside(sim, fresh)["token"]).toBeNull();
    expect(run.stdout).toContain("no secret is set");
  });
});

describe("which projects", () => {
  test("archived, shared, deletion-scheduled and low-access projects are left out and counted by name", async () => {
    const sim = await free();
    const { group } = sim.seed.tree({ projects: 3 });
    const user = sim.model.addUser({ username: "bot" });
    const token = sim.model.addToken({ value: "glpat-simulator-bot", user });
    sim.model.setGroupRole(user, group, 40);
    const other = sim.seed.group("other");
    sim.seed.project(group, "archived", { archived: true });
    sim.seed.project(group, "dying", { markedForDeletionOn: "2026-01-20" });
    const shared = sim.seed.project(other, "shared");
    sim.model.shareProject(shared, group, 40);
    const run = await runInstaller({ url: sim.url, token }, { args: ["--level=project"] });
    expect(run.report.summary).toMatchObject({ projects: 6, created: 3, skipped: 3 });
    const skipped = run.report.results.filter((r) => r.action === "skip");
    expect(Object.fromEntries(skipped.map((r) => [r.path, r.reason]))).toEqual({
      "acme/archived": "archived",
      "acme/dying": "scheduled for deletion",
      "other/shared": "shared into the group",
    });
    for (const path of ["acme/archived", "acme/dying", "other/shared"]) {
      expect(sim.model.project(path)?.project.hooks).toEqual([]);
    }
  });

  test("projects below the Maintainer role are left out", async () => {
    const sim = await free();
    const { group, projects } = sim.seed.tree({ projects: 2 });
    const user = sim.model.addUser({ username: "bot" });
    const token = sim.model.addToken({ value: "glpat-simulator-bot", user });
    sim.model.setGroupRole(user, group, 30);
    sim.model.setProjectRole(user, projects[0] as Project, 40);
    const run = await runInstaller({ url: sim.url, token }, { args: ["--level=project"] });
    expect(run.report.results.map((r) => [r.path, r.action, r.reason])).toEqual([
      ["acme/project-1", "create", null],
      ["acme/project-2", "skip", "below the Maintainer role"],
    ]);
  });

  test("more than a page of left-out projects is counted, in at most seven requests besides", async () => {
    const sim = await free();
    const { group, projects } = sim.seed.tree({ projects: 120 });
    for (const project of projects.slice(0, 110)) sim.model.updateProject(project, { archived: true });
    sim.seed.project(group, "dying", { markedForDeletionOn: "2026-01-20" });
    const run = await runInstaller(sim);
    expect(run.report.summary).toMatchObject({ created: 10, skipped: 101 });
    expect(run.stdout).toContain("10 more projects of the group were left out");
    expect(run.report.requests.total).toBeLessThanOrEqual(2 * 10 + 1 + 7);
  });

  test("include, exclude, topics and visibility choose", async () => {
    const sim = await free();
    const group = sim.seed.group("acme");
    const team = sim.seed.group("team", { parent: group });
    sim.seed.project(team, "app", { topics: ["service"] });
    sim.seed.project(team, "lib");
    sim.seed.project(team, "old", { topics: ["service"] });
    sim.seed.project(group, "open", { visibility: "public", topics: ["service"] });
    const chosen = async (args: readonly string[]): Promise<string[]> => {
      const { report } = await runInstaller(sim, { args: [...args, "--dry-run"] });
      return report.results.filter((r) => r.action === "create").map((r) => r.path);
    };
    expect(await chosen(["--include", "acme/team/**", "--exclude", "**/old"])).toEqual([
      "acme/team/app",
      "acme/team/lib",
    ]);
    expect(await chosen(["--topics", "service", "--include", "team/*"])).toEqual([
      "acme/team/app",
      "acme/team/old",
    ]);
    expect(await chosen(["--visibility", "public"])).toEqual(["acme/open"]);
  });
});

describe("install --dry-run", () => {
  test("shows the plan and changes nothing; --fail-on-drift makes drift exit status 3", async () => {
    const sim = await free();
    const { projects } = sim.seed.tree({ projects: 3 });
    await runInstaller(sim);
    sim.change(ours(projects[0] as Project)[0] as Hook, { sslVerification: false });
    (projects[1] as Project).hooks = [];
    const files = new Map<string, string>();
    const args = ["--dry-run", "--fail-on-drift", "--state-file", "state.json"];
    const { run, writes } = await writesOf(sim, () => runInstaller(sim, { args, files }));
    expect([run.status, writes]).toEqual([3, 0]);
    expect(actions(run)).toEqual(["update", "create", "none"]);
    expect(run.report.results[1]?.hookId).toBeNull();
    expect((await runInstaller(sim, { args: ["--dry-run"] })).status).toBe(0);
    await runInstaller(sim);
    expect((await runInstaller(sim, { args })).status).toBe(0);
  });
});

describe("uninstall", () => {
  test("removes our hooks from both levels and leaves the others", async () => {
    const sim = await openSimulator();
    const { group, projects } = sim.seed.tree({ projects: 3, foreignHooks: 2 });
    await runInstaller(sim, { args: ["--level", "project"] });
    sim.model.addHook(group, RELAY_URL);
    sim.seed.foreignHook(group);
    const plan = await runInstaller(sim, { command: "uninstall", args: ["--dry-run"] });
    expect(plan.report.summary.removed).toBe(4);
    expect(group.hooks).toHaveLength(2);
    const run = await runInstaller(sim, { command: "uninstall" });
    expect(run.report.summary).toMatchObject({ removed: 4, failed: 0 });
    expect(group.hooks.map((h) => h.url)).toEqual(["https://other-0.example.com/hook"]);
    expect(projects.map((p) => p.hooks.length)).toEqual([2, 2, 2]);
    expect((await runInstaller(sim, { command: "uninstall" })).report.summary).toMatchObject({
      removed: 0,
      unchanged: 3,
    });
  });

  test("without --url ours are known by their marker", async () => {
    const sim = await free();
    const { projects } = sim.seed.tree({ projects: 1, foreignHooks: 1 });
    await runInstaller(sim);
    const run = await runInstaller(sim, { command: "uninstall", env: { HOOKS_URL: "" } });
    expect(run.report.summary.removed).toBe(1);
    expect(projects[0]?.hooks).toHaveLength(1);
  });
});
