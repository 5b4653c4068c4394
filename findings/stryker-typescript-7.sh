#!/usr/bin/env bash
# @stryker-mutator/core 9.6.1 (the last that runs on Node 20) with typescript 7.0.2. Stryker rewrites a project's tsconfig.json through the
# compiler's API, and TypeScript 7's package has none. A good guess: mutation testing needs the compiler only with the TypeScript checker.
# Seen: "TypeError: ts.parseConfigFileTextToJson is not a function", exit status not 0; with `tsconfigFile` set to a file that does not
# exist, the run goes on and kills the mutants.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts -E @stryker-mutator/core@9.6.1 typescript@7.0.2
echo '{}' > tsconfig.json
echo 'exports.add = (a, b) => a + b;' > add.js
echo 'if (require("./add.js").add(1, 2) !== 3) process.exit(1);' > test.js
npm pkg set scripts.test="node test.js"
config() { printf '{"testRunner":"command","mutate":["add.js"],"reporters":[]%s}' "$1" > stryker.config.json; }
config ''
if output=$(npx stryker run 2>&1); then echo "the run went through"; exit 1; fi
grep -o 'TypeError: ts.parseConfigFileTextToJson is not a function' <<<"$output" | head -1
config ',"tsconfigFile":"none.json"'
npx stryker run >/dev/null
echo "with tsconfigFile pointing nowhere: exit status 0"
