#!/usr/bin/env bash
# tsx 4.23.15. A .ts file without a package.json above it is CommonJS: top-level await is an error at the transform. As
# .mts the same file runs.
# A good guess: tsx decides by the syntax, as Node 24 does with the same file, so a script in a temporary folder runs.
# Seen: status 1 and "Top-level await is currently not supported with the "cjs" output format"; status 0 as .mts.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
mkdir tools loose; cd tools; npm init -y >/dev/null
npm install --silent --no-audit --no-fund -E tsx@4.23.15
cd ../loose
echo 'await Promise.resolve(); console.log("ran");' > a.ts; cp a.ts a.mts
tsx=../tools/node_modules/.bin/tsx
ts=0; "$tsx" a.ts > ts.log 2>&1 || ts=$?
mts=0; "$tsx" a.mts > mts.log 2>&1 || mts=$?
echo "node $(node --version), tsx 4.23.15: a.ts $ts ($(grep -o 'Top-level await[^.]*' ts.log | head -1)), a.mts $mts"
[ "$ts" = 1 ] && grep -q "Top-level await" ts.log && [ "$mts" = 0 ]
