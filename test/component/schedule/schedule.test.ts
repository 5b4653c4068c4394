import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Transport } from "../../../lib/gitlab/transport.ts";
import { runInstaller, transport, type InstallerRun } from "../../helpers/installer.ts";
import type { Project, Token } from "../../simulator/model.ts";
import { createSimulator, type Simulator } from "../../simulator/simulator.ts";

let sim: Simulator;
let project: Project;
beforeEach(async () => {
  sim = await createSimulator();
  project = sim.seed.project(sim.seed.group("acme"), "hooks");
});
afterEach(() => sim.close());

const COMMON = {
  "--project": "acme/hooks",
  "--ref": "main",
  "--cron": "5 4 * * *",
  "--cron-timezone": "Europe/Berlin",
};

/** With the common options, but for those that the test gives itself. */
function schedule(args: readonly string[] = [], token: Token = sim.token): Promise<InstallerRun> {
  const given = new Set(args.map((arg) => arg.split("=")[0]));
  const common = Object.entries(COMMON).filter(([name]) => !given.has(name));
  return runInstaller({ url: sim.url, token }, { command: "schedule", args: [...common.flat(), ...args] });
}

function member(level: number, scopes?: readonly string[]): Token {
  const user = sim.model.addUser({ username: `user-${level}` });
  sim.model.setProjectRole(user, project, level);
  return sim.model.addToken({ value: `glpat-${level}`, user, ...(scopes ? { scopes } : {}) });
}

