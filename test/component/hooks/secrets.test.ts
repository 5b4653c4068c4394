/** What GitLab wipes with a hook's address is only touched by a run that holds what it must write back. */
import { describe, expect, test } from "vitest";
import { RELAY_URL, SECRET, runInstaller, type InstallerRun } from "../../helpers/installer.ts";
import { openSimulator } from "../../helpers/open-simulator.ts";
import type { Hook } from "../../simulator/hook.ts";
import type { Group, Project } from "../../simulator/model.ts";
import type { SimulatorOptions } from "../../simulator/options.ts";
import type { Simulator } from "../../simulator/simulator.ts";

const NONE = { GITLAB_WEBHOOK_SECRET: "" };
const MASTER = { ...NONE, GITLAB_WEBHOOK_MASTER_SECRET: "a-master-secret-for-tests" };
const SIGNING = { ...NONE, GITLAB_WEBHOOK_SIGNING_TOKEN: `whsec_${Buffer.alloc(32, 7).toString("base64")}` };
const MOVED = "https://new.acme.dev/webhooks/gitlab";

async function stage(
  options: SimulatorOptions = {},
  projects = 4,
): Promise<{ sim: Simulator; group: Group; projects: Project[] }> {
  const sim = await openSimulator({ tier: "free", ...options });
  return { sim, ...sim.seed.tree({ projects, subgroups: 1, foreignHooks: 1 }) };
}

/** Every hook with all that is hidden in it. */
function hidden(sim: Simulator, places: readonly (Group | Project)[]): unknown {
  return places.map((place) =>
    place.hooks.map((hook: Hook) => {
      const { url, token, signingToken, customHeaders } = sim.inspect(hook);
      return { url, token, signingToken, customHeaders };
    }),
  );
}

async function untouched(
  sim: Simulator,
  places: readonly (Group | Project)[],
  run: () => Promise<InstallerRun>,
): Promise<InstallerRun> {
  const before = hidden(sim, places);
  sim.counters.reset();
  const done = await run();
  expect(hidden(sim, places)).toEqual(before);
  expect(sim.counters.writes).toBe(0);
  return done;
}

