/** Every row of the table of exit statuses in docs/installer.md, by a run of the whole program; a row without a run fails. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { RELAY_URL, runInstaller, type InstallerOptions } from "../helpers/installer.ts";
import { openSimulator } from "../helpers/open-simulator.ts";
import type { SimulatorOptions } from "../simulator/options.ts";
import type { Simulator } from "../simulator/simulator.ts";

async function stage(projects: number, options: SimulatorOptions = {}): Promise<Simulator> {
  const sim = await openSimulator({ tier: "free", ...options });
  sim.seed.tree({ projects });
  return sim;
}

/** Runs the program and answers its status; what it said has to contain the words. */
async function run(sim: Simulator, words: string, options: InstallerOptions = {}): Promise<number> {
  const { status, stdout, stderr } = await runInstaller(sim, options);
  expect(stdout + stderr).toContain(words);
  return status;
}

const page = readFileSync(new URL("../../docs/installer.md", import.meta.url), "utf8");
const rows = [...page.matchAll(/^\| (0|1|2|3|75) \| (.+) \|$/gm)].map(
  ([, status, when]) => [String(when), Number(status)] as const,
);

const RUNS: Readonly<Record<string, () => Promise<number>>> = {
  "The run is done and nothing failed.": async () => run(await stage(2), "run complete"),

  "A project failed; the report names it.": async () => {
    const sim = await stage(2);
    sim.model.updateProject(sim.model.project(2)!.project, { forbidden: true });
    return run(sim, "! fail acme/project-2");
  },

  "GitLab does not answer.": async () => {
    const sim = await stage(2);
    sim.faults.add({ times: "always", action: { kind: "reset" } });
    return run(sim, "no connection to");
  },

  "The group lists no project, or every project was skipped.": async () => {
    expect(await run(await stage(0), "no project is listed in acme")).toBe(1);
    return run(await stage(2), "every project was left out", { args: ["--topics", "none-has-it"] });
  },

  "The run cannot tell whether the group has a hook of ours.": async () => {
    const sim = await stage(2, { tier: "premium" });
    sim.model.setGroupRole(sim.owner, sim.model.group("acme")!, 40);
    return run(sim, "it cannot be told whether the group has a hook of ours");
  },

  "Another job takes the same hooks to another relay.": async () => {
    const sim = await stage(2);
    for (const url of [RELAY_URL, "https://other.acme.dev/in"])
      expect((await runInstaller(sim, { env: { HOOKS_URL: url } })).status).toBe(0);
    return run(sim, "had been taken to another one since");
  },

  "An option or a variable is wrong, or unknown.": async () => {
    const sim = await stage(1);
    expect(await run(sim, "--levle: unknown option", { args: ["--levle", "group"] })).toBe(2);
    expect(await run(sim, "--level (HOOKS_LEVEL)", { env: { HOOKS_LEVEL: "planet" } })).toBe(2);
    expect(await run(sim, "did you mean HOOKS_EXCLUDE?", { env: { HOOKS_EXCLUDES: "acme/**" } })).toBe(2);
    expect(sim.counters.total).toBe(0);
    return 2;
  },

  "GitLab refuses the token, or the token does not see the group.": async () => {
    const sim = await stage(1);
    expect(await run(sim, "(401)", { env: { HOOKS_GITLAB_TOKEN: "glpat-expired" } })).toBe(2);
    return run(sim, "no group other for this token", { env: { HOOKS_GROUP: "other" } });
  },

  "A secret is missing that hooks would lose.": async () => {
    const sim = await stage(2);
    await runInstaller(sim);
    sim.counters.reset();
    const env = { HOOKS_URL: "https://new.acme.dev/in", GITLAB_WEBHOOK_SECRET: "" };
    expect(await run(sim, "GITLAB_WEBHOOK_SECRET is not set in this run", { env })).toBe(2);
    return sim.counters.writes === 0 ? 2 : Number.NaN;
  },

  "The reports cannot be written.": async () => {
    const sim = await stage(1);
    const files = new (class extends Map<string, string> {
      override set(): this {
        throw Object.assign(new Error("EROFS: read-only file system"), { code: "EROFS" });
      }
    })();
    return run(sim, "--report-dir (HOOKS_REPORT_DIR): EROFS", { files });
  },

  "A dry run with `--fail-on-drift` found drift.": async () =>
    run(await stage(2), "2", { args: ["--dry-run", "--fail-on-drift"] }),

  "A limit stopped the run: requests, time, or GitLab's rate limit. The next run continues there.":
    async () => {
      const words = "run stopped early";
      expect(await run(await stage(4), words, { args: ["--max-requests", "3"] })).toBe(75);
      expect(await run(await stage(4, { latencyMs: 5 }), words, { args: ["--time-limit", "0.01"] })).toBe(75);
      return run(await stage(40, { budget: { requests: 20 } }), words, { args: ["--time-limit", "20"] });
    },

  "Something in front of GitLab blocks this address.": async () =>
    run(await stage(2, { blockedBy: "waf" }), "blocks this address"),
};

test("every row of the table has a run here, and every run a row", () => {
  expect(Object.keys(RUNS).sort()).toEqual(rows.map(([when]) => when).sort());
});

test.each(rows)("%s Status %i", async (when, status) => {
  const produce = RUNS[when];
  expect(await produce?.()).toBe(status);
});
