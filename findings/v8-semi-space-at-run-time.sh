#!/usr/bin/env bash
# Node 20.20 (no packages). v8.setFlagsFromString("--max-semi-space-size=2") in a running program does not make the young generation smaller: the
# same flag on the command line does.
# A good guess: the flag is read when the young generation grows, so setting it first thing is soon enough, as it is for --optimize-for-size.
# Seen: the new space grows to the same size as without the flag.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
cat > run.mjs <<'JS'
import { execFileSync } from "node:child_process";
import { getHeapSpaceStatistics, setFlagsFromString } from "node:v8";

if (process.argv[2] !== undefined) {
  if (process.argv[2] === "run-time") setFlagsFromString("--max-semi-space-size=2");
  const kept = [];
  let most = 0;
  for (let n = 0; n < 3_000_000; n += 1) {
    kept[n % 100_000] = { n, text: `${n}` };
    if (n % 50_000 === 0) most = Math.max(most, getHeapSpaceStatistics().find((s) => s.space_name === "new_space").space_size);
  }
  console.log(most);
} else {
  const size = (...args) => Number(execFileSync(process.execPath, [...args.slice(1), "run.mjs", args[0]], { encoding: "utf8" })) / 2 ** 20;
  const seen = { none: size("none"), "run-time": size("run-time"), "command line": size("none", "--max-semi-space-size=2") };
  console.log(process.version, "MiB of new space at most", seen);
  if (!(seen["command line"] < seen.none && seen["run-time"] === seen.none)) process.exit(1);
}
JS
node run.mjs
