import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { parseSync } from "oxc-parser";
import { expect, test } from "vitest";
import manifest from "../../package.json" with { type: "json" };
import { ROOT } from "../helpers/relay-process.ts";

const FILE = `${ROOT}bin/node-version.cjs`;
const { versionProblem } = createRequire(import.meta.url)(FILE) as {
  versionProblem(version: string): string | null;
};

test.each(["20.20.0", "20.20.2", "20.21.0", "22.0.0", "24.1.0", "100.0.0"])(
  "versionProblem(%j) is none",
  (version) => {
    expect(versionProblem(version)).toBeNull();
  },
);

test.each(["0.10.48", "8.17.0", "18.20.8", "20.0.0", "20.19.9"])(
  "versionProblem(%j) is one sentence",
  (version) => {
    expect(versionProblem(version)).toBe(
      `gitlab-hook-relay needs Node 20.20 or later, and this is Node ${version}: install a newer one from https://nodejs.org`,
    );
  },
);

test("the least version is that of package.json", () => {
  expect(manifest.engines.node).toBe(">=20.20.0");
});

test("the version is asked before anything else is read, by the program and by npm start", () => {
  expect(manifest.scripts.start).toMatch(/^node bin\/node-version\.cjs && /);
  const program = readFileSync(`${ROOT}bin/gitlab-hook-relay.js`, "utf8");
  const { module: imports } = parseSync("bin.js", program);
  expect(imports.staticImports.map(({ moduleRequest }) => moduleRequest.value)).toEqual([
    "./node-version.cjs",
  ]);
  expect(program).not.toMatch(/\bawait\b/);
});

test("an old Node gets the sentence and exit status 1, before it reads what it cannot", () => {
  const old = `Object.defineProperty(process, "versions", { value: { ...process.versions, node: "18.19.1" } })`;
  const preload = `data:text/javascript,${encodeURIComponent(old)}`;
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ["--import", preload, `${ROOT}bin/gitlab-hook-relay.js`, "--version"],
    { encoding: "utf8" },
  );
  expect([status, stdout]).toEqual([1, ""]);
  expect(stderr).toBe(`${versionProblem("18.19.1")}\n`);
});
