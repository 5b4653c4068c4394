#!/usr/bin/env bash
# re2js 2.10.0. "Linear time" is linear in text times program: a counted repetition is unrolled, so a short pattern can cost tens of
# times as much for each character of the text.
# A good guess: an engine without backtracking makes patterns of strangers safe, so that only the text's length needs a bound.
# Seen: `(?:[a-z]{1,1000})\d`, 19 characters, has a programSize() above 2,000 and takes tens of times as long for the same text as
# `(?:[a-z]+)\d`, which finds the same. Bound programSize().
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts -E re2js@2.10.0
cat > run.mjs <<'JS'
import { RE2JS } from "re2js";

const text = "a".repeat(4000);
function costOf(source) {
  const pattern = RE2JS.compile(source);
  const times = Array.from({ length: 5 }, () => {
    const start = process.cpuUsage();
    pattern.matcher(text).find();
    const { user, system } = process.cpuUsage(start);
    return (user + system) / 1000;
  });
  return { size: pattern.programSize(), ms: Math.min(...times) };
}
const short = costOf("(?:[a-z]+)\\d");
const counted = costOf("(?:[a-z]{1,1000})\\d");
console.log(process.version, "re2js 2.10.0", { short, counted, ratio: Math.round(counted.ms / Math.max(short.ms, 0.01)) });
if (counted.size < 2000 || counted.ms < 10 * short.ms) process.exit(1);
JS
node run.mjs
