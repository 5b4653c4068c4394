#!/usr/bin/env bash
# picomatch 4.0.7. `[!a]` is a class of "!" and "a". In POSIX shells, bash and minimatch it is "any character but a".
# A good guess: a glob library that is used for shell globs negates a bracket with `!`.
# Seen: picomatch fits "a" and "!", not "b"; minimatch 10.1.1 fits "b", not "a". `[^a]` negates in both.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts -E picomatch@4.0.7 minimatch@10.1.1
cat > run.mjs <<'JS'
import { minimatch } from "minimatch";
import picomatch from "picomatch";

const names = ["a", "b", "!"];
const fits = (match) => names.filter((name) => match(name)).join(" ");
const seen = {
  "picomatch [!a]": fits(picomatch("[!a]")),
  "minimatch [!a]": fits((name) => minimatch(name, "[!a]")),
  "picomatch [^a]": fits(picomatch("[^a]")),
};
console.log(seen);
const wanted = { "picomatch [!a]": "a !", "minimatch [!a]": "b !", "picomatch [^a]": "b !" };
if (JSON.stringify(seen) !== JSON.stringify(wanted)) process.exit(1);
JS
node run.mjs
