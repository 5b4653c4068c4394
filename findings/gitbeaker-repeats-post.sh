#!/usr/bin/env bash
# @gitbeaker/rest 43.8.0. A 502 is repeated up to ten times, POST included, and all ten within a quarter of a second.
# A good guess: what is not idempotent is not repeated, Retry-After is honoured, and back-off is counted in seconds.
# Seen: ProjectHooks.add() against a server that creates the hook and answers 502 with Retry-After: 30, as a proxy does whose upstream
# was slow, sends ten POSTs in less than two seconds. On a GitLab that is ten hooks. The delay is 2 ** i * 0.25 milliseconds.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null && npm install --silent --no-audit --no-fund @gitbeaker/rest@43.8.0
cat > run.mjs <<'JS'
import { createServer } from "node:http";
import { Gitlab } from "@gitbeaker/rest";

const created = [];
const server = createServer((request, response) => {
  request.resume().on("end", () => {
    created.push(request.method);
    response.writeHead(502, { "retry-after": "30" }).end("upstream was slow");
  });
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const api = new Gitlab({ host: `http://127.0.0.1:${server.address().port}`, token: "token" });
const began = performance.now();
const error = await api.ProjectHooks.add(1, "http://receiver.example/").catch(({ name }) => name);
const isQuick = performance.now() - began < 2000;
console.log({ error, posts: created.length, isQuick });
server.close();
if (created.length !== 10 || created.some((method) => method !== "POST") || !isQuick) process.exit(1);
JS
node run.mjs
