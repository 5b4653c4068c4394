/** One system hook of ours for a whole instance, beside the hooks of a group, and never in their way. */
import { describe, expect, test } from "vitest";
import { deriveSecretToken } from "../../../lib/secrets.ts";
import {
  RELAY_URL,
  runInstaller,
  SECRET,
  type InstallerOptions,
  type InstallerRun,
  ours,
} from "../../helpers/installer.ts";
import { openSimulator } from "../../helpers/open-simulator.ts";
import type { Hook } from "../../simulator/hook.ts";
import type { Group, Project, Token } from "../../simulator/model.ts";
import type { SimulatorOptions } from "../../simulator/options.ts";
import type { Simulator } from "../../simulator/simulator.ts";

const FOREIGN = "https://audit.example.com/hook";
const MASTER = {
  GITLAB_WEBHOOK_MASTER_SECRET: "a-master-secret-of-32-characters",
  GITLAB_WEBHOOK_SECRET: "",
};
const ALONE = { HOOKS_GROUP: "" };
const FOUR = ["push_events", "tag_push_events", "merge_requests_events", "repository_update_events"];

interface Stage {
  readonly sim: Simulator;
  readonly group: Group;
  readonly projects: Project[];
  readonly admin: Token;
  /** Runs the installer as the administrator, for the whole instance. */
  run(options?: InstallerOptions): Promise<InstallerRun>;
  system(): Record<string, unknown>[];
}

async function stage(options: SimulatorOptions = {}): Promise<Stage> {
  const sim = await openSimulator({ tier: "free", ...options });
  const user = sim.model.addUser({ username: "root", admin: true });
  const admin = sim.model.addToken({ value: "glpat-simulator-root", user });
  sim.model.addHook(null, FOREIGN);
  return {
    sim,
    admin,
    ...sim.seed.tree({ projects: 3 }),
    run: (more = {}) =>
      runInstaller(
        { url: sim.url, token: admin },
        { ...more, args: ["--level", "instance", ...(more.args ?? [])] },
      ),
    system: () =>
      sim.model.systemHooks.filter((hook) => hook.url !== FOREIGN).map((hook) => sim.inspect(hook)),
  };
}

describe("install --level instance", () => {
  test("without a group makes one system hook with its four flags, and then keeps it with one request", async () => {
    const at = await stage();
    const run = await at.run({ env: ALONE });
    expect([run.status, run.report.level, run.report.summary.created]).toEqual([0, "instance", 1]);
    expect(run.stdout + run.stderr).toContain("makes GitLab send them twice");
    expect(at.system()).toMatchObject([{ url: RELAY_URL, token: SECRET, flags: FOUR }]);
    expect(at.projects.flatMap(ours)).toEqual([]);
    at.sim.counters.reset();
    const again = await at.run({ env: ALONE });
    expect([again.status, at.sim.counters.total, at.sim.counters.writes]).toEqual([0, 1, 0]);
    expect(at.sim.model.systemHooks.some((hook) => hook.url === FOREIGN)).toBe(true);
  });

  test.each(["19.0.0", "16.11.0"])(
    "GitLab %s: what somebody changed is drift, and put right",
    async (version) => {
      const at = await stage({ version });
      await at.run({ env: ALONE });
      const hook = at.sim.model.systemHooks[1] as Hook;
      at.sim.change(hook, { flags: ["push_events"], sslVerification: false });
      const drift = await at.run({ env: ALONE, args: ["--dry-run", "--fail-on-drift"] });
      expect([drift.status, at.system()[0]?.["flags"]]).toEqual([3, ["push_events"]]);
      expect((await at.run({ env: ALONE })).status).toBe(0);
      expect(at.system()).toMatchObject([{ flags: FOUR, sslVerification: true, token: SECRET }]);
    },
  );

  test("with a master secret it has a key and secrets of its own", async () => {
    const at = await stage();
    await at.run({ env: { ...ALONE, ...MASTER } });
    const token = deriveSecretToken(MASTER.GITLAB_WEBHOOK_MASTER_SECRET, new URL(at.sim.url).host, "system");
    expect(at.system()).toMatchObject([{ url: `${RELAY_URL}/system`, token }]);
    at.sim.counters.reset();
    await at.run({ env: { ...ALONE, ...MASTER } });
    expect(at.sim.counters.writes).toBe(0);
  });

  test.each([
    ["the shared secret", {}, { HOOKS_URL: "https://new.acme.dev/in", GITLAB_WEBHOOK_SECRET: "" }],
    ["the master secret", MASTER, { GITLAB_WEBHOOK_SECRET: "", HOOKS_URL: "https://new.acme.dev/in" }],
  ])("a run without %s that would lose it ends with 2 and writes nothing", async (_, first, then) => {
    const at = await stage();
    await at.run({ env: { ...ALONE, ...first } });
    const before = at.system();
    const run = await at.run({ env: { ...ALONE, ...then } });
    expect([run.status, at.system()]).toEqual([2, before]);
    expect(run.stdout).toContain("is not set in this run");
  });

  test("a second one of ours is removed, and one at another relay is moved here", async () => {
    const at = await stage();
    await at.run({ env: ALONE });
    at.sim.model.addHook(null, RELAY_URL);
    await at.run({ env: { ...ALONE, HOOKS_URL: "https://new.acme.dev/in" } });
    expect(at.system().map((hook) => [hook["url"], hook["token"]])).toEqual([
      ["https://new.acme.dev/in", SECRET],
      [RELAY_URL, null],
    ]);
    await at.run({ env: ALONE });
    expect(at.system()).toMatchObject([{ url: RELAY_URL, token: SECRET }]);
  });

  test("a token that is no administrator's ends with 2 and says so, whatever the group", async () => {
    const at = await stage();
    const run = await runInstaller(at.sim, { args: ["--level", "instance"] });
    expect([run.status, at.system(), at.projects.flatMap(ours)]).toEqual([2, [], []]);
    expect(run.stdout).toContain("needs the token of an administrator");
  });

  test("a GitLab that cannot change system hooks says what to do, and keeps the hook", async () => {
    const at = await stage();
    await at.run({ env: ALONE });
    at.sim.change(at.sim.model.systemHooks[1] as Hook, { flags: [] });
    const action = {
      kind: "status",
      status: 405,
      body: '{"error":"405 Not Allowed"}',
      headers: { "Content-Type": "application/json" },
    } as const;
    at.sim.faults.add({ route: "PUT /hooks/:hook_id", times: "always", action });
    const run = await at.run({ env: ALONE });
    expect([run.status, at.system().length]).toEqual([1, 1]);
    expect(run.stdout).toContain("cannot change system hooks");
  });
});

