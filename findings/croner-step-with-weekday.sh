#!/usr/bin/env bash
# croner 11.0.1. A step such as */2 in the day of the month, beside a day of the week, is "or": the job runs far more often than in cron.
# A good guess: croner reads a line as crontab does. There a field that begins with * restricts nothing by itself, so that `0 0 */2 * 1`
# means the odd days that are Mondays; both fields are alternatives only if neither begins with *.
# Seen: in November 2026 `0 0 */2 * 1` runs on 18 days: all 15 odd ones, and the Mondays 2, 16 and 30. The Mondays with an odd date are two.
# `+1` in place of `1` asks for both.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null && npm install --silent --no-audit --no-fund croner@11.0.1
cat > run.mjs <<'JS'
import { Cron } from "croner";

function daysOf(pattern) {
  const runs = new Cron(pattern, { timezone: "UTC" }).nextRuns(40, new Date("2026-10-31T12:00:00Z"));
  return runs.filter((run) => run.getUTCFullYear() === 2026 && run.getUTCMonth() === 10).map((run) => run.getUTCDate());
}
const either = daysOf("0 0 */2 * 1");
const both = daysOf("0 0 */2 * +1");
console.log({ either, both });
if (either.length !== 18 || either.filter((day) => day % 2 === 0).join() !== "2,16,30" || both.join() !== "9,23") process.exit(1);
JS
node run.mjs
