#!/usr/bin/env bash
# node:util parseArgs, Node 20.20 (no packages). With `tokens: true` and `allowNegative: true`, the token of `--no-dry-run` has the name
# "dry-run" and no value: the same as `--dry-run`. Only `rawName` tells them apart.
# A good guess: the token says that the option is off, or keeps the name that was written.
# Seen: {"name":"dry-run","rawName":"--no-dry-run"} and {"name":"dry-run","rawName":"--dry-run"}; `values` has false and true.
set -euo pipefail
node -e '
const { parseArgs } = require("node:util");
const run = (args) => parseArgs({ args, allowNegative: true, tokens: true, options: { "dry-run": { type: "boolean" } } });
const seen = ["--no-dry-run", "--dry-run"].map((option) => {
  const { tokens: [{ name, rawName, value }], values } = run([option]);
  console.log(process.version, JSON.stringify({ name, rawName, value }), values["dry-run"]);
  return [name, value, values["dry-run"]];
});
if (JSON.stringify(seen) !== JSON.stringify([["dry-run", undefined, false], ["dry-run", undefined, true]])) process.exit(1);
'
