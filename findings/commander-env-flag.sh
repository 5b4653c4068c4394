#!/usr/bin/env bash
# commander 14.0.3. A flag that an environment variable sets is on whatever the variable holds.
# A good guess: DRY_RUN=false, DRY_RUN=0 and an empty DRY_RUN leave --dry-run off.
# Seen: all three turn it on; only a variable that is not set leaves it off. An empty variable also replaces a default of an option with a value.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null && npm install --silent --no-audit --no-fund commander@14.0.3
cat > run.mjs <<'JS'
import { deepStrictEqual } from "node:assert";
import { Command, Option } from "commander";

const options = (name, value) => {
  if (value !== undefined) process.env[name] = value;
  const program = new Command()
    .addOption(new Option("--dry-run").env("DRY_RUN"))
    .addOption(new Option("--chunk <n>").env("CHUNK").default("100"))
    .parse([], { from: "user" });
  delete process.env[name];
  return program.opts();
};
const seen = {
  unset: options("DRY_RUN"),
  false: options("DRY_RUN", "false").dryRun,
  zero: options("DRY_RUN", "0").dryRun,
  empty: options("DRY_RUN", "").dryRun,
  emptyChunk: options("CHUNK", "").chunk,
};
console.log(seen);
deepStrictEqual(seen, { unset: { chunk: "100" }, false: true, zero: true, empty: true, emptyChunk: "" });
JS
node run.mjs
