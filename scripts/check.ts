/**
 * The whole gate, as `npm test`: lint, format, types, generated files up to date, tests with coverage.
 * Every step runs even if an earlier one failed, so that one run tells everything; the exit status is 0 only if all passed.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";

const root = new URL("..", import.meta.url).pathname;

interface Step {
  readonly name: string;
  readonly command: readonly string[];
}

const bin = (name: string): string => `${root}node_modules/.bin/${name}`;

/** The runtimes that the smoke tests use: kept apart from the main packages, see test/runtimes/package.json. */
const runtimes: Step = {
  name: "runtimes",
  command: ["npm", "ci", "--prefix", "test/runtimes", "--no-audit", "--no-fund", "--loglevel=error"],
};

const steps: readonly Step[] = [
  { name: "lint", command: [bin("oxlint"), "--deny-warnings"] },
  { name: "format", command: [bin("oxfmt"), "--check"] },
  { name: "types", command: [bin("tsc")] },
  { name: "structure", command: [bin("tsx"), "scripts/structure.ts"] },
  { name: "docs", command: [bin("tsx"), "scripts/gen-docs.ts", "--check"] },
  { name: "licences", command: [bin("tsx"), "scripts/licences.ts"] },
  { name: "tests", command: [bin("vitest"), "run", "--coverage"] },
];

function run(step: Step): boolean {
  const started = performance.now();
  console.log(`\n== ${step.name}`);
  const [file, ...args] = step.command;
  const { status, error } = spawnSync(file as string, args, { cwd: root, stdio: "inherit" });
  if (error) console.log(error.message);
  const passed = status === 0;
  console.log(
    `== ${step.name}: ${passed ? "passed" : "FAILED"} in ${((performance.now() - started) / 1000).toFixed(1)} s`,
  );
  return passed;
}

function runtimesPresent(): boolean {
  const wanted = JSON.parse(readFileSync(`${root}test/runtimes/package.json`, "utf8")) as {
    dependencies: Record<string, string>;
  };
  return Object.entries(wanted.dependencies).every(([name, version]) => {
    const manifest = `${root}test/runtimes/node_modules/${name}/package.json`;
    return (
      existsSync(manifest) &&
      (JSON.parse(readFileSync(manifest, "utf8")) as { version: string }).version === version
    );
  });
}

if (!runtimesPresent() && !run(runtimes)) {
  console.log(
    "The runtimes could not be installed: the tests that run on Node 24 and Deno are skipped and say so.",
  );
}
const failed = steps.filter((step) => !run(step)).map((step) => step.name);
console.log(failed.length === 0 ? "\nAll checks passed." : `\nFailed: ${failed.join(", ")}`);
process.exitCode = failed.length === 0 ? 0 : 1;
