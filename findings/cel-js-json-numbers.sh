#!/usr/bin/env bash
# @marcbachmann/cel-js 8.0.0. Numbers of a JSON document compare with whole numbers of an expression, and cannot be calculated with them.
# A good guess: if `count == 1` and `count > 0` are fine, so is `count % 2 == 0`.
# Seen: with {count: 2} both comparisons are true, while `count % 2 == 0`, `count + 1 > 2` and `count / 2 > 0` throw "no such overload":
# JavaScript's numbers are doubles, literals are integers. `int(count) % 2 == 0` works; `count + 1.0` does, too.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null && npm install --silent --no-audit --no-fund @marcbachmann/cel-js@8.0.0
cat > run.mjs <<'JS'
import { evaluate } from "@marcbachmann/cel-js";

function outcomeOf(expression) {
  try {
    return evaluate(expression, JSON.parse('{"count": 2}'));
  } catch (error) {
    return error.message.split("\n")[0];
  }
}
const fine = ["count == 2", "count > 0", "int(count) % 2 == 0", "count + 1.0 == 3.0"].map(outcomeOf);
const refused = ["count % 2 == 0", "count + 1 > 2", "count / 2 > 0"].map(outcomeOf);
console.log({ fine, refused });
if (fine.some((one) => one !== true) || !refused.every((one) => /no such overload/.test(one))) process.exit(1);
JS
node run.mjs
