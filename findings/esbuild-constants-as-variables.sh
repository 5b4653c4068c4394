#!/usr/bin/env bash
# esbuild 0.28.2 and rolldown 1.2.19, Node 20. A bundle by esbuild has `var` for each top-level `const` of a module, whatever the target. V8
# takes a `const` of a module for what it is and reads a `var` anew at every use, so that a loop over a table takes longer bundled than not.
# A good guess: joining modules changes the files and not the code. Seen: `var` from esbuild, `const` from rolldown; the times are printed and
# not judged (a scanner of JSON took 6.6 us bundled by esbuild and 4.2 by rolldown).
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null && npm install --silent --no-audit --no-fund esbuild@0.28.2 rolldown@1.2.19
cat > table.mjs <<'JS'
const bytes = new Uint8Array(65_536).fill(0x61);
const classes = new Uint8Array(256).fill(1, 0, 0x20);

export function length(from) {
  let at = from;
  while (at < 65_535 && classes[bytes[at]] === 0) at += 1;
  return at - from;
}
JS
cat > entry.mjs <<'JS'
import { length } from "./table.mjs";

let sum = 0;
const best = [];
for (let round = 0; round < 40; round++) {
  const began = performance.now();
  for (let from = 0; from < 20; from++) sum += length(from);
  best.push(performance.now() - began);
}
console.log(`${process.argv[2]}: ${(Math.min(...best) * 50).toFixed(0)} us (${sum})`);
JS
cat > run.mjs <<'JS'
import { deepStrictEqual } from "node:assert";
import { readFileSync } from "node:fs";
import { build } from "esbuild";
import { rolldown } from "rolldown";

await build({ entryPoints: ["entry.mjs"], bundle: true, format: "esm", target: "node20", outfile: "esbuild.mjs" });
const bundle = await rolldown({ input: "entry.mjs" });
await bundle.write({ file: "rolldown.mjs", format: "esm" });
const seen = {};
for (const name of ["esbuild", "rolldown"])
  seen[name] = /(\w+) classes\b/.exec(readFileSync(`${name}.mjs`, "utf8"))[1];
console.log(seen);
deepStrictEqual(seen, { esbuild: "var", rolldown: "const" });
JS
node run.mjs
node entry.mjs modules
node esbuild.mjs esbuild
node rolldown.mjs rolldown
