import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import type { Transport } from "../../../lib/gitlab/transport.ts";
import { SECRET, runInstaller, transport, ours } from "../../helpers/installer.ts";
import type { FaultRule } from "../../simulator/faults.ts";
import type { Hook } from "../../simulator/hook.ts";
import type { Project } from "../../simulator/model.ts";
import type { SimulatorOptions } from "../../simulator/options.ts";
import { createSimulator, type Simulator } from "../../simulator/simulator.ts";

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function free(
  count: number,
  options: SimulatorOptions = {},
): Promise<{ sim: Simulator; projects: Project[] }> {
  const sim = await createSimulator({ tier: "free", ...options });
  closing.push(() => sim.close());
  return { sim, projects: sim.seed.tree({ projects: count }).projects };
}

const HOOKS = "/projects/:id/hooks";

function counts(projects: readonly Project[]): number[] {
  return projects.map((p) => ours(p).length);
}

describe("GitLab in trouble", () => {
  test.each<[string, FaultRule]>([
    ["500 on a list", { method: "GET", route: HOOKS, times: 2, action: { kind: "status", status: 500 } }],
    [
      "502 on a page of projects",
      { method: "GET", route: "/groups/:id/projects", action: { kind: "status", status: 502 } },
    ],
    ["a cut connection", { method: "GET", route: HOOKS, action: { kind: "reset" } }],
    [
      "500 on a POST that was not executed",
      { method: "POST", route: HOOKS, action: { kind: "status", status: 500 } },
    ],
    [
      "a POST whose answer is lost",
      { method: "POST", route: HOOKS, times: 2, action: { kind: "lose-answer" } },
    ],
    [
      "a POST executed and answered 502",
      { method: "POST", route: HOOKS, times: 2, action: { kind: "status-after", status: 502 } },
    ],
  ])("%s: exactly one hook each, nothing failed", async (_what, fault) => {
    const { sim, projects } = await free(3);
    sim.faults.add(fault);
    const run = await runInstaller(sim);
    expect([run.status, run.report.summary.created]).toEqual([0, 3]);
    expect(counts(projects)).toEqual([1, 1, 1]);
    expect(run.report.requests.total).toBe(sim.counters.total);
    sim.counters.reset();
    await runInstaller(sim);
    expect(sim.counters.writes).toBe(0);
  });

  test("what stays broken fails its project alone, and the next run cures it", async () => {
    const { sim, projects } = await free(3);
    const path = `/projects/${projects[1]?.id}/hooks`;
    sim.faults.add({ path, times: 4, action: { kind: "status", status: 503 } });
    const run = await runInstaller(sim);
    expect([run.status, run.report.complete]).toEqual([1, true]);
    expect(run.report.results.map((r) => r.action).sort()).toEqual(["create", "create", "fail"]);
    expect(run.report.results.find((r) => r.action === "fail")?.reason).toContain("the next run tries again");
    expect((await runInstaller(sim)).status).toBe(0);
    expect(counts(projects)).toEqual([1, 1, 1]);
  });

  test("a GitLab that is down ends the run with the reason, and a report", async () => {
    const { sim } = await free(1);
    await sim.close();
    const run = await runInstaller(sim);
    expect(run.status).toBe(1);
    expect(run.report).toMatchObject({
      complete: false,
      stoppedBy: null,
      summary: { projects: 0, remaining: null },
    });
    expect(run.stdout).toContain("no connection");
    expect(run.files.get("report/junit.xml")).toContain("<failure");
  });
});

describe("projects that change during the run", () => {
  test("a deleted one is a skip, a moved one gets its hook by its number", async () => {
    const { sim, projects } = await free(3);
    const other = sim.seed.group("other");
    let listed = false;
    const watching: Transport = async (url, sent) => {
      const answer = await transport(url, sent);
      if (!listed && url.pathname.endsWith("/groups/acme/projects")) {
        listed = true;
        sim.model.deleteProject(projects[0] as Project);
        sim.model.moveProject(projects[1] as Project, { group: other });
      }
      return answer;
    };
    const run = await runInstaller(sim, { transport: watching });
    expect(run.status).toBe(0);
    expect(run.report.results.map((r) => [r.projectId, r.action])).toEqual(
      expect.arrayContaining([
        [projects[0]?.id, "skip"],
        [projects[1]?.id, "create"],
        [projects[2]?.id, "create"],
      ]),
    );
    expect(ours(projects[1] as Project)).toHaveLength(1);
  });

  test("a hook that goes away between list and PUT is made anew", async () => {
    const { sim, projects } = await free(1);
    await runInstaller(sim);
    const project = projects[0] as Project;
    sim.change(project.hooks[0] as Hook, { sslVerification: false });
    const meddling: Transport = (url, sent) => {
      if (sent.method === "PUT") project.hooks = [];
      return transport(url, sent);
    };
    const run = await runInstaller(sim, { transport: meddling });
    expect(run.report.results[0]?.action).toBe("create");
    expect(counts(projects)).toEqual([1]);
  });

  test("two runs at once leave at most a duplicate, and the next run exactly one", async () => {
    const { sim, projects } = await free(6);
    await Promise.all([runInstaller(sim), runInstaller(sim)]);
    expect((await runInstaller(sim)).status).toBe(0);
    expect(counts(projects)).toEqual([1, 1, 1, 1, 1, 1]);
  });
});