describe("a run without the secret that hooks have", () => {
  test.each(["19.0.0", "17.6.0"])(
    "on GitLab %s: the master secret is missing: status 2 before the first write, with the variable and the number",
    async (version) => {
      const { sim, group, projects } = await stage({ version });
      await runInstaller(sim, { env: MASTER });
      const fresh = sim.seed.project(group, "a-new-one");
      const run = await untouched(sim, [...projects, fresh], () => runInstaller(sim, { env: NONE }));
      expect([run.status, run.report.complete]).toEqual([2, false]);
      expect(run.stdout).toContain("GITLAB_WEBHOOK_MASTER_SECRET is not set in this run, and 4 hooks carry");
      expect(run.report.summary.failed).toBe(4);
    },
  );

  test.each(["19.0.0", "17.6.0"])(
    "on GitLab %s: the shared secret is missing and the address changes: nothing is written",
    async (version) => {
      const { sim, projects } = await stage({ version });
      await runInstaller(sim);
      const env = { ...NONE, HOOKS_URL: MOVED };
      const run = await untouched(sim, projects, () => runInstaller(sim, { env }));
      expect(run.status).toBe(2);
      expect(run.stdout).toContain("GITLAB_WEBHOOK_SECRET is not set in this run");
      expect((await runInstaller(sim, { env: { HOOKS_URL: MOVED } })).status).toBe(0);
      for (const project of projects)
        expect(sim.inspect(project.hooks.at(-1) as Hook)).toMatchObject({ url: MOVED, token: SECRET });
    },
  );

  test("a signing token in hand does not save the secret token", async () => {
    const { sim, projects } = await stage();
    await runInstaller(sim);
    const env = { ...SIGNING, HOOKS_URL: MOVED };
    expect((await untouched(sim, projects, () => runInstaller(sim, { env }))).status).toBe(2);
  });

  test("the hook that would be hurt is the last of three chunks, and the survey is resumed", async () => {
    const { sim, projects } = await stage({}, 9);
    await runInstaller(sim, { env: NONE });
    const last = projects.at(-1)?.hooks.at(-1) as Hook;
    await runInstaller(sim, { args: ["--include", "**/project-9"] });
    expect(sim.inspect(last)["token"]).toBe(SECRET);
    const files = new Map<string, string>();
    const args = ["--chunk-size", "3", "--concurrency", "1", "--state-file", "state.json"];
    const env = { ...NONE, HOOKS_URL: MOVED };
    const limit = ["--max-requests", "6"];
    const statuses: number[] = [];
    sim.counters.reset();
    while (statuses.at(-1) !== 2 && statuses.length < 6) {
      statuses.push((await runInstaller(sim, { env, files, args: [...args, ...limit] })).status);
    }
    expect(statuses.at(-1)).toBe(2);
    expect(statuses.slice(0, -1).every((status) => status === 75)).toBe(true);
    expect(sim.counters.writes).toBe(0);
  });

  test("where no hook is hurt, the survey is followed by the writes, over several runs if need be", async () => {
    const { sim, projects } = await stage({}, 6);
    const files = new Map<string, string>();
    const args = ["--state-file", "state.json", "--max-requests", "8"];
    const statuses: number[] = [];
    while (statuses.at(-1) !== 0 && statuses.length < 8) {
      statuses.push((await runInstaller(sim, { env: NONE, files, args })).status);
    }
    expect(statuses.at(-1)).toBe(0);
    expect(projects.map((p) => p.hooks.length)).toEqual([2, 2, 2, 2, 2, 2]);
  });

  test("a change that wipes nothing is made, and what is hidden stays, mark included", async () => {
    const { sim, projects } = await stage({ version: "17.6.0" }, 1);
    await runInstaller(sim);
    const hook = projects[0]?.hooks.at(-1) as Hook;
    const mark = hook.description;
    const run = await runInstaller(sim, { env: { ...NONE, HOOKS_EVENTS: "push" } });
    expect([run.status, run.report.summary.updated]).toEqual([0, 1]);
    expect(sim.inspect(hook)).toMatchObject({ token: SECRET, flags: ["push_events"] });
    expect(hook.description).toBe(mark);
  });

  test("an adopted hook is not called one without a secret", async () => {
    const { sim, projects } = await stage({ version: "17.6.0" }, 1);
    const project = projects[0] as Project;
    const byHand = sim.model.addHook(project, RELAY_URL);
    sim.change(byHand, { token: "by-hand" });
    await runInstaller(sim, { env: NONE });
    expect(byHand.description).toContain("gitlab-hook-relay fp=");
    const env = { ...NONE, HOOKS_URL: MOVED };
    expect((await untouched(sim, projects, () => runInstaller(sim, { env }))).status).toBe(2);
  });

  test("a form of the address that costs a secret waits: a slash at the end stays", async () => {
    const { sim, projects } = await stage({}, 1);
    const project = projects[0] as Project;
    const byHand = sim.model.addHook(project, `${RELAY_URL}/`);
    sim.change(byHand, { token: "by-hand" });
    expect((await runInstaller(sim, { env: NONE })).status).toBe(0);
    expect(sim.inspect(byHand)).toMatchObject({ url: `${RELAY_URL}/`, token: "by-hand" });
  });

  test("a hook that cannot be woken is not made anew without its secret", async () => {
    const { sim, projects } = await stage({ autoDisable: true }, 1);
    await runInstaller(sim);
    sim.model.updateProject(projects[0] as Project, { content: new Set() });
    const hook = projects[0]?.hooks.at(-1) as Hook;
    sim.change(hook, { recentFailures: 40, disabledUntil: Date.now() + 3_600_000 });
    sim.settings.version = [16, 0];
    await runInstaller(sim, { env: NONE });
    expect(projects[0]?.hooks.map((h) => h.id)).toContain(hook.id);
    expect(sim.inspect(hook)["token"]).toBe(SECRET);
  });
});

describe("custom headers", () => {
  const HEADERS = { HOOKS_CUSTOM_HEADERS: "X-Team: platform-4711" };

  test("without HOOKS_CUSTOM_HEADERS the address stays and the run ends with 2; a new secret is written all the same", async () => {
    const { sim, projects } = await stage();
    await runInstaller(sim, { env: HEADERS });
    const run = await untouched(sim, projects, () => runInstaller(sim, { env: { HOOKS_URL: MOVED } }));
    expect(run.status).toBe(2);
    expect(run.stdout).toContain("HOOKS_CUSTOM_HEADERS is not set");
    await runInstaller(sim, { env: { GITLAB_WEBHOOK_SECRET: "rotated-to-this-one" } });
    for (const project of projects) {
      expect(sim.inspect(project.hooks.at(-1) as Hook)).toMatchObject({
        token: "rotated-to-this-one",
        customHeaders: { "X-Team": "platform-4711" },
      });
    }
  });

  test("one that somebody added by hand is not wiped with the address", async () => {
    const { sim, projects } = await stage({}, 1);
    await runInstaller(sim, { env: HEADERS });
    const hook = projects[0]?.hooks.at(-1) as Hook;
    sim.change(hook, { customHeaders: { "X-Team": "platform-4711", "X-Extra": "by-hand" } });
    const env = { ...HEADERS, HOOKS_URL: MOVED };
    expect((await untouched(sim, projects, () => runInstaller(sim, { env }))).status).toBe(2);
  });
});

