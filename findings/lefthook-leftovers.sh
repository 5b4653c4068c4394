#!/usr/bin/env bash
# lefthook 2.2.2. `npm install lefthook` writes lefthook.yml and a git hook into the repository at once (its install script runs `lefthook
# install`); `npm uninstall lefthook` leaves both, and the hook then complains at every commit.
# A good guess: a development dependency changes node_modules alone, and removing it undoes what it did.
# Seen: after the uninstall there are lefthook.yml and a hook, and a commit prints "Can't find lefthook in PATH".
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
git init -q . && git config user.email a@example.org && git config user.name a
npm init -y >/dev/null
env -u CI npm install --silent --no-audit --no-fund -D -E lefthook@2.2.2 --allow-scripts=lefthook 2>/dev/null || env -u CI npm install --silent --no-audit --no-fund -D -E lefthook@2.2.2
hooks=$(grep -l lefthook .git/hooks/* | wc -l)
npm uninstall --silent lefthook
left=$(grep -l lefthook .git/hooks/* | wc -l)
printf 'node_modules\n' > .gitignore; git add .gitignore
said=$(git commit -qm first 2>&1 | grep -o "Can't find lefthook in PATH" | head -1 || true)
echo "hooks after the install: $hooks; after the uninstall: $left; lefthook.yml: $(ls lefthook.yml); a commit says: $said"
[ "$hooks" -gt 0 ] && [ "$left" = "$hooks" ] && [ -f lefthook.yml ] && [ -n "$said" ]