describe("refusals", () => {
  test("a forbidden project fails with the role that lacks; the others are done", async () => {
    const { sim, projects } = await free(3);
    sim.model.updateProject(projects[1] as Project, { forbidden: true });
    const run = await runInstaller(sim);
    expect([run.status, run.report.summary.created, run.report.summary.failed]).toEqual([1, 2, 1]);
    const failed = run.report.results.find((r) => r.action === "fail");
    expect(failed?.path).toBe("acme/project-2");
    expect(failed?.reason).toMatch(/403.*Maintainer/);
  });

  test("an address that GitLab may not call is explained", async () => {
    const { sim } = await free(1, { outbound: { blockLocal: true } });
    const run = await runInstaller(sim, { env: { HOOKS_URL: "http://10.1.2.3/webhooks/gitlab" } });
    expect(run.status).toBe(1);
    expect(run.report.results[0]?.reason).toMatch(/Invalid url given.*outbound allowlist/);
  });

  test.each([
    ["an address", ["--url", "http://10.1.2.3/webhooks/gitlab"], /Invalid url given.*outbound allowlist/],
    ["a branch filter", ["--push-events-branch-filter", "~bad/"], /Invalid branch filter.*branch-filter/],
  ])(
    "%s that GitLab refuses is tried a few times, not in every project: exit 1 with the cure",
    async (_, args, text) => {
      const { sim } = await free(60, { outbound: { blockLocal: true } });
      const run = await runInstaller(sim, { args: [...args, "--concurrency", "4"] });
      expect([run.status, run.report.complete, run.report.summary.created]).toEqual([1, false, 0]);
      expect(run.stdout).toMatch(/GitLab would refuse every other hook as well/);
      expect(run.stdout).toMatch(text);
      expect(sim.counters.count("POST /projects/:id/hooks")).toBeLessThanOrEqual(4);
      expect(run.report.results.every(({ action }) => action === "fail")).toBe(true);
    },
  );

  test("the hook limit is explained", async () => {
    const { sim, projects } = await free(1, { hookLimits: { project: 2 } });
    for (const index of [0, 1]) sim.seed.foreignHook(projects[0] as Project, index);
    const run = await runInstaller(sim);
    expect(run.report.results[0]?.reason).toMatch(
      /Maximum number of project hooks \(2\) exceeded.*hook limit/,
    );
    expect(projects[0]?.hooks).toHaveLength(2);
  });

  test("a token that may only read is explained", async () => {
    const { sim, projects } = await free(1);
    const token = sim.model.addToken({ value: "glpat-read-only", user: sim.owner, scopes: ["read_api"] });
    const run = await runInstaller({ url: sim.url, token });
    expect(run.report.results[0]?.reason).toContain("the token lacks the scope `api`");
    expect(counts(projects)).toEqual([0]);
  });

  test("a refused token is bad configuration; a second one takes over", async () => {
    const { sim, projects } = await free(2);
    const wrong = await runInstaller(sim, { env: { HOOKS_GITLAB_TOKEN: "glpat-revoked" } });
    expect(wrong.status).toBe(2);
    expect(wrong.stdout).toContain("refused the token (401)");
    const both = await runInstaller(sim, { env: { HOOKS_GITLAB_TOKEN: `glpat-revoked,${sim.token.value}` } });
    expect(both.status).toBe(0);
    expect(counts(projects)).toEqual([1, 1]);
  });

  test("a group that the token does not see is bad configuration", async () => {
    const { sim } = await free(1);
    const run = await runInstaller(sim, { env: { HOOKS_GROUP: "nobody" } });
    expect([run.status, run.report.complete]).toEqual([2, false]);
    expect(run.stdout).toContain("no group nobody for this token");
    expect(run.stdout).not.toMatch(/licen|Premium|--level/i);
    expect(sim.counters.total).toBe(1);
  });

  test("a project that failed before the run was stopped is tried again at the end of the round", async () => {
    const { sim, projects } = await free(6);
    sim.model.updateProject(projects[0] as Project, { forbidden: true });
    const files = new Map<string, string>();
    const args = ["--state-file", "state.json", "--concurrency", "1"];
    const first = await runInstaller(sim, { args: [...args, "--max-requests", "6"], files });
    expect([first.status, first.report.summary.failed]).toEqual([75, 1]);
    const second = await runInstaller(sim, { args, files });
    expect([second.status, second.report.summary.failed]).toEqual([1, 1]);
    expect(second.report.results.at(-1)).toMatchObject({ path: "acme/project-1", action: "fail" });
    expect(counts(projects)).toEqual([0, 1, 1, 1, 1, 1]);
  });
});

