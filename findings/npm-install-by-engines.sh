#!/usr/bin/env bash
# npm 11.19.1 on Node 20. `npm install log-update` installs 7.2.0, the newest version whose `engines` fit, although the tag `latest` is
# 8.0.0 (Node >= 22). `npm view log-update version` says 8.0.0.
# A good guess: without a version npm installs what the tag `latest` says, and warns (EBADENGINE) if the engines do not fit.
# Seen on Node 20: installed and latest differ, without a warning.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --ignore-scripts log-update >install.log 2>&1
installed=$(node -p 'require("./node_modules/log-update/package.json").version')
latest=$(npm view log-update dist-tags.latest)
echo "node $(node --version), npm $(npm --version): installed $installed, latest $latest, warnings: $(grep -c EBADENGINE install.log || true)"
if [ "$(node -p 'process.versions.node.split(".")[0]')" -ge 22 ]; then [ "$installed" = "$latest" ]; else [ "$installed" != "$latest" ] && ! grep -q EBADENGINE install.log; fi
