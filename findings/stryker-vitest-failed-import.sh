#!/usr/bin/env bash
# @stryker-mutator/vitest-runner 9.6.1 with vitest 4.1.12. A mutant that makes a test file fail while it loads survives.
# A good guess: a test file that throws at its top level is a failed run, so the mutant is killed.
# Seen: vitest by itself fails on that mutant's code, while Stryker reports the same mutant as Survived: no test ran, so none failed.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @stryker-mutator/core@9.6.1 @stryker-mutator/vitest-runner@9.6.1 vitest@4.1.12
cat > key.mjs <<'JS'
export function keyOf(text) {
  if (text.length < 1) throw new Error("empty");
  return text;
}
JS
cat > key.test.mjs <<'JS'
import { expect, test } from "vitest";
import { keyOf } from "./key.mjs";

const key = keyOf("k");
test("keyOf() returns the text", () => expect(key).toBe("k"));
JS
echo 'export default { test: { include: ["key.test.mjs"] } };' > vitest.config.mjs
cat > stryker.config.json <<'JSON'
{ "testRunner": "vitest", "plugins": ["@stryker-mutator/vitest-runner"], "mutate": ["key.mjs"], "reporters": ["json"], "concurrency": 1,
  "coverageAnalysis": "all", "jsonReporter": { "fileName": "report.json" } }
JSON
npx stryker run >stryker.log 2>&1 || { tail -5 stryker.log; exit 1; }
seen=$(node -e '
  const { files } = JSON.parse(require("fs").readFileSync("report.json", "utf8"));
  const mutant = files["key.mjs"].mutants.find(({ mutatorName, replacement }) => mutatorName === "ConditionalExpression" && replacement === "true");
  console.log(mutant.status);')
sed -i 's/if (text.length < 1)/if (true)/' key.mjs
npx vitest run >vitest.log 2>&1 && alone=passed || alone=failed
echo "in Stryker: $seen; vitest alone: $alone"
test "$seen" = Survived && test "$alone" = failed
