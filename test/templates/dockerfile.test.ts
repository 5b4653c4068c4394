/** The Dockerfile, which no test can build: its instructions, and that the programs start from what it copies. */
import { spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "vitest";
import { available } from "../helpers/tools.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), "utf8");
const node24 = join(root, "test/runtimes/node_modules/.bin/node");

interface Instruction {
  readonly name: string;
  readonly words: readonly string[];
  readonly text: string;
}

function parseDockerfile(text: string): readonly Instruction[] {
  const joined = text
    .split("\n")
    .filter((line) => !/^\s*(#|$)/.test(line))
    .join("\n")
    .replace(/\\\n/g, " ");
  return joined.split("\n").map((line) => {
    const [name = "", ...words] = line.trim().split(/\s+/);
    return { name, words, text: words.join(" ") };
  });
}

const instructions = parseDockerfile(read("Dockerfile"));
const named = (name: string): readonly Instruction[] => instructions.filter((i) => i.name === name);
const lastStage = instructions.slice(instructions.lastIndexOf(named("FROM").at(-1) as Instruction));
const inLast = (name: string): readonly Instruction[] => lastStage.filter((i) => i.name === name);
/** Sources and place of what comes from the repository. */
const copied = instructions
  .filter((i) => i.name === "COPY" && !i.words.some((w) => w.startsWith("--from=")))
  .map((i) => ({ sources: i.words.slice(0, -1), target: i.words.at(-1) as string }));

let folder: string | null = null;
afterEach(() => {
  if (folder !== null) rmSync(folder, { recursive: true, force: true });
  folder = null;
});

test("Dockerfile: instructions that exist", () => {
  const known = new Set([
    "FROM",
    "WORKDIR",
    "COPY",
    "RUN",
    "ENV",
    "USER",
    "VOLUME",
    "EXPOSE",
    "HEALTHCHECK",
    "CMD",
  ]);
  expect(instructions.map((i) => i.name).filter((name) => !known.has(name))).toEqual([]);
});

test("Dockerfile: every base image is Node 24, pinned to a full version", () => {
  for (const { words } of named("FROM")) expect(words[0]).toMatch(/^node:24\.\d+\.\d+-alpine$/);
  const stages = new Set(named("FROM").map((i) => i.words[2]));
  const from = instructions.flatMap((i) => i.words.filter((w) => w.startsWith("--from=")));
  expect(from.filter((w) => !stages.has(w.slice("--from=".length)))).toEqual([]);
});

test("Dockerfile: ends as a user without rights, with the relay as command and no entrypoint", () => {
  expect(inLast("USER").map((i) => i.text)).toEqual(["node"]);
  const after = lastStage.slice(lastStage.findIndex((i) => i.name === "USER")).map((i) => i.name);
  expect(after).toEqual(["USER", "VOLUME", "EXPOSE", "HEALTHCHECK", "CMD"]);
  expect(JSON.parse(inLast("CMD")[0]?.text ?? "")).toEqual(["node", "relay/main.ts"]);
});

test("Dockerfile: listens on all addresses, keeps the queue on the volume", () => {
  const env = Object.fromEntries(
    inLast("ENV").flatMap((i) => i.words.map((w) => w.split("=") as [string, string])),
  );
  expect(env).toMatchObject({
    NODE_ENV: "production",
    HOST: "0.0.0.0",
    PORT: "8080",
    RELAY_DATA_DIR: "/data",
  });
  expect(inLast("VOLUME").map((i) => i.text)).toEqual(["/data"]);
  expect(inLast("EXPOSE").map((i) => i.text)).toEqual([env["PORT"]]);
  expect(inLast("RUN")[0]?.text).toContain("mkdir /data && chown node:node /data");
});

test("Dockerfile: installs what the lock file says, without development packages or install scripts", () => {
  const installs = named("RUN").filter((i) => i.text.includes("npm"));
  expect(installs.map((i) => i.text)).toEqual(["npm ci --omit=dev --ignore-scripts --no-audit --no-fund"]);
});

test("Dockerfile: what it copies exists and .dockerignore lets through, no more and no less", () => {
  const sources = [...new Set(copied.flatMap((c) => c.sources))];
  for (const source of sources) expect(existsSync(join(root, source)), source).toBe(true);
  for (const {
    sources: [source],
    target,
  } of copied.filter((c) => c.sources.length === 1)) {
    expect(statSync(join(root, source as string)).isDirectory()).toBe(target === `./${source}`);
  }
  const allowed = read(".dockerignore")
    .split("\n")
    .filter((line) => line.startsWith("!"));
  expect(allowed.map((line) => line.slice(1)).sort()).toEqual(sources.sort());
  expect(read(".dockerignore")).toMatch(/^\*$/m);
});

/** A static import or re-export of a package; one over several lines ends like this, too. */
const STATEMENT = /^(?:import|export|\}).* from "([^".][^"]*)";$/gm;

test("image: holds every package that its programs import, and the simulator that the pipeline runs in it", () => {
  const { dependencies } = JSON.parse(read("package.json")) as { dependencies: Record<string, string> };
  const folders = ["lib", "relay", "component", "test/simulator"];
  const imported = folders
    .flatMap((path) =>
      readdirSync(join(root, path), { recursive: true, encoding: "utf8" }).map((f) => join(path, f)),
    )
    .filter((path) => path.endsWith(".ts") && !path.endsWith(".test.ts"))
    .flatMap((path) => [...read(path).matchAll(STATEMENT)].map((m) => m[1] as string));
  const packages = imported.map((name) =>
    name
      .split("/")
      .slice(0, name.startsWith("@") ? 2 : 1)
      .join("/"),
  );
  expect(new Set(packages)).toContain("hono");
  const missing = packages.filter((name) => !name.startsWith("node:") && !Object.hasOwn(dependencies, name));
  expect([...new Set(missing)]).toEqual([]);
});

/** A folder with what the last stage holds; the dependencies are this checkout's. */
function image(): string {
  folder = mkdtempSync(join(tmpdir(), "image-"));
  const paths = inLast("COPY").filter((i) => !i.text.startsWith("--from="));
  for (const path of paths.flatMap((i) => i.words.slice(0, -1))) {
    cpSync(join(root, path), join(folder, path), { recursive: true });
  }
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  return folder;
}

test.runIf(available("node24", existsSync(node24)))(
  "image: the programs start on Node 24 from the copied files alone",
  { timeout: 60_000 },
  () => {
    const app = image();
    for (const program of ["relay/main.ts", "component/main.ts", "cli/main.ts"]) {
      const run = spawnSync(node24, [join(app, program), "--help"], { cwd: tmpdir(), encoding: "utf8" });
      expect({ program, status: run.status, stderr: run.stderr }).toEqual({ program, status: 0, stderr: "" });
      expect(run.stdout).toContain("Usage");
    }
  },
);

test("HEALTHCHECK: a plain Node program that succeeds only on a healthy answer", () => {
  const [text = ""] = inLast("HEALTHCHECK").map((i) => i.text);
  const [, program, script] = JSON.parse(text.slice(text.indexOf("CMD ") + 4)) as string[];
  expect(program).toBe("-e");
  const refused = spawnSync(process.execPath, ["-e", script as string], { env: { PORT: "1" } });
  expect(refused.status).toBe(1);
});
