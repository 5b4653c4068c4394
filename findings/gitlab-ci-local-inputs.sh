#!/usr/bin/env bash
# gitlab-ci-local 4.75.1 (Node 24; npm installs it on Node 20 too, where it cannot be loaded). Inputs are not what GitLab makes of them.
# A good guess: a pipeline that passes here is one that GitLab creates, with the same script.
# Seen: an input that the template does not declare is accepted, which GitLab refuses as unknown; a list inside a text is JSON, where GitLab puts
# Ruby's notation (["a\#{b}"], nil); interpolation functions leave the value as it is.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null && npm install --silent --no-audit --no-fund gitlab-ci-local@4.75.1 node@24.21.0
git init --quiet .
cat > part.yml <<'YAML'
spec:
  inputs:
    names: { type: array, default: ["a#{b}"] }
    word: { default: "relay" }
---
job:
  script:
    - echo '$[[ inputs.names ]] $[[ inputs.word | truncate(0,1) ]]'
YAML
cat > .gitlab-ci.yml <<'YAML'
include:
  - local: part.yml
    inputs: { word: hook, no-such-input: 1 }
YAML
git add part.yml .gitlab-ci.yml
seen=$(node_modules/node/bin/node node_modules/gitlab-ci-local/dist/index.js --preview 2>/dev/null | grep echo)
echo "$seen"
test "$seen" = "    - echo '[\"a#{b}\"] hook'"
