#!/usr/bin/env bash
# fast-check 4.11.0. A property that interruptAfterTimeLimit ends early counts as passed, however few of numRuns were played.
# A good guess: numRuns is what has to be played, so a run that was cut short fails, or says so.
# Seen: fc.assert() returns although a few of 1,000 runs were played; with markInterruptAsFailure it throws.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null && npm install --silent --no-audit --no-fund fast-check@4.11.0
cat > run.mjs <<'JS'
import * as fc from "fast-check";
import { setTimeout as pause } from "node:timers/promises";

async function outcome(options) {
  let runs = 0;
  const property = fc.asyncProperty(fc.nat(), async () => {
    runs += 1;
    await pause(50);
  });
  try {
    await fc.assert(property, { numRuns: 1000, interruptAfterTimeLimit: 200, ...options });
    return { passed: true, few: runs < 20 };
  } catch {
    return { passed: false, few: runs < 20 };
  }
}

const seen = { plain: await outcome({}), marked: await outcome({ markInterruptAsFailure: true }) };
console.log(seen);
if (!seen.plain.passed || !seen.plain.few || seen.marked.passed) process.exit(1);
JS
node run.mjs
