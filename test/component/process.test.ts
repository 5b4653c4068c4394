import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { deriveSecretToken, deriveSigningToken } from "../../lib/secrets.ts";
import { RELAY_URL } from "../helpers/installer.ts";
import { openSimulator } from "../helpers/open-simulator.ts";
import type { Project } from "../simulator/model.ts";
import type { SimulatorOptions } from "../simulator/options.ts";
import type { Simulator } from "../simulator/simulator.ts";

const MAIN = fileURLToPath(new URL("../../component/main.ts", import.meta.url));

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "installer-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function simulator(
  projects: number,
  options: SimulatorOptions = {},
): Promise<{ sim: Simulator; projects: Project[] }> {
  const sim = await openSimulator({ tier: "free", ...options });
  return { sim, projects: sim.seed.tree({ projects }).projects };
}

interface Ended {
  readonly status: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

function start(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): { child: ChildProcess; ended: Promise<Ended> } {
  const child = spawn(process.execPath, ["--import", "tsx", MAIN, ...args], {
    env: { PATH: process.env["PATH"] ?? "", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout?.on("data", (more: Buffer) => (stdout += more.toString()));
  child.stderr?.on("data", (more: Buffer) => (stderr += more.toString()));
  const ended = once(child, "close").then(([status, signal]) => ({
    status: status as number | null,
    signal: signal as string | null,
    stdout,
    stderr,
  }));
  return { child, ended };
}

function settings(sim: Simulator): Record<string, string> {
  return {
    HOOKS_GITLAB_URL: sim.url,
    HOOKS_GITLAB_TOKEN: sim.token.value,
    HOOKS_GROUP: "acme",
    HOOKS_URL: RELAY_URL,
    GITLAB_WEBHOOK_SECRET: "shared-secret-token-4711",
  };
}

/** Code that runs in the process before the program is loaded. */
function preload(code: string): string {
  return `--import data:text/javascript,${encodeURIComponent(code)}`;
}

/** Runs the code once the program has begun. */
function whenReady(code: string): string {
  return `const timer = setInterval(() => {
    if (process.listenerCount("uncaughtException") === 0) return;
    clearInterval(timer);
    ${code};
  }, 1);`;
}

describe("files that are none", () => {
  test("a named pipe and a device that never ends are status 2 at once, named with their variable", async () => {
    const { sim } = await simulator(1);
    const pipe = join(folder, "pipe");
    await once(spawn("mkfifo", [pipe]), "exit");
    const { GITLAB_WEBHOOK_SECRET: _, ...rest } = settings(sim);
    const env = { ...rest, GITLAB_WEBHOOK_SECRET_FILE: pipe, HOOKS_INCLUDE_FILE: "/dev/zero" };
    const { status, stderr } = await start(["install"], env).ended;
    expect(status).toBe(2);
    expect(stderr).toMatch(/GITLAB_WEBHOOK_SECRET_FILE.*it is a pipe, not a file/);
    expect(stderr).toMatch(/HOOKS_INCLUDE_FILE.*does not end within/);
  });

  test("a state file that is a pipe is ignored with a warning, and the run works", async () => {
    const { sim } = await simulator(1);
    const pipe = join(folder, "state-pipe");
    await once(spawn("mkfifo", [pipe]), "exit");
    const { status, stderr } = await start(["install", "--state-file", pipe], settings(sim)).ended;
    expect(status).toBe(0);
    expect(stderr).toContain("state.ignored");
  });
});

describe("what nothing expected", () => {
  const password = "sesame-4711";
  const thrown = `Object.assign(new TypeError("Invalid URL"), { input: "http://svc:${password}@proxy" })`;

  test.each([
    [
      "is thrown while the program loads",
      `Object.defineProperty(globalThis, "FinalizationRegistry", { get() { throw ${thrown} } })`,
    ],
    ["is thrown while it runs", whenReady(`throw ${thrown}`)],
    ["is a rejected promise", whenReady(`Promise.reject(${thrown})`)],
  ])("%s: one line, no secret, status 1", async (_, code) => {
    const { ended } = start(["install"], {
      NODE_OPTIONS: preload(code),
      HOOKS_GITLAB_URL: "http://127.0.0.1:9",
      HOOKS_GITLAB_TOKEN: "glpat-never-shown",
      HOOKS_GROUP: "acme",
      HOOKS_URL: RELAY_URL,
    });
    const { status, stdout, stderr } = await ended;
    expect(`${stdout}${stderr}`).not.toContain(password);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(stderr).toMatch(/unexpected TypeError/);
    expect(status).toBe(1);
  });
});

describe("proxy variables", () => {
  test.each([
    ["http://svc:pa#ss/w0rd@:3128"],
    ["svc:pa#ss/w0rd@proxy.test:port"],
    ["ftp://svc:pa#ss/w0rd@proxy.test"],
  ])("HTTPS_PROXY=%s is status 2, without its value", async (value) => {
    const { sim } = await simulator(1);
    const { ended } = start(["install"], { ...settings(sim), HTTPS_PROXY: value });
    const { status, stdout, stderr } = await ended;
    expect(status).toBe(2);
    expect(stderr).toMatch(/^HTTPS_PROXY: /m);
    expect(`${stdout}${stderr}`).not.toMatch(/w0rd|proxy\.test/);
  });

  test("neither a broken nor a plain host:port one matters to --version", async () => {
    for (const value of ["::::", "proxy:3128"]) {
      const { ended } = start(["--version"], { HTTP_PROXY: value, https_proxy: value });
      expect(await ended).toMatchObject({ status: 0, stderr: "" });
    }
  });
});

describe("component/main.ts", () => {
  test("a reader that goes away ends nothing: every hook is made and the report is written", async () => {
    const { sim, projects } = await simulator(40, { latencyMs: 20 });
    const reports = join(folder, "no-reader");
    const args = ["install", "--concurrency", "2", "--report-dir", reports];
    const { child, ended } = start(args, settings(sim));
    child.stdout?.once("data", () => child.stdout?.destroy());
    expect(await ended).toMatchObject({ status: 0, signal: null, stderr: "" });
    expect(projects.every((project) => project.hooks.length === 1)).toBe(true);
    const report = JSON.parse(await readFile(join(reports, "report.json"), "utf8")) as { complete: boolean };
    expect(report.complete).toBe(true);
  });

  test("an unknown variable of ours is status 2 before the first request", async () => {
    const { sim } = await simulator(1);
    const run = await start(["install"], { ...settings(sim), HOOKS_DRYRUN: "true" }).ended;
    expect(run.status).toBe(2);
    expect(run.stderr).toContain(
      "HOOKS_DRYRUN: is not a variable of this program; did you mean HOOKS_DRY_RUN?",
    );
    expect(sim.counters.total).toBe(0);
  });

  test("says what it is, and refuses what it does not know with 2", async () => {
    const [help, version, none, unknown] = await Promise.all(
      [["--help"], ["--version"], [], ["instal"]].map((args) => start(args, {}).ended),
    );
    expect(help).toMatchObject({ status: 0, stderr: "", stdout: expect.stringContaining("--fail-on-drift") });
    expect(version).toMatchObject({ status: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+(-\w+)?\n$/) });
    expect(none).toMatchObject({
      status: 2,
      stdout: "",
      stderr: expect.stringContaining("no command given"),
    });
    expect(unknown).toMatchObject({ status: 2, stderr: expect.stringContaining('unknown command "instal"') });
  });

  test("names all problems of the configuration at once, with status 2", async () => {
    const { status, stderr } = await start(["install", "--level", "all"], { HOOKS_URL: "nowhere" }).ended;
    expect(status).toBe(2);
    for (const name of [
      "HOOKS_GITLAB_URL",
      "HOOKS_GROUP",
      "HOOKS_URL",
      "HOOKS_LEVEL",
      "HOOKS_GITLAB_TOKEN",
    ]) {
      expect(stderr).toContain(name);
    }
  });

  test("--output json prints report.json alone, and writes all four files", async () => {
    const { sim } = await simulator(2);
    const reports = join(folder, "json");
    const args = ["install", "--output", "json", "--report-dir", reports];
    const run = await start(args, { ...settings(sim), CI: "true" }).ended;
    expect(run.status).toBe(0);
    expect(JSON.parse(run.stdout)).toEqual(JSON.parse(await readFile(join(reports, "report.json"), "utf8")));
    expect(run.stderr).toContain("section_start:");
    expect((await readdir(reports)).sort()).toEqual(["hooks.env", "junit.xml", "report.json", "report.md"]);
  });

  test("a report folder that cannot be written is told, with 2, after the work", async () => {
    const { sim, projects } = await simulator(1);
    const file = join(folder, "a-file");
    await writeFile(file, "");
    const run = await start(["install", "--report-dir", join(file, "reports")], settings(sim)).ended;
    expect(run.status).toBe(2);
    expect(run.stderr).toContain("--report-dir");
    expect(projects[0]?.hooks).toHaveLength(1);
  });

  test("no secret is in any output, whatever happens", async () => {
    const { sim, projects } = await simulator(4);
    const master = "the-master-secret-0815";
    const secret = "shared-secret-token-4711";
    const signing = `whsec_${Buffer.alloc(32, 9).toString("base64")}`;
    const header = "header-value-2342";
    const byHand = sim.model.addHook(
      projects[0] as Project,
      `https://user:in-the-url-99@hooks.acme.dev/webhooks/gitlab?k=in-the-query-98`,
    );
    sim.change(byHand, { description: "gitlab-hook-relay fp=0000000000000000" });
    // GitLab itself repeats the token in a refusal, as a proxy in front of it may.
    const path = `/projects/${projects[1]?.id}/hooks`;
    const body = JSON.stringify({ message: `denied: ${sim.token.value} ${secret}` });
    const headers = { "Content-Type": "application/json" };
    sim.faults.add({
      path,
      method: "GET",
      times: 99,
      action: { kind: "status", status: 403, body, headers },
    });
    sim.faults.add({ path: `/projects/${projects[2]?.id}/hooks`, times: 4, action: { kind: "reset" } });
    const reports = join(folder, "secrets");
    const common = [
      "--report-dir",
      reports,
      "--state-file",
      join(folder, "secrets.json"),
      "--time-limit",
      "60",
    ];
    let all = "";
    for (const env of [
      { GITLAB_WEBHOOK_SECRET: secret, GITLAB_WEBHOOK_SIGNING_TOKEN: signing },
      { GITLAB_WEBHOOK_MASTER_SECRET: master },
    ]) {
      for (const args of [
        ["install"],
        ["install", "--output", "json", "--dry-run"],
        ["install", "--chunk-size", "0"],
      ]) {
        const run = await start([...args, ...common], {
          ...settings(sim),
          HOOKS_CUSTOM_HEADERS: `X-Key: ${header}`,
          ...env,
        }).ended;
        all += run.stdout + run.stderr;
        for (const name of await readdir(reports)) all += await readFile(join(reports, name), "utf8");
      }
    }
    all += await readFile(join(folder, "secrets.json"), "utf8");
    expect(all).toContain("denied: *** ***");
    const host = new URL(sim.url).host;
    const derived = projects.flatMap(({ id }) => [
      deriveSecretToken(master, host, `p${id}`),
      deriveSigningToken(master, host, `p${id}`),
    ]);
    const hidden = [
      sim.token.value,
      secret,
      signing,
      master,
      header,
      "in-the-url-99",
      "in-the-query-98",
      ...derived,
    ];
    const leaked = hidden.filter((value) => all.includes(value) || all.includes(encodeURIComponent(value)));
    expect(leaked).toEqual([]);
  });

  test("kill -9 in the middle: the next run goes on, and ends with exactly one hook each", async () => {
    const { sim, projects } = await simulator(120, { latencyMs: 10 });
    const args = ["install", "--state-file", join(folder, "killed.json"), "--chunk-size", "20"];
    const first = start(args, settings(sim));
    await new Promise<void>((resolve) => {
      const check = (): void => {
        if (projects.filter((p) => p.hooks.length > 0).length >= 50) resolve();
        else setTimeout(check, 5);
      };
      check();
    });
    first.child.kill("SIGKILL");
    expect((await first.ended).signal).toBe("SIGKILL");
    const done = projects.filter((p) => p.hooks.length > 0).length;
    expect(done).toBeLessThan(120);
    const second = await start(args, settings(sim)).ended;
    expect(second.status).toBe(0);
    expect(new Set(projects.map((p) => p.hooks.length))).toEqual(new Set([1]));
    const third = await start([...args, "--output", "json"], settings(sim)).ended;
    expect(JSON.parse(third.stdout)).toMatchObject({ summary: { projects: 120, unchanged: 120 } });
  });

  test("SIGTERM, as when a job is cancelled: the run ends in order, with 75, a report and a cursor", async () => {
    const { sim, projects } = await simulator(120, { latencyMs: 20 });
    const reports = join(folder, "terminated");
    const args = ["install", "--state-file", join(folder, "terminated.json"), "--report-dir", reports];
    const first = start(args, settings(sim));
    await new Promise<void>((resolve) => {
      const check = (): void => {
        if (projects.some((p) => p.hooks.length > 0)) resolve();
        else setTimeout(check, 5);
      };
      check();
    });
    first.child.kill("SIGTERM");
    expect((await first.ended).status).toBe(75);
    const report: unknown = JSON.parse(await readFile(join(reports, "report.json"), "utf8"));
    expect(report).toMatchObject({ complete: false, stoppedBy: "time-limit" });
    expect(JSON.parse(await readFile(join(folder, "terminated.json"), "utf8"))).toHaveProperty("rounds");
  });
});
