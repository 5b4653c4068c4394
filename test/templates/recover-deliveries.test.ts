/**
 * The component as a consumer runs it: included by its address, in a scheduled pipeline and in a merge request, by
 * gitlab-ci-local, against the simulated GitLab and a receiver that comes back after an outage.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { readCommandLine } from "../../component/options/command-line.ts";
import { loadConfig } from "../../component/options/load.ts";
import type { RecoveryReport } from "../../component/recover/report.ts";
import { httpServer, type TestServer } from "../helpers/http-server.ts";
import { ciLocalMissing, createProject, type Project, type Run } from "./ci-local.ts";
import { render } from "./gitlab.ts";
import { startSimulator, type SimulatorProcess } from "./simulator.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const template = readFileSync(join(root, "templates/recover-deliveries.yml"), "utf8");
const relay = "https://hooks.acme.dev/webhooks/gitlab";
const SECRET = "the-secret-of-the-hooks";

describe("templates/recover-deliveries.yml", () => {
  /** The program's settings that a pipeline with these inputs gives it. */
  function configOf(inputs: Readonly<Record<string, unknown>>) {
    const job = render(template, inputs).get("recover-deliveries");
    const env = Object.entries(job?.variables ?? {}).map(([name, value]) => [
      name,
      String(value).replaceAll("$CI_SERVER_URL", "https://gitlab.example.com"),
    ]);
    return loadConfig("recover", readCommandLine(["recover"]), {
      env: { ...(Object.fromEntries(env) as Record<string, string>), HOOKS_GITLAB_TOKEN: "token" },
      readFile: (path) => readFileSync(path, "utf8"),
    });
  }

  test("inputs left out reach the program as its own defaults", () => {
    const { stateFile, reportDir, timeLimit, ...config } = configOf({ group: "acme", url: relay });
    const plain = loadConfig("recover", readCommandLine(["recover", "--group=acme", `--url=${relay}`]), {
      env: { HOOKS_GITLAB_TOKEN: "token", CI_SERVER_URL: "https://gitlab.example.com" },
      readFile: (path) => readFileSync(path, "utf8"),
    });
    expect({ ...config, stateFile: null, reportDir: null, timeLimit: null }).toEqual(plain);
    expect([stateFile, reportDir, timeLimit]).toEqual([
      ".gitlab-hook-relay/recover-state.json",
      ".gitlab-hook-relay/$CI_JOB_NAME_SLUG",
      3000,
    ]);
  });

  test("inputs of every type reach the program as the values that were given", () => {
    const inputs = {
      group: "42",
      url: relay,
      since: "36h",
      mode: "replay",
      projects: ["acme/app", "7"],
      level: "project",
      exclude: ["acme/attic/**"],
      "custom-headers": ["X-Team: platform, and friends"],
      "dry-run": true,
      "fail-on-drift": true,
      concurrency: 3,
      "max-requests": 500,
      "time-limit": 60,
      output: "json",
    };
    expect(configOf(inputs)).toMatchObject({
      group: "42",
      since: "36h",
      mode: "replay",
      projects: ["acme/app", "7"],
      level: "project",
      exclude: ["acme/attic/**"],
      customHeaders: { "X-Team": "platform, and friends" },
      dryRun: true,
      failOnDrift: true,
      concurrency: 3,
      maxRequests: 500,
      timeLimit: 60,
      output: "json",
    });
  });

  test.each([
    ["mode", "again", "not in the list of allowed options"],
    ["since", "yesterday", "does not match required RegEx pattern"],
    ["projects", "acme/app", "is not a array"],
  ])("%s: %j is refused before any job runs", (name, value, problem) => {
    expect(() => render(template, { group: "acme", url: relay, [name]: value })).toThrow(problem);
  });
});

