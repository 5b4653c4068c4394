/** GitLab, or what is in front of it, says that all went well: what it shows afterwards decides. */
import { expect, test } from "vitest";
import type { Transport } from "../../../lib/gitlab/transport.ts";
import { ours, runInstaller, transport as real } from "../../helpers/installer.ts";
import { openSimulator } from "../../helpers/open-simulator.ts";

const isProjectList = (url: URL): boolean => url.pathname.endsWith("/groups/acme/projects");

/** The real one, with what a method is answered changed on the way. */
function answering(method: string, change: (hook: Record<string, unknown>) => object): Transport {
  return async (url, sent) => {
    const answer = await real(url, sent);
    if (sent.method !== method) return answer;
    return { ...answer, text: JSON.stringify(change(JSON.parse(answer.text) as Record<string, unknown>)) };
  };
}

test.each([
  ["another address", { url: "https://elsewhere.example.com/in" }, "url: "],
  ["fewer events", { push_events: false, issues_events: false }, "events added: push, issues"],
])("install: a new hook that GitLab shows with %s is a failure", async (_, shown, told) => {
  const sim = await openSimulator({ tier: "free" });
  sim.seed.tree({ projects: 2 });
  const run = await runInstaller(sim, { transport: answering("POST", (hook) => ({ ...hook, ...shown })) });
  expect([run.status, run.report.summary.failed]).toEqual([1, 2]);
  expect(run.report.results[0]?.reason).toContain(`Still to be done: ${told}`);
});

test("install: a change that GitLab takes and does not make is a failure", async () => {
  const sim = await openSimulator({ tier: "free" });
  sim.seed.tree({ projects: 2 });
  await runInstaller(sim);
  const transport: Transport = (url, sent) => {
    const { method, headers, signal } = sent;
    return real(url, method === "PUT" ? { method: "GET", headers, signal } : sent);
  };
  const run = await runInstaller(sim, { args: ["--events", "push"], transport });
  expect([run.status, run.report.summary.failed, run.report.summary.updated]).toEqual([1, 2, 0]);
  expect((await runInstaller(sim, { args: ["--events", "push"] })).report.summary.updated).toBe(2);
});

test("uninstall: a success that is not GitLab's is not believed while the hook is there", async () => {
  const sim = await openSimulator({ tier: "free" });
  const { projects } = sim.seed.tree({ projects: 2 });
  await runInstaller(sim);
  const json = { "content-type": "application/json" };
  const transport: Transport = (url, sent) =>
    sent.method === "DELETE" ? Promise.resolve({ status: 202, headers: json, text: "{}" }) : real(url, sent);
  const run = await runInstaller(sim, { command: "uninstall", transport });
  expect([run.status, run.report.summary.failed, run.report.summary.removed]).toEqual([1, 2, 0]);
  expect(projects.map((project) => ours(project).length)).toEqual([1, 1]);
});

test.each(["install", "uninstall"])(
  "%s: a list that ends before GitLab's own count is no success",
  async (command) => {
    const sim = await openSimulator({ tier: "free", endpointLimits: false });
    const { projects } = sim.seed.tree({ projects: 110 });
    if (command === "uninstall") await runInstaller(sim);
    const before = projects.filter((project) => ours(project).length > 0).length;
    const transport: Transport = async (url, sent) => {
      const answer = await real(url, sent);
      const isLast = isProjectList(url) && url.searchParams.get("page") === "2";
      return isLast ? { ...answer, text: "[]" } : answer;
    };
    const run = await runInstaller(sim, { command, transport });
    expect([run.status, run.report.complete, run.report.summary.remaining]).toEqual([1, false, 10]);
    expect(run.stdout).toContain("GitLab counts 110 projects of acme, and its list ends 10 earlier");
    expect(projects.filter((project) => ours(project).length > 0).length).toBe(before === 0 ? 100 : 10);
  },
);

test("install: a list of several pages in another order than asked for is no success", async () => {
  const sim = await openSimulator({ tier: "free", endpointLimits: false });
  sim.seed.tree({ projects: 110 });
  const transport: Transport = (url, sent) => {
    const asked = new URL(url);
    if (isProjectList(url)) asked.searchParams.set("sort", "desc");
    return real(asked, sent);
  };
  const run = await runInstaller(sim, { transport });
  expect(run.status).toBe(2);
  expect(run.stdout).toContain("not list the projects in the order of their ids");
});

test("install: a full page that calls itself the last is followed as far as GitLab counts", async () => {
  const sim = await openSimulator({ tier: "free", endpointLimits: false });
  const { projects } = sim.seed.tree({ projects: 110 });
  const transport: Transport = async (url, sent) => {
    const { headers, ...answer } = await real(url, sent);
    const { link: _, ...kept } = headers;
    return { ...answer, headers: isProjectList(url) ? { ...kept, "x-next-page": "" } : headers };
  };
  const run = await runInstaller(sim, { transport });
  expect(run.status).toBe(0);
  expect(projects.filter((project) => ours(project).length === 1)).toHaveLength(110);
});