describe("schedule", () => {
  const inputs = ["--inputs", "group=acme,dry_run=false,events=x", "--variables", "HOOKS_GROUP=acme"];

  test("creates the schedule with inputs and variables, and changes nothing the second time", async () => {
    const first = await schedule(inputs);
    expect(first.status).toBe(0);
    expect(project.schedules).toHaveLength(1);
    const made = project.schedules?.[0];
    expect(made).toMatchObject({
      cron: "5 4 * * *",
      cronTimezone: "Europe/Berlin",
      ref: "refs/heads/main",
      active: true,
    });
    expect(Object.fromEntries(made?.inputs ?? [])).toEqual({ group: "acme", dry_run: false, events: "x" });
    expect(made?.variables.get("HOOKS_GROUP")?.value).toBe("acme");
    sim.counters.reset();
    const second = await schedule(inputs);
    expect([second.status, sim.counters.writes]).toEqual([0, 0]);
    expect(second.stdout).toContain("is as wanted");
  });

  test("updates what differs, and leaves other schedules alone", async () => {
    await schedule(inputs);
    await schedule(["--description", "something else"]);
    const run = await schedule([
      "--no-active",
      "--cron",
      "0 6 * * *",
      "--inputs",
      "group=beta",
      "--variables",
      "HOOKS_GROUP=beta",
    ]);
    expect(run.stdout).toContain('cron: "5 4 * * *" -> "0 6 * * *"');
    expect(project.schedules?.map((s) => [s.description, s.cron, s.active])).toEqual([
      ["gitlab-hook-relay", "0 6 * * *", false],
      ["something else", "5 4 * * *", true],
    ]);
    expect(project.schedules?.[0]?.inputs.get("group")).toBe("beta");
    expect(project.schedules?.[0]?.variables.get("HOOKS_GROUP")?.value).toBe("beta");
  });

  test("a dry run changes nothing", async () => {
    expect((await schedule(["--dry-run"])).stdout).toContain("+ create schedule");
    expect(project.schedules ?? []).toEqual([]);
    await schedule();
    const run = await schedule(["--dry-run", "--ref", "release", "--variables", "A=1"]);
    expect(run.stdout).toContain('ref: "main" -> "release"');
    expect(project.schedules?.[0]?.ref).toBe("refs/heads/main");
  });

  test.each([["--cron=61 * * * *"], ["--cron-timezone=Mars/Olympus"]])(
    "GitLab judges %s: status 2",
    async (arg) => {
      const run = await schedule([arg]);
      expect(run.status).toBe(2);
      expect(run.stdout).toMatch(/^! POST .*400 .*invalid syntax.*check --ref, --cron/m);
      expect(project.schedules ?? []).toEqual([]);
    },
  );

  describe("a branch and a tag of one name", () => {
    /** The repository has these refs; everything else is the simulator's. */
    function withRefs(refs: readonly string[]): Transport {
      return (url, sent) => {
        const [, ref] = /\/repository\/((?:branches|tags)\/.+)$/.exec(url.pathname) ?? [];
        if (ref === undefined) return transport(url, sent);
        const status = refs.includes(ref) ? 200 : 404;
        const text = status === 200 ? "{}" : '{"message":"404 Not Found"}';
        return Promise.resolve({ status, headers: { "content-type": "application/json" }, text });
      };
    }

    async function refAfter(
      present: string,
      wanted: string,
      refs: readonly string[],
    ): Promise<[number, string | undefined]> {
      await schedule();
      const [saved] = project.schedules as { ref: string }[];
      saved!.ref = present;
      const common = Object.entries({ ...COMMON, "--ref": wanted }).flat();
      const run = await runInstaller(sim, { command: "schedule", args: common, transport: withRefs(refs) });
      return [run.status, project.schedules?.[0]?.ref];
    }

    test.each([
      ["refs/heads/v1", "refs/tags/v1", [], [0, "refs/tags/v1"]],
      ["refs/tags/v1", "refs/heads/v1", [], [0, "refs/heads/v1"]],
      ["refs/heads/v1", "v1", ["branches/v1"], [0, "refs/heads/v1"]],
      ["refs/heads/v1", "v1", ["tags/v1"], [0, "refs/tags/v1"]],
      ["refs/tags/v1", "v1", ["branches/v1"], [0, "refs/heads/v1"]],
      ["refs/tags/v1", "v1", ["tags/v1"], [0, "refs/tags/v1"]],
      ["refs/tags/v1", "v1", ["branches/v1", "tags/v1"], [2, "refs/tags/v1"]],
      ["refs/tags/v1", "v1", [], [0, "refs/tags/v1"]],
    ] as const)("on %s, wanted %s, the repository has %j: %j", async (present, wanted, refs, after) => {
      expect(await refAfter(present, wanted, refs)).toEqual(after);
    });
  });

  test("an older GitLab that keeps no inputs is told of", async () => {
    sim.settings.version = [16, 0];
    expect((await schedule(inputs)).stdout).toContain("GitLab did not keep the inputs");
  });

  test("two schedules of one description: the first is kept, the other is named", async () => {
    await schedule();
    const first = project.schedules?.[0];
    if (first) project.schedules?.push({ ...first, id: first.id + 1000 });
    expect((await schedule()).stdout).toContain(
      `schedule ${(first?.id ?? 0) + 1000} has the same description`,
    );
  });

  test.each([
    [10, "Reporter"],
    [20, "Developer role"],
  ])("with role %i it says which one lacks: %s", async (level, words) => {
    const run = await schedule([], member(level));
    expect([run.status, run.stdout.includes(words)]).toEqual([1, true]);
  });

  test("says who may change somebody else's schedule", async () => {
    await schedule();
    const run = await schedule(["--cron", "0 7 * * *"], member(30));
    expect([run.status, run.stdout]).toEqual([1, expect.stringContaining("take ownership")]);
  });

  test("says that the scope lacks, that the token is none, that the project is not seen", async () => {
    expect((await schedule([], member(40, ["read_api"]))).stdout).toContain("lacks the scope `api`");
    expect((await schedule([], { ...sim.token, value: "nothing" })).stdout).toContain(
      "job token reaches no schedules",
    );
    expect((await schedule(["--project", "acme/none"])).stdout).toContain("does not see the project");
  });
});
