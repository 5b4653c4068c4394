/**
 * gitlab-ci-local on a project of the test's own: it resolves the component as GitLab does, checks the result against GitLab's
 * JSON schema of CI/CD configuration, and runs the jobs in a shell.
 */
import { spawn, spawnSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { available } from "../helpers/tools.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const runtimes = join(root, "test/runtimes/node_modules/.bin");

/** Why these tests cannot run; null where they can. */
export const ciLocalMissing: string | null = available(
  "gitlab-ci-local",
  existsSync(join(runtimes, "gitlab-ci-local")),
)
  ? null
  : "gitlab-ci-local is not installed: npm ci --prefix test/runtimes";

export interface Run {
  /** Of the program, which is 1 for an invalid pipeline, and does not say whether a job failed. */
  readonly status: number;
  /** Standard output and error together, without colours. */
  readonly output: string;
  /** Jobs that ran and how they ended; a failure that the job allows is WARN. */
  readonly jobs: Readonly<Record<string, "PASS" | "WARN" | "FAIL">>;
}

function endings(output: string): Run["jobs"] {
  const lines = [...output.matchAll(/^ (PASS|WARN|FAIL) {2}(.+?)( {2}pre_script)?\s*$/gm)];
  return Object.fromEntries(lines.map(([, ending, job]) => [job as string, ending as "PASS"]));
}

export interface Project {
  readonly folder: string;
  /** One pipeline; `variables` also hold what GitLab would predefine, such as CI_PIPELINE_SOURCE. */
  run(variables: Readonly<Record<string, string>>, ...args: readonly string[]): Promise<Run>;
  remove(): void;
}

/**
 * A git repository, acme/hooks on gitlab.example.com, whose pipeline is the given text and whose components are this
 * repository's templates. On its PATH, `gitlab-hook-relay` is what it is in the image: the installer on Node 24.
 */
export function createProject(pipeline: string): Project {
  const folder = mkdtempSync(join(tmpdir(), "ci-local-"));
  const bin = join(folder, ".bin");
  const home = join(folder, ".home");
  mkdirSync(bin);
  mkdirSync(home);
  const program = (name: string, text: string): void => {
    writeFileSync(join(bin, name), `#!/bin/sh\n${text}\n`);
    chmodSync(join(bin, name), 0o755);
  };
  program("gitlab-hook-relay", `exec "${runtimes}/node" "${root}cli/main.ts" "$@"`);
  // Called to copy artifacts away; a job in a shell leaves them in the project's folder, where the tests look.
  program("rsync", "exit 0");
  cpSync(join(root, "templates"), join(folder, "templates"), { recursive: true });
  writeFileSync(join(folder, ".gitlab-ci.yml"), pipeline);
  const git = (...args: string[]): void => {
    const identity = [
      "-c",
      "user.name=test",
      "-c",
      "user.email=test@example.com",
      "-c",
      "init.defaultBranch=main",
    ];
    const { status, stderr } = spawnSync("git", [...identity, ...args], { cwd: folder, encoding: "utf8" });
    if (status !== 0) throw new Error(stderr);
  };
  git("init", "--quiet");
  git("remote", "add", "origin", "https://gitlab.example.com/acme/hooks.git");
  git("commit", "--quiet", "--allow-empty", "--message=start");
  let checked = false;
  return {
    folder,
    run: (variables, ...args) =>
      new Promise((resolve, reject) => {
        const given = Object.entries(variables).flatMap(([name, value]) => [
          "--variable",
          `${name}=${value}`,
        ]);
        const fixed = ["--force-shell-executor", "--no-color", "--home", home, "--ignore-predefined-vars"];
        // Once is enough: the pipeline stays the same.
        const validation = checked ? ["--no-json-schema-validation"] : [];
        const names = Object.keys(variables).join(",");
        checked = true;
        const child = spawn(
          join(runtimes, "gitlab-ci-local"),
          [...fixed, names, ...validation, ...given, ...args],
          {
            cwd: folder,
            env: {
              PATH: [bin, runtimes, process.env["PATH"] ?? ""].join(delimiter),
              HOME: home,
              NODE_EXTRA_CA_CERTS: process.env["NODE_EXTRA_CA_CERTS"] ?? "",
            },
            stdio: ["ignore", "pipe", "pipe"],
          },
        );
        let output = "";
        child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
        child.stderr.setEncoding("utf8").on("data", (text: string) => (output += text));
        child.once("error", reject);
        child.once("close", (status) => resolve({ status: status ?? -1, output, jobs: endings(output) }));
      }),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
