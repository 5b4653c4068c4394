#!/usr/bin/env bash
# @hono/node-server 2.1.8 on Node 20 and 24. After serve(), what fetch() returns is no `instanceof Response`.
# A good guess: a server leaves the globals of the process alone, and an answer of fetch() is a Response in every process.
# Seen: serve() puts a Response and a Request of its own into globalThis, so that checks by instanceof in libraries of the same process say
# no to fetch()'s answers. With overrideGlobalObjects: false they say yes.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null && npm install --silent --no-audit --no-fund @hono/node-server@2.1.8 hono@4.13.19
cat > run.mjs <<'JS'
import { serve } from "@hono/node-server";

const overrideGlobalObjects = process.argv[2] !== "off";
const server = serve({ fetch: () => new Response("hello"), port: 0, hostname: "127.0.0.1", overrideGlobalObjects });
await new Promise((resolve) => server.once("listening", resolve));
const answer = await fetch(`http://127.0.0.1:${server.address().port}/`);
console.log(answer instanceof Response);
server.closeAllConnections();
server.close();
JS
seen="$(node run.mjs) $(node run.mjs off)"
echo "$seen"
test "$seen" = "false true"
