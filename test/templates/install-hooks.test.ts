/**
 * The component as a consumer runs it: included by its address, in a scheduled pipeline, a merge request and others, by
 * gitlab-ci-local, against the simulated GitLab in a process of its own.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { readCommandLine } from "../../component/options/command-line.ts";
import { loadConfig } from "../../component/options/load.ts";
import { ciLocalMissing, createProject, type Project, type Run } from "./ci-local.ts";
import { render } from "./gitlab.ts";
import { startSimulator, type SimulatorProcess } from "./simulator.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const template = readFileSync(join(root, "templates/install-hooks.yml"), "utf8");
const relay = "https://hooks.acme.dev/webhooks/gitlab";

describe("templates/install-hooks.yml", () => {
  /** The installer's settings that a pipeline with these inputs gives it. */
  function configOf(inputs: Readonly<Record<string, unknown>>) {
    const job = render(template, inputs).get("install-hooks");
    const env = Object.entries(job?.variables ?? {}).map(([name, value]) => [
      name,
      String(value).replaceAll("$CI_SERVER_URL", "https://gitlab.example.com"),
    ]);
    return loadConfig("install", readCommandLine(["install"]), {
      env: { ...(Object.fromEntries(env) as Record<string, string>), HOOKS_GITLAB_TOKEN: "token" },
      readFile: (path) => readFileSync(path, "utf8"),
    });
  }

  test("inputs left out reach the installer as its own defaults", () => {
    const given = { group: "acme", url: relay };
    const { stateFile, reportDir, timeLimit, ...config } = configOf(given);
    const plain = loadConfig("install", readCommandLine(["install", "--group=acme", `--url=${relay}`]), {
      env: { HOOKS_GITLAB_TOKEN: "token", CI_SERVER_URL: "https://gitlab.example.com" },
      readFile: (path) => readFileSync(path, "utf8"),
    });
    expect({ ...config, stateFile: null, reportDir: null, timeLimit: null }).toEqual(plain);
    expect({ stateFile, reportDir, timeLimit }).toEqual({
      stateFile: ".gitlab-hook-relay/install-state.json",
      reportDir: ".gitlab-hook-relay/$CI_JOB_NAME_SLUG",
      timeLimit: 3000,
    });
  });

  test("group: only level instance can do without, and the job says so before its first request", () => {
    expect(configOf({ url: relay, level: "instance" })).toMatchObject({ group: null, level: "instance" });
    expect(() => configOf({ url: relay })).toThrow(/--group \(HOOKS_GROUP\).*only --level instance/s);
  });

  test("inputs of every type reach the installer as the values that were given", () => {
    const inputs = {
      group: "42",
      url: relay,
      events: ["push", "merge_requests"],
      level: "project",
      include: ["acme/{apps,libs}/**"],
      exclude: ['acme/apps/it\'s "odd", really'],
      topics: ["a b", "c"],
      visibility: "private",
      "enable-ssl-verification": false,
      "push-events-branch-filter": "release/*",
      "custom-headers": ["X-Team: platform, and friends", "X-Quote: \"q\" 'r'"],
      "dry-run": true,
      "fail-on-drift": true,
      "prune-duplicates": false,
      reenable: false,
      "chunk-size": 20,
      concurrency: 3,
      "max-requests": 500,
      "time-limit": 60,
      output: "json",
    };
    expect(configOf(inputs)).toMatchObject({
      group: "42",
      events: ["push", "merge_requests"],
      level: "project",
      include: ["acme/{apps,libs}/**"],
      exclude: ['acme/apps/it\'s "odd", really'],
      topics: ["a b", "c"],
      visibility: "private",
      enableSslVerification: false,
      pushEventsBranchFilter: "release/*",
      customHeaders: { "X-Team": "platform, and friends", "X-Quote": "\"q\" 'r'" },
      dryRun: true,
      failOnDrift: true,
      pruneDuplicates: false,
      reenable: false,
      chunkSize: 20,
      concurrency: 3,
      maxRequests: 500,
      timeLimit: 60,
      output: "json",
    });
  });

  test.each([
    ["level", "projects", "not in the list of allowed options"],
    ["url", "hooks.acme.dev", "does not match required RegEx pattern"],
    ["concurrency", "8", "is not a number"],
    ["dry-run", "yes", "is not a boolean"],
    ["events", "push", "is not a array"],
    ["state-file", "/etc/passwd", "does not match required RegEx pattern"],
  ])("%s: %j is refused before any job runs", (name, value, problem) => {
    expect(() => render(template, { group: "acme", url: relay, [name]: value })).toThrow(problem);
  });
});

interface Hook {
  readonly level: string;
  readonly parentId: number;
  readonly url: string;
  readonly flags: readonly string[];
  readonly customHeaders: Readonly<Record<string, string>>;
}

interface Report {
  readonly complete: boolean;
  readonly summary: Readonly<Record<string, number>>;
}

