/** Who may import what. The order of the folders, circles and double names are printed by scripts/structure.ts, a step of the gate. */
import { readFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { describe, expect, test } from "vitest";
import { readSources, type Import, type Source } from "../scripts/structure/sources.ts";

const root = new URL("..", import.meta.url).pathname;
const sources = ["lib", "relay", "component", "cli"].flatMap(readSources);
const within = (folder: string): Source[] => sources.filter(({ file }) => file.startsWith(`${folder}/`));

const packageOf = (specifier: string): string =>
  specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");

/** `node:` and package imports as the name that a rule is about. */
const libraryOf = ({ specifier }: Import): string =>
  specifier.startsWith("node:") ? specifier : packageOf(specifier);

test("readSources() finds the sources", () => {
  expect(sources.length).toBeGreaterThan(40);
  const main = sources.find(({ file }) => file === "relay/main.ts");
  expect(main?.imports.map(({ file }) => file)).toContain("relay/process/program.ts");
});

describe("who may import whom", () => {
  const crossing = (from: string, to: readonly string[]): string[] =>
    within(from).flatMap(({ file, imports }) =>
      imports
        .filter((i) => to.some((folder) => i.file?.startsWith(`${folder}/`)))
        .map((i) => `${file} -> ${i.file}`),
    );

  test("relay/ and component/ never import each other", () => {
    expect(crossing("relay", ["component"])).toEqual([]);
    expect(crossing("component", ["relay"])).toEqual([]);
    expect([...crossing("relay", ["cli"]), ...crossing("component", ["cli"])]).toEqual([]);
  });

  test("lib/ imports neither, and nothing of the programs imports tests, scripts or benchmarks", () => {
    expect(crossing("lib", ["relay", "component"])).toEqual([]);
    for (const folder of ["lib", "relay", "component"])
      expect(crossing(folder, ["test", "scripts", "bench", "examples"])).toEqual([]);
  });

  test("relative imports say .ts, built-in modules say node:", () => {
    const isWrong = ({ specifier, file }: Import): boolean =>
      file === null ? builtinModules.includes(specifier) : !/\.(ts|json)$/.test(specifier);
    const wrong = sources.flatMap(({ file, imports }) =>
      imports.filter(isWrong).map(({ specifier }) => `${file}: ${specifier}`),
    );
    expect(wrong).toEqual([]);
  });
});

/** Libraries and modules that do I/O, and the only files (or folders) that may import them. */
const adapters: Record<string, readonly string[]> = {
  hono: ["relay/process/app.ts", "relay/admin/", "relay/observe/activity/"],
  "@hono/node-server": ["relay/http/server.ts"],
  unstorage: ["relay/storage/"],
  ioredis: ["relay/storage/redis/"],
  "@gitbeaker/rest": ["component/gitlab/gitbeaker.ts"],
  "@nats-io/transport-node": ["relay/targets/nats/"],
  "@nats-io/jetstream": ["relay/targets/nats/"],
  undici: ["relay/targets/", "lib/gitlab/", "cli/post.ts"],
  croner: ["relay/process/maintenance.ts"],
  "openid-client": ["relay/admin/auth/oidc.ts"],
  jose: ["relay/admin/auth/oidc.ts"],
  pino: ["lib/log.ts"],
  "prom-client": [
    "relay/observe/metrics.ts",
    "relay/observe/read-gauge.ts",
    "relay/observe/downtime/gauge.ts",
    "relay/observe/attention/watch.ts",
    "relay/admin/auth/metrics.ts",
    "relay/recovery/metrics.ts",
    "relay/replay/metrics.ts",
  ],
  "@opentelemetry/exporter-trace-otlp-http": ["relay/observe/traces/traces.ts"],
  "node:http": ["relay/http/server.ts", "relay/targets/"],
  "node:https": ["relay/targets/"],
  "node:child_process": ["relay/targets/module/handler-process.ts", "relay/recovery/child.ts"],
  "node:fs": [
    "lib/text-file.ts",
    "relay/main.ts",
    "relay/process/files.ts",
    "relay/process/log-files.ts",
    "relay/admin/assets/assets.ts",
    "relay/storage/files/audit-trail.ts",
    "relay/storage/journal/",
    "relay/storage/redis/scripts.ts",
    "relay/targets/",
    "relay/storage/files/probe.ts",
  ],
  "node:fs/promises": [
    "lib/text-file.ts",
    "relay/storage/backup/",
    "relay/main.ts",
    "relay/storage/files/heartbeat.ts",
    "relay/process/files.ts",
    "relay/storage/files/audit-trail.ts",
    "relay/recovery/child.ts",
    "relay/storage/files/last-hour.ts",
    "relay/storage/files/migration.ts",
    "relay/storage/files/secrets.ts",
    "relay/storage/files/small-files.ts",
    "relay/process/log-files.ts",
    "relay/storage/journal/",
    "relay/storage/redis/scripts.ts",
    "relay/targets/",
    "component/main.ts",
  ],
  "node:process": ["relay/main.ts", "component/main.ts"],
  commander: ["cli/program.ts"],
};

/** Files that know the process. The lock names its holder by pid; a handler's process is one of its own. */
const PROCESS = new Set([
  "relay/main.ts",
  "component/main.ts",
  "cli/main.ts",
  "relay/storage/journal/lock.ts",
  "relay/storage/journal/lock-holder.ts",
  "relay/routing/rules-thread.ts",
  "relay/targets/module/handler-process.ts",
  "relay/targets/module/index.ts",
  "relay/targets/module/thread-entry.ts",
]);

describe("only adapters import what does I/O", () => {
  const uses = (source: Source, library: string): boolean =>
    source.imports.some((i) => !i.isType && i.file === null && libraryOf(i) === library);

  test.each(Object.entries(adapters))("%s", (library, allowed) => {
    const isAllowed = (file: string): boolean =>
      allowed.some((place) => (place.endsWith(".ts") ? file === place : file.startsWith(place)));
    const users = sources.filter((source) => uses(source, library)).map(({ file }) => file);
    expect(users.filter((file) => !isAllowed(file))).toEqual([]);
  });

  test("lib/ does no I/O but its log lines, the requests to GitLab and the reading of files that somebody named", () => {
    for (const library of Object.keys(adapters).filter((name) => name !== "pino")) {
      const users = within("lib").filter((source) => uses(source, library));
      const others = users.filter(({ file }) => file !== "lib/text-file.ts");
      expect(others.filter(({ file }) => !file.startsWith("lib/gitlab/"))).toEqual([]);
    }
  });

  test("only the entries know the process", () => {
    const users = sources.filter(({ usesProcess }) => usesProcess).map(({ file }) => file);
    expect(users.filter((file) => !PROCESS.has(file))).toEqual([]);
  });

  test("packages that are imported are those that package.json names, at one exact version", () => {
    const manifest = JSON.parse(readFileSync(`${root}package.json`, "utf8")) as {
      dependencies: Record<string, string>;
      optionalDependencies: Record<string, string>;
    };
    const dependencies = { ...manifest.dependencies, ...manifest.optionalDependencies };
    const imported = sources.flatMap(({ imports }) =>
      imports.filter((i) => i.file === null && !i.specifier.startsWith("node:")).map(libraryOf),
    );
    expect([...new Set(imported)].filter((name) => !(name in dependencies))).toEqual([]);
    for (const version of Object.values(dependencies)) expect(version).toMatch(/^\d+\.\d+\.\d+$/);
  });
});
