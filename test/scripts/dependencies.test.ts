import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import {
  licenceProblems,
  productionBom,
  productionDependencies,
} from "../../scripts/dependencies/production.ts";

const root = new URL("../../", import.meta.url).pathname;
const lock: unknown = JSON.parse(readFileSync(`${root}package-lock.json`, "utf8"));

test("productionDependencies() has what runs, and nothing of the tests", () => {
  const names = new Set(productionDependencies(lock).map(({ name }) => name));
  const { dependencies, devDependencies } = JSON.parse(readFileSync(`${root}package.json`, "utf8")) as {
    dependencies: Record<string, string>;
    devDependencies: Record<string, string>;
  };
  expect(Object.keys(dependencies).filter((name) => !names.has(name))).toEqual([]);
  expect(names.has("vitest") || names.has("typescript")).toBe(false);
  expect(Object.keys(devDependencies)).toContain("vitest");
});

test("licenceProblems() names what is unknown, and finds none here", () => {
  const dependency = (licence: string | null) => ({ name: "x", version: "1.0.0", licence });
  expect(licenceProblems(["MIT", "(MIT OR GPL-3.0-only)", "ISC AND Apache-2.0"].map(dependency))).toEqual([]);
  expect(licenceProblems(["GPL-3.0-only", "MIT AND GPL-3.0-only", null].map(dependency))).toEqual([
    "x 1.0.0: GPL-3.0-only",
    "x 1.0.0: MIT AND GPL-3.0-only",
    "x 1.0.0: states no licence",
  ]);
  expect(licenceProblems(productionDependencies(lock))).toEqual([]);
});

test("productionBom() keeps what runs, with what depends on it", () => {
  const component = (name: string) => ({ "bom-ref": name, name, version: "1" });
  const everything = {
    metadata: { component: { "bom-ref": "root", name: "folder" } },
    components: [component("a"), component("b"), component("dev")],
    dependencies: [
      { ref: "root", dependsOn: ["a", "dev"] },
      { ref: "a", dependsOn: ["b"] },
      { ref: "dev", dependsOn: ["b"] },
    ],
  };
  const packages = {
    "": {},
    "node_modules/a": { version: "1" },
    "node_modules/a/node_modules/b": { version: "1" },
    "node_modules/dev": { version: "1", dev: true },
  };
  expect(productionBom(everything, { packages }, "product")).toEqual({
    metadata: { component: { "bom-ref": "root", name: "product" } },
    components: [component("a"), component("b")],
    dependencies: [
      { ref: "root", dependsOn: ["a"] },
      { ref: "a", dependsOn: ["b"] },
    ],
  });
});

test("npm ci --ignore-scripts is enough for both programs", () => {
  const folder = mkdtempSync(join(tmpdir(), "relay-install-"));
  try {
    for (const file of ["package.json", "package-lock.json"]) cpSync(join(root, file), join(folder, file));
    for (const name of ["lib", "relay", "component"])
      cpSync(join(root, name), join(folder, name), { recursive: true });
    symlinkSync(join(root, "templates"), join(folder, "templates"));
    const run = (command: string, ...args: string[]): string =>
      execFileSync(command, args, { cwd: folder, encoding: "utf8" });
    run("npm", "ci", "--ignore-scripts", "--omit=dev", "--prefer-offline", "--no-audit", "--no-fund");
    expect(run("node", "--import", "tsx", "relay/main.ts", "--version")).toMatch(/\d+\.\d+\.\d+/);
    expect(run("node", "--import", "tsx", "component/main.ts", "--help")).toContain("install");
  } finally {
    rmSync(folder, { recursive: true });
  }
}, 180_000);
