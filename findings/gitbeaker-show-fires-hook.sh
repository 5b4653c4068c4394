#!/usr/bin/env bash
# @gitbeaker/rest 43.8.0. SystemHooks.show() sends POST /hooks/:id, which is how GitLab tests a system hook: it fires a delivery.
# A good guess: show() is a GET, as ProjectHooks.show() is.
# Seen: the requests of both, at a local server.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null && npm install --silent --no-audit --no-fund @gitbeaker/rest@43.8.0
cat > run.mjs <<'JS'
import { deepStrictEqual } from "node:assert";
import { createServer } from "node:http";
import { Gitlab } from "@gitbeaker/rest";

const seen = [];
const server = createServer((request, response) => {
  seen.push(`${request.method} ${request.url}`);
  response.writeHead(200, { "content-type": "application/json" }).end('{"id":7}');
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const api = new Gitlab({ host: `http://127.0.0.1:${server.address().port}`, token: "token" });
await api.SystemHooks.show(7);
await api.ProjectHooks.show(1, 7);
server.closeAllConnections();
server.close();
console.log(seen);
deepStrictEqual(seen, ["POST /api/v4/hooks/7", "GET /api/v4/projects/1/hooks/7"]);
JS
node run.mjs
