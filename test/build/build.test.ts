/** What `npm run build` makes, made as the image's build stage makes it: from what .dockerignore lets through, and run without the sources. */
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { countingTarget, type CountingTarget } from "../helpers/recovery.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const TOKEN = "the-admin-token-of-this-test";
const SECRET = "the-secret-of-this-test-0123";

let folder: string;
let dist: string;
let target: CountingTarget;
const children: ChildProcess[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "build-"));
  const context = join(folder, "context");
  dist = join(folder, "dist");
  mkdirSync(context);
  const allowed = readFileSync(join(root, ".dockerignore"), "utf8").matchAll(/^!(.+)$/gm);
  for (const [, path = ""] of allowed) cpSync(join(root, path), join(context, path), { recursive: true });
  symlinkSync(join(root, "node_modules"), join(context, "node_modules"));
  execFileSync(process.execPath, ["--import", "tsx", join(context, "scripts/build.ts"), "--out", dist], {
    cwd: context,
    stdio: "pipe",
  });
  target = await countingTarget();
});
afterAll(async () => {
  for (const child of children) child.kill("SIGKILL");
  await target?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Runs a program of the build to its end. */
function run(program: string, ...args: string[]): string {
  return execFileSync(process.execPath, [join(dist, program), ...args], { cwd: folder, encoding: "utf8" });
}

/** A relay from the build, in a folder of its own. */
async function relay(settings: object): Promise<string> {
  const file = join(folder, "relay.yaml");
  writeFileSync(file, JSON.stringify(settings));
  const child = spawn(process.execPath, [join(dist, "relay.js"), "--config", file], {
    cwd: folder,
    env: { PATH: process.env["PATH"], PORT: "0", RELAY_ADMIN_TOKEN: TOKEN, GITLAB_WEBHOOK_SECRET: SECRET },
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(child);
  for await (const line of createInterface(child.stdout)) {
    const { event, url } = JSON.parse(line) as { readonly event: string; readonly url: string };
    if (event === "relay.listening") {
      child.stdout.resume();
      return url;
    }
  }
  throw new Error("the relay ended before it listened");
}

test("build: every program says its version without anything installed beside it", () => {
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
  for (const program of ["bin/gitlab-hook-relay.js", "relay.js", "installer.js"])
    expect([program, run(program, "--version").trim()]).toEqual([program, version]);
  expect(run("bin/gitlab-hook-relay.js", "install", "--help")).toContain("Usage");
});

test("build: the relay stores, delivers, runs a handler, judges with a thread and shows its pages", async () => {
  writeFileSync(
    join(folder, "handler.mjs"),
    `export const handle = async (event, ctx) => { await fetch(ctx.options.to, { method: "POST", body: JSON.stringify({ sequence: 7 }) }); };`,
  );
  const url = await relay({
    queue: { fs: { base: join(folder, "data") } },
    targets: {
      plain: { type: "http", url: target.url, allowPrivateNetworks: true },
      handled: { type: "module", handler: "./handler.mjs", options: { to: target.url } },
    },
  });
  const answer = await fetch(`${url}/webhooks/gitlab`, {
    method: "POST",
    headers: { "x-gitlab-token": SECRET, "x-gitlab-event": "Push Hook", "content-type": "application/json" },
    body: '{"object_kind":"push","project_id":1,"sequence":1}',
  });
  expect(answer.status).toBe(202);
  await target.counted(2);
  expect(target.arrivals.map(({ sequence }) => sequence).toSorted()).toEqual([1, 7]);
  const page = await fetch(url, { headers: { authorization: `Bearer ${TOKEN}` } });
  const html = await page.text();
  expect(html).toContain("\u2013");
  const [, style = ""] = /href="(\/assets\/[^"]+\.css)"/.exec(html) ?? [];
  expect((await fetch(url + style)).status).toBe(200);
});

test("build: a program is text of one byte for each character, of which V8 keeps half as much", () => {
  for (const program of ["relay.js", "installer.js", "cli.js"])
    expect([program, /[\u0100-\uffff]/.exec(readFileSync(join(dist, program), "utf8"))]).toEqual([
      program,
      null,
    ]);
});

test("build: a stack trace of it leads to the sources", () => {
  const map = JSON.parse(readFileSync(join(dist, "relay.js.map"), "utf8")) as { readonly sources: string[] };
  expect(map.sources.some((source) => source.endsWith("relay/storage/journal/writer.ts"))).toBe(true);
});

test("package: holds the programs, types, licences and nothing of the tests", () => {
  const [packed] = JSON.parse(
    execFileSync("npm", ["pack", "--dry-run", "--json", dist], { cwd: folder, encoding: "utf8" }),
  ) as readonly [{ readonly files: readonly { readonly path: string }[] }];
  const paths = packed.files.map(({ path }) => path);
  for (const wanted of [
    "relay.js",
    "cli.js",
    "installer.js",
    "LICENSE",
    "THIRD-PARTY-NOTICES",
    "lua/claim.lua",
  ])
    expect(paths).toContain(wanted);
  expect(paths.filter((path) => /test|bench|node_modules/.test(path))).toEqual([]);
  expect(readFileSync(join(dist, "THIRD-PARTY-NOTICES"), "utf8")).toMatch(/^hono \d/m);
});

test("package: npm would publish it, a pre-release under a tag of its own", () => {
  const publish = ["publish", "--dry-run", "--fetch-retries", "0", "--registry", "http://127.0.0.1:9", dist];
  expect(execFileSync("npm", publish, { cwd: folder, encoding: "utf8", stdio: "pipe" })).toMatch(
    /^\+ gitlab-hook-relay@/,
  );
  const { version, publishConfig } = JSON.parse(readFileSync(join(dist, "package.json"), "utf8")) as {
    readonly version: string;
    readonly publishConfig: { readonly tag?: string };
  };
  expect(publishConfig.tag).toBe(version.includes("-") ? "next" : undefined);
});

test("package: a handler is written against its types", () => {
  const project = join(folder, "project");
  mkdirSync(join(project, "node_modules"), { recursive: true });
  symlinkSync(dist, join(project, "node_modules/gitlab-hook-relay"));
  symlinkSync(join(root, "node_modules/@types"), join(project, "node_modules/@types"));
  const write = (name: string, text: string): void => writeFileSync(join(project, name), text);
  write(
    "tsconfig.json",
    '{"compilerOptions":{"module":"nodenext","strict":true,"noEmit":true,"types":["node"],"skipLibCheck":false},"files":["good.ts"]}',
  );
  const check = (): string => {
    try {
      return execFileSync(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", project], {
        encoding: "utf8",
      });
    } catch (error) {
      return (error as { readonly stdout: string }).stdout;
    }
  };
  const handler = (use: string): string =>
    `import type { HandleEvent } from "gitlab-hook-relay/handler";\nexport const handle: HandleEvent = (event, ctx) => { ${use} };\n`;
  write("package.json", '{"type":"module"}');
  write("good.ts", handler("ctx.log.info(event.kind ?? 'none', { attempt: ctx.attempt })"));
  expect(check()).toBe("");
  write("good.ts", handler("ctx.log.shout('no such thing')"));
  expect(check()).toContain("shout");
});