const title = `install-hooks in gitlab-ci-local${ciLocalMissing === null ? "" : ` (${ciLocalMissing})`}`;
describe.runIf(ciLocalMissing === null)(title, () => {
  const PROJECTS = 12;
  let gitlab: SimulatorProcess;
  let project: Project;

  beforeAll(async () => {
    gitlab = await startSimulator({ tier: "free" });
  });
  afterAll(() => gitlab.stop());

  let group = "";
  let count = 0;
  beforeEach(async () => {
    group = `group-${++count}`;
    await gitlab.control("POST", "tree", { group, projects: PROJECTS, subgroups: 3 });
  });
  afterEach(() => project.remove());

  const hooks = async (): Promise<readonly Hook[]> =>
    (await gitlab.control("GET", `hooks?group=${group}`)) as Hook[];

  const address = "$CI_SERVER_FQDN/$CI_PROJECT_PATH/install-hooks@$CI_COMMIT_SHA";
  const given = (inputs: Readonly<Record<string, unknown>>): object => ({
    component: address,
    inputs: { group, url: relay, events: ["push", "merge_requests"], ...inputs },
  });
  /** @param others what else the consumer's file holds */
  function include(inputs: Readonly<Record<string, unknown>> = {}, others: object = {}): void {
    project = createProject(JSON.stringify({ include: [given(inputs)], ...others }));
  }
  async function pipeline(
    source: string,
    variables: Readonly<Record<string, string>> = {},
    ...args: readonly string[]
  ): Promise<Run> {
    const secrets = { HOOKS_GITLAB_TOKEN: gitlab.token, GITLAB_WEBHOOK_SECRET: "the-secret-of-the-hooks" };
    const predefined = { CI_PIPELINE_SOURCE: source, CI_SERVER_URL: gitlab.url };
    const run = await project.run({ ...predefined, ...secrets, ...variables }, ...args);
    if (Object.keys(run.jobs).length === 0) expect(run.status, run.output).toBe(0);
    return run;
  }
  const file = (name: string, job = "install-hooks"): string =>
    readFileSync(join(project.folder, ".gitlab-hook-relay", job, name), "utf8");
  const report = (job?: string): Report => JSON.parse(file("report.json", job)) as Report;

  test("schedule: every project gets its hook, no secret is shown; the next run changes nothing", async () => {
    include({ "custom-headers": ["X-Team: $TEAM_HEADER"] });
    const first = await pipeline("schedule", { TEAM_HEADER: "hidden-header-value" });
    expect(first.jobs, first.output).toEqual({ "install-hooks": "PASS" });
    const installed = await hooks();
    expect(installed.map((hook) => hook.url)).toEqual(Array.from({ length: PROJECTS }, () => relay));
    expect(new Set(installed.map((hook) => hook.parentId)).size).toBe(PROJECTS);
    for (const hook of installed) expect(hook.flags).toEqual(["push_events", "merge_requests_events"]);
    expect(installed[0]?.customHeaders).toEqual({ "X-Team": "hidden-header-value" });
    expect(report()).toMatchObject({ complete: true, summary: { projects: PROJECTS, created: PROJECTS } });
    for (const text of [
      first.output,
      ...["report.json", "report.md", "junit.xml", "hooks.env"].map((name) => file(name)),
    ]) {
      expect(text).not.toContain(gitlab.token);
      expect(text).not.toContain("the-secret-of-the-hooks");
      expect(text).not.toContain("hidden-header-value");
    }

    const second = await pipeline("schedule", { TEAM_HEADER: "hidden-header-value" });
    expect(second.jobs, second.output).toEqual({ "install-hooks": "PASS" });
    expect(report().summary).toMatchObject({ created: 0, updated: 0, removed: 0, unchanged: PROJECTS });
    expect(await hooks()).toEqual(installed);
  });

  test("merge request: a plan with a token of its own changes nothing; drift fails it where that is wanted", async () => {
    include({ "fail-on-drift": true });
    const tokens = { HOOKS_GITLAB_TOKEN: "", HOOKS_GITLAB_READ_TOKEN: gitlab.token };
    const run = await pipeline("merge_request_event", tokens);
    expect(run.jobs).toEqual({ "install-hooks": "FAIL" });
    expect(run.output).toMatch(/install-hooks finished in .* FAIL 3/);
    expect(report().summary).toMatchObject({ projects: PROJECTS, created: PROJECTS });
    expect(await hooks()).toEqual([]);
  });

  test("merge request: a project's HOOKS_DRY_RUN=false lifts nothing", async () => {
    include();
    const run = await pipeline("merge_request_event", { HOOKS_DRY_RUN: "false" });
    expect(run.jobs, run.output).toEqual({ "install-hooks": "PASS" });
    expect(run.output).toContain("this pipeline belongs to a merge request");
    expect(report().summary).toMatchObject({ created: PROJECTS });
    expect(await hooks()).toEqual([]);
  });

  test("merge request: where no token reaches it, a warning that names the variables", async () => {
    include();
    const run = await pipeline("merge_request_event", { HOOKS_GITLAB_TOKEN: "" });
    expect(run.jobs, run.output).toEqual({ "install-hooks": "WARN" });
    expect(run.output).toMatch(/No plan: .*HOOKS_GITLAB_TOKEN is protected or missing/);
  });

  test("default: of the consumer's, nothing runs in the job but its runner's tags", async () => {
    const consumer = {
      default: {
        before_script: ["echo CONSUMER-BEFORE; exit 9"],
        after_script: ["echo CONSUMER-AFTER"],
        services: ["postgres:17"],
        cache: { paths: ["vendor"] },
        retry: 2,
        tags: ["docker"],
      },
    };
    include({}, consumer);
    const run = await pipeline("schedule");
    expect(run.jobs, run.output).toEqual({ "install-hooks": "PASS" });
    expect(run.output).not.toContain("CONSUMER-");
    const preview = async (): Promise<Readonly<Record<string, unknown>>> => {
      const { output } = await project.run({ CI_PIPELINE_SOURCE: "schedule" }, "--preview");
      return (parse(output.slice(output.indexOf("---"))) as Record<string, Record<string, unknown>>)[
        "install-hooks"
      ]!;
    };
    const inherited = await preview();
    expect(inherited["tags"]).toEqual(["docker"]);
    for (const keyword of ["before_script", "after_script", "services", "retry"]) {
      expect(inherited[keyword] ?? [], keyword).toEqual([]);
    }
    project.remove();
    include({ tags: ["hooks", "a b"] }, consumer);
    expect((await preview())["tags"]).toEqual(["hooks", "a b"]);
  });

  test("two inclusions: reports and variables for later jobs stand beside each other", async () => {
    const one = given({ as: "hooks-one", exclude: ["**/project-1"] });
    const two = given({ as: "hooks-two", include: ["**/project-1"], tags: ["docker"] });
    project = createProject(JSON.stringify({ include: [one, two] }));
    const run = await pipeline("schedule");
    expect(run.jobs, run.output).toEqual({ "hooks-one": "PASS", "hooks-two": "PASS" });
    expect(report("hooks-one").summary).toMatchObject({ created: PROJECTS - 1 });
    expect(report("hooks-two").summary).toMatchObject({ created: 1 });
    expect(file("hooks.env", "hooks-one")).toContain(`HOOKS_RESULT_HOOKS_ONE_CREATED=${PROJECTS - 1}\n`);
    expect(file("hooks.env", "hooks-two")).toContain("HOOKS_RESULT_HOOKS_TWO_CREATED=1\n");
  });

  test("merge request: dry-run-on-merge-requests keeps the job away", async () => {
    include({ "dry-run-on-merge-requests": false });
    expect((await pipeline("merge_request_event")).jobs).toEqual({});
  });

  test("web: only when it is started by hand; its variables for later jobs are no settings of another run", async () => {
    include();
    expect((await pipeline("web")).jobs).toEqual({});
    const started = await pipeline("web", {}, "--manual", "install-hooks");
    expect(started.jobs, started.output).toEqual({ "install-hooks": "PASS" });
    expect(await hooks()).toHaveLength(PROJECTS);
    const job = render(template, { group, url: relay }).get("install-hooks");
    const names = file("hooks.env")
      .trim()
      .split("\n")
      .map((line) => /^([A-Z][A-Z_]*)=/.exec(line)?.[1] ?? line);
    expect(
      names.filter((name) => !/^[A-Z_]+$/.test(name) || Object.hasOwn(job?.variables ?? {}, name)),
    ).toEqual([]);
  });

  test("push: nothing runs, and a list of rules of one's own replaces all of that", async () => {
    include({ rules: [{ if: '$CI_PIPELINE_SOURCE == "push"', variables: { HOOKS_DRY_RUN: "true" } }] });
    const run = await pipeline("push");
    expect(run.jobs, run.output).toEqual({ "install-hooks": "PASS" });
    expect(report().summary).toMatchObject({ created: PROJECTS });
    expect(await hooks()).toEqual([]);
    project.remove();
    include();
    expect((await pipeline("push")).jobs).toEqual({});
  });

  test("stopped early: the job is a warning, and the next run goes on from there", async () => {
    include({ "max-requests": 18, "chunk-size": 4, concurrency: 1, as: "hooks of acme" });
    const first = await pipeline("schedule");
    expect(first.jobs, first.output).toEqual({ "hooks of acme": "WARN" });
    expect(report("hooks-of-acme")).toMatchObject({ complete: false, stoppedBy: "max-requests" });
    const begun = (await hooks()).length;
    expect(begun).toBeGreaterThan(0);
    expect(begun).toBeLessThan(PROJECTS);
    const second = await pipeline("schedule");
    expect(second.jobs, second.output).toEqual({ "hooks of acme": "PASS" });
    expect(report("hooks-of-acme").complete).toBe(true);
    expect(new Set((await hooks()).map((hook) => hook.parentId)).size).toBe(PROJECTS);
    expect(await hooks()).toHaveLength(PROJECTS);
  });

  test("no token: the job fails and says which variable is missing", async () => {
    include();
    const run = await pipeline("schedule", { HOOKS_GITLAB_TOKEN: "" });
    expect(run.jobs).toEqual({ "install-hooks": "FAIL" });
    expect(run.output).toContain("HOOKS_GITLAB_TOKEN: is required");
  });
});