describe("hooks that GitLab switched off", () => {
  async function receiver(status: number): Promise<{ url: string; calls: () => number }> {
    let calls = 0;
    const server = createServer((request, response) => {
      calls++;
      request.resume().on("end", () => response.writeHead(status).end("said the relay"));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    closing.push(() => new Promise((resolve) => server.close(resolve)));
    const { port } = server.address() as AddressInfo;
    return { url: `http://127.0.0.1:${port}/webhooks/gitlab`, calls: () => calls };
  }

  async function asleep(
    status: number,
    failures: number,
    more: SimulatorOptions & { readonly content?: readonly [] } = {},
  ): Promise<{
    sim: Simulator;
    project: Project;
    hook: Hook;
    env: Record<string, string>;
    calls: () => number;
  }> {
    const { content, ...options } = more;
    const { sim, projects } = await free(1, { autoDisable: true, ...options });
    const project = projects[0] as Project;
    if (content) sim.model.updateProject(project, { content: new Set(content) });
    const relay = await receiver(status);
    const env = { HOOKS_URL: relay.url };
    await runInstaller(sim, { env });
    const hook = project.hooks[0] as Hook;
    sim.change(hook, { recentFailures: failures, disabledUntil: Date.now() + 3_600_000 });
    return { sim, project, hook, env, calls: relay.calls };
  }

  test.each([
    [4, "temporarily_disabled"],
    [40, "disabled"],
  ])("after %i failures (%s) a test delivery wakes it", async (failures, status) => {
    const { sim, hook, env, calls } = await asleep(204, failures);
    const plan = await runInstaller(sim, { env, args: ["--dry-run"] });
    const change = { attribute: "alert_status", from: status, to: "executable" };
    expect(plan.report.results[0]).toMatchObject({ action: "update", changes: [change] });
    const run = await runInstaller(sim, { env });
    expect(run.report.results[0]).toMatchObject({ action: "update", hookId: hook.id, changes: [change] });
    expect(calls()).toBe(1);
    expect(sim.inspect(hook)["alertStatus"]).toBe("executable");
  });

  test("in an empty project of an old GitLab no test is possible, so it is recreated, the new one first", async () => {
    const { sim, project, hook, env } = await asleep(204, 40, { content: [], version: "16.11.0" });
    sim.counters.reset();
    const run = await runInstaller(sim, { env });
    const fresh = project.hooks[0] as Hook;
    expect(project.hooks).toHaveLength(1);
    expect(fresh.id).not.toBe(hook.id);
    expect(sim.inspect(fresh)).toMatchObject({ alertStatus: "executable", token: SECRET });
    expect(run.report.results[0]).toMatchObject({ action: "update", hookId: fresh.id });
    expect(run.report.results[0]?.reason).toContain("recreated");
    const writes = sim.counters.log.filter((r) => r.method !== "GET").map((r) => `${r.method} ${r.status}`);
    expect(writes).toEqual(["POST 422", "POST 201", "DELETE 204"]);
  });

  test("in an empty project GitLab tests with another project's push, which a hook's own key does not stand for: recreated", async () => {
    const { sim, projects } = await free(1, { autoDisable: true });
    const project = projects[0] as Project;
    sim.model.updateProject(project, { content: new Set([]) });
    const relay = await receiver(401);
    const env = { HOOKS_URL: relay.url, GITLAB_WEBHOOK_MASTER_SECRET: "a-master-secret" };
    await runInstaller(sim, { env });
    const hook = project.hooks[0] as Hook;
    sim.change(hook, { recentFailures: 40, disabledUntil: Date.now() + 3_600_000 });
    const run = await runInstaller(sim, { env });
    expect([run.status, run.report.results[0]?.action]).toEqual([0, "update"]);
    expect(project.hooks.map((h) => h.id)).not.toContain(hook.id);
    expect(project.hooks).toHaveLength(1);
  });

  test("where the relay does not answer with 2xx it stays asleep and the report says what to look at", async () => {
    const { sim, project, env } = await asleep(401, 40);
    const run = await runInstaller(sim, { env });
    expect([run.status, project.hooks.length]).toEqual([1, 1]);
    expect(run.report.results[0]?.reason).toMatch(/did not wake it: .*422.*the relay knows this secret/);
  });

  test("with --no-reenable it is only told", async () => {
    const { sim, env, calls } = await asleep(204, 40);
    const run = await runInstaller(sim, { env, args: ["--no-reenable"] });
    expect(run.report.results[0]).toMatchObject({
      action: "none",
      reason: expect.stringContaining("switched it off"),
    });
    expect(calls()).toBe(0);
  });

  test("five tests a minute are GitLab's limit for a project; more is no reason to stop the run", async () => {
    const { sim, hook, env } = await asleep(204, 40);
    sim.settings.endpointLimits = { ...sim.settings.endpointLimits!, hookTest: 0 };
    const run = await runInstaller(sim, { env });
    expect([run.status, run.report.complete, run.report.stoppedBy]).toEqual([1, true, null]);
    expect(run.report.results[0]?.reason).toContain("five tests a minute");
    expect(sim.inspect(hook)["alertStatus"]).toBe("disabled");
  });
});