describe("beside a group", () => {
  const sentTwice = (at: Stage): string[] => {
    const onInstance = new Set(at.system().flatMap((hook) => hook["flags"] as string[]));
    const flags = at.projects.flatMap(ours).flatMap((hook) => at.sim.inspect(hook)["flags"] as string[]);
    return flags.filter((flag) => onInstance.has(flag));
  };

  test("its hooks send the rest, and nothing comes twice", async () => {
    const at = await stage();
    const run = await at.run();
    expect([run.status, run.report.level, run.report.summary.created]).toEqual([0, "instance", 4]);
    expect(run.stdout).toContain("the hooks of acme leave out push, tag_push, merge_requests");
    const [hook] = at.projects.flatMap(ours);
    expect(at.sim.inspect(hook as Hook)["flags"]).toContain("pipeline_events");
    expect(sentTwice(at)).toEqual([]);
    expect((await at.run({ args: ["--dry-run", "--fail-on-drift"] })).status).toBe(0);
  });

  test("hooks that were there before drop what the system hook sends, after it is there", async () => {
    const at = await stage();
    await runInstaller(at.sim);
    at.sim.faults.add({ route: "POST /hooks", times: 8, action: { kind: "status", status: 500 } });
    const failed = await at.run();
    expect([failed.status, at.system().length, sentTwice(at)]).toEqual([1, 0, []]);
    expect(failed.stdout).toContain("stay as they are until the system hook is right");
    expect(at.sim.inspect(at.projects.flatMap(ours)[0] as Hook)["flags"]).toContain("push_events");
    at.sim.faults.clear();
    expect((await at.run()).report.summary).toMatchObject({ created: 1, updated: 3 });
    expect(sentTwice(at)).toEqual([]);
  });

  test("--system-events leaves pushes, with their commits, to the hooks of the group", async () => {
    const at = await stage();
    await at.run({ args: ["--system-events", "repository_update"] });
    expect(at.system()).toMatchObject([{ flags: ["repository_update_events"] }]);
    expect(at.sim.inspect(at.projects.flatMap(ours)[0] as Hook)["flags"]).toContain("push_events");
    expect(sentTwice(at)).toEqual([]);
  });

  test("a run at another level says that events may come twice", async () => {
    const at = await stage();
    await at.run();
    const run = await runInstaller(at.sim);
    expect(run.stdout).toContain("3 hooks had left pushes and merge requests to a system hook");
    expect((await runInstaller(at.sim)).stdout).not.toContain("system hook");
  });

  test("one hook on the group is left without the same events, too", async () => {
    const at = await stage({ tier: "premium" });
    expect((await at.run()).status).toBe(0);
    expect(ours(at.group).map((hook) => at.sim.inspect(hook)["flags"])).toEqual([
      expect.not.arrayContaining(FOUR.slice(0, 1)),
    ]);
  });

  test.each([
    [["--events", "push"], "would send nothing"],
    [["--system-events", "pipeline"], "system hooks have no choice of"],
  ])("%j is refused: %s", async (args, words) => {
    const at = await stage();
    const run = await at.run({ args });
    expect([run.status, at.sim.counters.writes]).toEqual([2, 0]);
    expect(run.stderr).toContain(words);
  });
});

describe("uninstall --level instance", () => {
  const command = "uninstall";

  test("removes the system hook of ours and no other, and leaves the group alone where none is named", async () => {
    const at = await stage();
    await at.run();
    const plan = await at.run({ command, env: ALONE, args: ["--dry-run"] });
    expect([plan.status, plan.report.summary.removed, at.system().length]).toEqual([0, 1, 1]);
    const run = await at.run({ command, env: ALONE });
    expect([run.status, run.report.summary.removed]).toEqual([0, 1]);
    expect([at.system(), at.sim.model.systemHooks.length, at.projects.flatMap(ours).length]).toEqual([
      [],
      1,
      3,
    ]);
  });

  test("with a group removes its hooks, too", async () => {
    const at = await stage();
    await at.run();
    expect((await at.run({ command })).status).toBe(0);
    expect([at.system(), at.projects.flatMap(ours)]).toEqual([[], []]);
  });

  test("at another level leaves the system hook alone", async () => {
    const at = await stage();
    await at.run();
    await runInstaller(at.sim, { command });
    expect(at.system()).toHaveLength(1);
  });
});
