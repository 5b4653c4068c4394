#!/usr/bin/env bash
# typescript 7.0.2. `import ts from "typescript"` gives no compiler API: no createProgram, no createSourceFile, no forEachChild.
# A good guess: the package has the API of 5.x, so that a script that reads its own sources goes on working after an upgrade.
# Seen: 7.0.2 lacks all three; 5.9.3 has them.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts -E typescript@7.0.2 typescript5@npm:typescript@5.9.3
cat > run.mjs <<'JS'
const wanted = ["createProgram", "createSourceFile", "forEachChild"];
const has = async (name) => {
  const loaded = await import(name);
  const api = loaded.default ?? loaded;
  return wanted.filter((one) => typeof api[one] === "function");
};
const seen = { "typescript 7.0.2": await has("typescript"), "typescript 5.9.3": await has("typescript5") };
console.log(process.version, seen);
if (seen["typescript 7.0.2"].length !== 0 || seen["typescript 5.9.3"].length !== 3) process.exit(1);
JS
node run.mjs