const title = `recover-deliveries in gitlab-ci-local${ciLocalMissing === null ? "" : ` (${ciLocalMissing})`}`;
describe.runIf(ciLocalMissing === null)(title, () => {
  const PROJECTS = 3;
  const MISSED = 4;
  let gitlab: SimulatorProcess;
  let receiver: TestServer;
  let taken: string[];
  let isUp = false;
  let project: Project;
  let group = "";
  let count = 0;
  let url = "";

  beforeAll(async () => {
    gitlab = await startSimulator({ tier: "free" });
    receiver = await httpServer(({ path, headers }, response) => {
      if (!isUp || path.endsWith("/known")) return void response.writeHead(isUp ? 404 : 503).end();
      const id = String(headers["idempotency-key"]);
      taken.push(id);
      response
        .writeHead(202, { "content-type": "application/json" })
        .end(JSON.stringify({ status: "accepted", id }));
    });
    url = `${receiver.url}/webhooks/gitlab`;
  });
  afterAll(async () => {
    await receiver.close();
    await gitlab.stop();
  });
  afterEach(() => project.remove());

  /** A group whose projects have missed four pushes each. */
  beforeEach(async () => {
    group = `group-${++count}`;
    isUp = false;
    taken = [];
    const tree = await gitlab.control("POST", "tree", { group, projects: PROJECTS });
    for (const id of (tree as { projectIds: number[] }).projectIds) {
      const description = "gitlab-hook-relay fp=0123456789abcdef";
      await gitlab.control("POST", "hooks", { project: id, url, token: SECRET, description });
      await gitlab.control("POST", "trigger", { project: id, kind: "push", count: MISSED });
    }
    isUp = true;
  });

  function include(inputs: Readonly<Record<string, unknown>> = {}): void {
    const address = "$CI_SERVER_FQDN/$CI_PROJECT_PATH/recover-deliveries@$CI_COMMIT_SHA";
    project = createProject(
      JSON.stringify({ include: [{ component: address, inputs: { group, url, ...inputs } }] }),
    );
  }
  const pipeline = (source: string, variables: Readonly<Record<string, string>> = {}): Promise<Run> =>
    project.run({
      CI_PIPELINE_SOURCE: source,
      CI_SERVER_URL: gitlab.url,
      HOOKS_GITLAB_TOKEN: gitlab.token,
      GITLAB_WEBHOOK_SECRET: SECRET,
      ...variables,
    });
  const file = (name: string): string =>
    readFileSync(join(project.folder, ".gitlab-hook-relay/recover-deliveries", name), "utf8");
  const report = (): RecoveryReport => JSON.parse(file("report.json")) as RecoveryReport;

  test("schedule: everything missed is delivered once, no secret is shown; the next run finds nothing", async () => {
    include();
    const first = await pipeline("schedule");
    expect(first.jobs, first.output).toEqual({ "recover-deliveries": "PASS" });
    expect(report().summary).toMatchObject({ missed: PROJECTS * MISSED, recovered: PROJECTS * MISSED });
    expect(new Set(taken).size).toBe(PROJECTS * MISSED);
    for (const text of [first.output, ...["report.json", "report.md", "junit.xml", "hooks.env"].map(file)]) {
      for (const secret of [gitlab.token, SECRET]) expect(text).not.toContain(secret);
    }
    const job = render(template, { group, url }).get("recover-deliveries");
    const names = file("hooks.env")
      .trim()
      .split("\n")
      .map((line) => line.split("=")[0] as string);
    expect(names.filter((name) => Object.hasOwn(job?.variables ?? {}, name))).toEqual([]);

    const second = await pipeline("schedule");
    expect(second.jobs, second.output).toEqual({ "recover-deliveries": "PASS" });
    expect(report().summary).toMatchObject({ missed: 0 });
    expect(taken).toHaveLength(PROJECTS * MISSED);
  });

  test("merge request: a list with a token of its own; missed deliveries fail it where that is wanted", async () => {
    include({ "fail-on-drift": true });
    const tokens = { HOOKS_GITLAB_TOKEN: "", HOOKS_GITLAB_READ_TOKEN: gitlab.token };
    const run = await pipeline("merge_request_event", tokens);
    expect(run.jobs, run.output).toEqual({ "recover-deliveries": "FAIL" });
    expect(run.output).toMatch(/recover-deliveries finished in .* FAIL 3/);
    expect([report().summary.outstanding, taken.length]).toEqual([PROJECTS * MISSED, 0]);
  });

  test("stopped early: the job is a warning, and the next run goes on from there", async () => {
    include({ "max-requests": 7, "chunk-size": 1, concurrency: 1, mode: "replay" });
    const first = await pipeline("schedule");
    expect(first.jobs, first.output).toEqual({ "recover-deliveries": "WARN" });
    expect(report()).toMatchObject({ complete: false, stoppedBy: "max-requests" });
    const second = await pipeline("schedule", { HOOKS_MAX_REQUESTS: "0" });
    expect(second.jobs, second.output).toEqual({ "recover-deliveries": "PASS" });
    expect([taken.length, new Set(taken).size]).toEqual([PROJECTS * MISSED, PROJECTS * MISSED]);
  });
});
