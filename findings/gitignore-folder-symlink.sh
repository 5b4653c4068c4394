#!/usr/bin/env bash
# git 2.x. `node_modules/` in .gitignore ignores a folder of that name, not a symbolic link to one: `git add -A` adds the link.
# A good guess: a link to a folder counts as the folder, as it does for nearly every other tool. A worktree that shares node_modules by a
# link commits the link, and a checkout elsewhere replaces the folder with it.
# Seen: the link is staged with `node_modules/`, and is ignored with `node_modules`.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
staged() {
  git init -q "$1"; ln -s .. "$1/node_modules"; printf '%s\n' "$2" > "$1/.gitignore"
  git -C "$1" add -A; git -C "$1" ls-files node_modules
}
with=$(staged one 'node_modules/'); without=$(staged two 'node_modules')
echo "$(git --version): with the slash \"$with\", without it \"$without\""
[ "$with" = node_modules ] && [ -z "$without" ]
