/**
 * The build against `npm start` of the sources: time from the start until the relay listens, and what it holds when nothing happens.
 * One command:
 *
 *   npx tsx bench/startup.ts [--rounds 7] [--base COMMIT]
 *
 * With --base the sources are those of that commit, checked out beside with their own dependencies. Both sides take turns; the table has
 * medians and their ratio.
 */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const { values: options } = parseArgs({
  options: { rounds: { type: "string", default: "7" }, base: { type: "string" } },
});
const root = fileURLToPath(new URL("..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "startup-"));
/** Time after which it is idle: what the start left behind has been collected. */
const IDLE_MS = 8000;

interface Figures {
  readonly startMs: number;
  readonly rssMb: number;
}

async function measured(cwd: string, args: readonly string[]): Promise<Figures> {
  const data = mkdtempSync(join(folder, "data-"));
  const began = performance.now();
  const child = spawn(process.execPath, args, {
    cwd,
    env: {
      PATH: process.env["PATH"],
      PORT: "0",
      RELAY_DATA_DIR: data,
      RELAY_ADMIN_TOKEN: "bench-admin-token-0123",
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let startMs = 0;
  for await (const line of createInterface(child.stdout)) {
    startMs = performance.now() - began;
    if (line.includes("relay.listening")) break;
  }
  child.stdout.resume();
  await sleep(IDLE_MS);
  const [, kb = "0"] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8")) ?? [];
  child.kill("SIGTERM");
  await once(child, "close");
  rmSync(data, { recursive: true, force: true });
  return { startMs, rssMb: Number(kb) / 1024 };
}

function checkedOut(commit: string): string {
  const tree = join(folder, "base");
  execFileSync("git", ["worktree", "add", "--quiet", "--detach", tree, commit], { cwd: root });
  execFileSync("npm", ["ci", "--no-audit", "--no-fund"], { cwd: tree, stdio: "ignore" });
  return tree;
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] as number;

const sources = options.base === undefined ? root : checkedOut(options.base);
execFileSync(
  process.execPath,
  ["--import", "tsx", join(root, "scripts/build.ts"), "--out", join(folder, "dist")],
  {
    cwd: root,
  },
);
const sides = { sources: [] as Figures[], build: [] as Figures[] };
for (let round = 0; round < Number(options.rounds); round += 1) {
  sides.sources.push(await measured(sources, ["--import", "tsx", "relay/main.ts"]));
  sides.build.push(await measured(folder, [join(folder, "dist/relay.js")]));
}
for (const [name, pick] of [
  ["start to listening, ms", (one: Figures) => one.startMs],
  ["idle RSS, MB", (one: Figures) => one.rssMb],
] as const) {
  const [before, after] = [median(sides.sources.map(pick)), median(sides.build.map(pick))];
  console.log(
    `${name}: npm start of the sources ${before.toFixed(0)}, the build ${after.toFixed(0)}, ratio ${(after / before).toFixed(2)}`,
  );
}
if (options.base !== undefined)
  execFileSync("git", ["worktree", "remove", "--force", sources], { cwd: root });
rmSync(folder, { recursive: true, force: true });