describe("a plan without the secret", () => {
  test.each<[string, Record<string, string>, Record<string, string>]>([
    ["the master secret", MASTER, NONE],
    ["the shared secret", {}, NONE],
    ["the signing token", { ...SIGNING, GITLAB_WEBHOOK_SECRET: SECRET }, {}],
    ["the custom headers", { HOOKS_CUSTOM_HEADERS: "X-Team: platform-4711" }, {}],
  ])("%s: no false change, and it says what it could not compare", async (_, applied, planned) => {
    const { sim, projects } = await stage();
    await runInstaller(sim, { env: applied });
    const args = ["--dry-run", "--fail-on-drift"];
    const run = await untouched(sim, projects, () => runInstaller(sim, { args, env: planned }));
    expect(run.report.results.map((r) => [r.action, r.changes])).toEqual(projects.map(() => ["none", []]));
    expect(run.status).toBe(0);
    expect(run.stdout).toMatch(/not set in this run, although hooks carry what they hold: \w+ \(4 hooks\)/);
  });

  test("a real change is shown all the same", async () => {
    const { sim } = await stage();
    await runInstaller(sim);
    const args = ["--dry-run", "--fail-on-drift"];
    const run = await runInstaller(sim, { args, env: { ...NONE, HOOKS_URL: MOVED } });
    expect([run.status, run.report.summary.updated]).toEqual([3, 4]);
    expect(run.stdout).toContain("would end with status 2");
  });
});

describe("--remove-secrets", () => {
  test.each(["19.0.0", "17.6.0"])(
    "on GitLab %s takes tokens and headers away, and is done then",
    async (version) => {
      const { sim, projects } = await stage({ version }, 2);
      const env = {
        ...SIGNING,
        GITLAB_WEBHOOK_SECRET: SECRET,
        HOOKS_CUSTOM_HEADERS: "X-Team: platform-4711",
      };
      await runInstaller(sim, { env });
      const run = await runInstaller(sim, { env: NONE, args: ["--remove-secrets"] });
      expect([run.status, run.report.summary.updated]).toEqual([0, 2]);
      for (const project of projects) {
        expect(sim.inspect(project.hooks.at(-1) as Hook)).toMatchObject({
          token: "",
          signingToken: null,
          customHeaders: {},
        });
      }
      sim.counters.reset();
      await runInstaller(sim, { env: NONE, args: ["--remove-secrets"] });
      expect((await runInstaller(sim, { env: NONE })).status).toBe(0);
      expect(sim.counters.writes).toBe(0);
    },
  );

  test("lets the address change with nothing to write back", async () => {
    const { sim, projects } = await stage({}, 2);
    await runInstaller(sim, { env: MASTER });
    expect((await runInstaller(sim, { env: NONE, args: ["--remove-secrets"] })).status).toBe(0);
    for (const project of projects)
      expect(sim.inspect(project.hooks.at(-1) as Hook)).toMatchObject({ url: RELAY_URL, token: "" });
  });
});

describe("a change of the level without a secret", () => {
  test("to the group: the projects keep their hooks", async () => {
    const { sim, group, projects } = await stage();
    await runInstaller(sim);
    sim.settings.tier = "premium";
    const run = await untouched(sim, [group, ...projects], () => runInstaller(sim, { env: NONE }));
    expect([run.status, run.report.level]).toEqual([2, "group"]);
    expect(run.stdout).toContain("4 hooks carry");
  });

  test("to the projects: the group keeps its hook", async () => {
    const { sim, group, projects } = await stage({ tier: "premium" });
    await runInstaller(sim);
    const run = await untouched(sim, [group, ...projects], () =>
      runInstaller(sim, { env: NONE, args: ["--level", "project"] }),
    );
    expect(run.status).toBe(2);
    expect(run.stdout).toContain("1 hook carries");
  });

  test("on the group's hook itself", async () => {
    const { sim, group } = await stage({ tier: "premium" });
    await runInstaller(sim, { env: MASTER });
    expect((await untouched(sim, [group], () => runInstaller(sim, { env: NONE }))).status).toBe(2);
  });
});
