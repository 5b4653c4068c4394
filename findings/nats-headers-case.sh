#!/usr/bin/env bash
# @nats-io/transport-node 3.4.0. Headers of a message tell upper from lower case, and a lookup in another case finds nothing.
# A good guess: `headers()` behaves as the Headers of fetch(), whose names it takes and whose methods it has.
# Seen: after `set("x-gitlab-event", ...)`, `get("X-Gitlab-Event")` is the empty string, as it is for a header that is not there, and
# `append` with the other spelling makes a second header. `Match.IgnoreCase` as a second argument finds it.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null && npm install --silent --no-audit --no-fund @nats-io/transport-node@3.4.0
cat > run.mjs <<'JS'
import { headers, Match } from "@nats-io/transport-node";

const sent = headers();
sent.set("x-gitlab-event", "Push Hook");
const other = sent.get("X-Gitlab-Event");
const absent = sent.get("x-not-there");
const ignoring = sent.get("X-Gitlab-Event", Match.IgnoreCase);
sent.append("X-Gitlab-Event", "Tag Push Hook");
const names = [...sent.keys()];
console.log({ other, absent, ignoring, names });
if (other !== "" || absent !== "" || names.length !== 2 || ignoring !== "Push Hook") process.exit(1);
JS
node run.mjs
