#!/usr/bin/env bash
# npm (seen with 10.8.2 and 11.19.1). `npm sbom --omit dev` leaves out a production dependency that a development dependency needs as
# well. A good guess: --omit leaves out what only development needs, as `npm ci --omit=dev` does.
# Here ms is a direct production dependency, and debug, a development dependency, needs it too.
# Seen: `npm ls --omit dev` lists ms; the bill of materials with --omit dev has 0 components, without it 2.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts -E ms@2.1.3
npm install --silent --no-audit --no-fund --ignore-scripts -D -E debug@4.4.0
count() { npm sbom --sbom-format cyclonedx "$@" | node -e 'process.stdin.toArray().then((c) => console.log(JSON.parse(Buffer.concat(c)).components.length))'; }
installed=$(npm ls --omit dev --parseable | grep -c node_modules/ms)
omitted=$(count --omit dev); all=$(count)
echo "npm $(npm --version): production has ms: $installed; components with --omit dev: $omitted, without: $all"
[ "$installed" = 1 ] && [ "$omitted" = 0 ] && [ "$all" = 2 ]
