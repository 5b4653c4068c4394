import { readdirSync, readFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { dirname, join, relative } from "node:path";
import { describe, expect, test } from "vitest";

const root = new URL("..", import.meta.url).pathname;

function sourcesOf(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts"))
    .map((path) => join(folder, path));
}

/** Import, export-from and import() specifiers of a file, without those that only bring types. */
function importsOf(file: string, withTypes: boolean): string[] {
  const text = readFileSync(join(root, file), "utf8");
  const statements =
    /^(?:import|export)(?<type> type)?\b(?<names>[^;"']*?)\bfrom\s*"(?<from>[^"]+)"|^import\s*"(?<bare>[^"]+)"|\bimport\("(?<dynamic>[^"]+)"\)/gm;
  return [...text.matchAll(statements)].flatMap(({ groups }) => {
    const { type, names, from, bare, dynamic } = groups as Record<string, string | undefined>;
    const onlyTypes =
      type !== undefined ||
      (names !== undefined && /^\s*\{(?:\s*type \w+(?: as \w+)?,?)+\s*\}\s*$/.test(names));
    return onlyTypes && !withTypes ? [] : [(from ?? bare ?? dynamic) as string];
  });
}

/** The path, seen from the root, of a relative import; null for packages. */
function targetOf(file: string, specifier: string): string | null {
  return specifier.startsWith(".") ? relative(root, join(root, dirname(file), specifier)) : null;
}

const packageOf = (specifier: string): string =>
  specifier.startsWith("@")
    ? specifier.split("/").slice(0, 2).join("/")
    : (specifier.split("/")[0] as string);

const programs = ["relay", "component"];
const all = ["lib", ...programs].flatMap(sourcesOf);

test("the sources are found", () => {
  expect(all.length).toBeGreaterThan(40);
  expect(importsOf("relay/main.ts", true)).toContain("./process/program.ts");
});

describe("who may import whom", () => {
  const crossing = (from: string, to: readonly string[]): string[] =>
    sourcesOf(from).flatMap((file) =>
      importsOf(file, true)
        .map((specifier) => targetOf(file, specifier))
        .filter((target) => target !== null && to.some((folder) => target.startsWith(`${folder}/`)))
        .map((target) => `${file} -> ${target}`),
    );

  test("relay/ and component/ never import each other", () => {
    expect(crossing("relay", ["component"])).toEqual([]);
    expect(crossing("component", ["relay"])).toEqual([]);
  });

  test("lib/ imports neither, and nothing of the program imports tests, scripts or benchmarks", () => {
    expect(crossing("lib", programs)).toEqual([]);
    for (const folder of ["lib", ...programs])
      expect(crossing(folder, ["test", "scripts", "bench", "examples"])).toEqual([]);
  });

  test("relative imports say .ts, built-in modules say node:", () => {
    const wrong = all.flatMap((file) =>
      importsOf(file, true)
        .filter((s) => (s.startsWith(".") ? !/\.(ts|json)$/.test(s) : builtinModules.includes(s)))
        .map((s) => `${file}: ${s}`),
    );
    expect(wrong).toEqual([]);
  });
});

/** Libraries and modules that do I/O, and the only files (or folders) that may import them. */
const adapters: Record<string, readonly string[]> = {
  hono: ["relay/http/app.ts", "relay/admin/", "relay/observe/activity/"],
  "@hono/node-server": ["relay/http/server.ts"],
  unstorage: ["relay/storage/"],
  ioredis: ["relay/storage/redis/"],
  "@gitbeaker/rest": ["component/gitlab/"],
  undici: ["relay/targets/", "component/gitlab/"],
  croner: ["relay/process/maintenance.ts", "component/schedule/schedule.ts"],
  pino: ["lib/log.ts"],
  "prom-client": ["relay/observe/metrics.ts", "relay/observe/activity/", "relay/observe/downtime/gauge.ts"],
  "node:http": ["relay/http/server.ts", "relay/targets/"],
  "node:https": ["relay/targets/"],
  "node:child_process": [],
  "node:fs": [
    "relay/main.ts",
    "relay/process/files.ts",
    "relay/process/log-files.ts",
    "relay/admin/assets/assets.ts",
    "relay/storage/journal/",
    "relay/targets/",
    "component/main.ts",
  ],
  "node:fs/promises": [
    "relay/main.ts",
    "relay/storage/files/heartbeat.ts",
    "relay/process/files.ts",
    "relay/config/webhook-secret.ts",
    "relay/process/log-files.ts",
    "relay/storage/journal/",
    "relay/targets/",
    "component/main.ts",
  ],
  "node:process": ["relay/main.ts", "component/main.ts"],
};

describe("only adapters import what does I/O", () => {
  test.each(Object.entries(adapters))("%s", (name, allowed) => {
    const users = all.filter((file) =>
      importsOf(file, false).some((s) => (s.startsWith("node:") ? s === name : packageOf(s) === name)),
    );
    expect(
      users.filter((file) => !allowed.some((a) => (a.endsWith(".ts") ? file === a : file.startsWith(a)))),
    ).toEqual([]);
  });

  test("lib/ does no I/O but its log lines", () => {
    const used = new Set(
      sourcesOf("lib")
        .flatMap((file) => importsOf(file, false))
        .filter((s) => !s.startsWith(".")),
    );
    for (const name of Object.keys(adapters).filter((n) => n !== "pino")) expect(used).not.toContain(name);
  });

  test("only the entries know the process", () => {
    const offenders = all.filter((file) => {
      const text = readFileSync(join(root, file), "utf8").replace(/\/\*[^]*?\*\/|\/\/.*$/gm, "");
      return /\bprocess\.(env|argv|exit|exitCode|on|stdout|stderr)\b/.test(text);
    });
    expect(offenders.filter((file) => !["relay/main.ts", "component/main.ts"].includes(file))).toEqual([]);
  });

  test("packages that are imported are those that package.json names", () => {
    const { dependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
      dependencies: Record<string, string>;
    };
    const imported = new Set(
      all
        .flatMap((file) => importsOf(file, true))
        .filter((s) => !/^(\.|node:)/.test(s))
        .map(packageOf),
    );
    expect([...imported].filter((name) => !(name in dependencies))).toEqual([]);
    for (const version of Object.values(dependencies)) expect(version).toMatch(/^\d+\.\d+\.\d+$/);
  });
});
