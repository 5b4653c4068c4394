#!/usr/bin/env bash
# @hono/node-server 2.1.8 on Node 20. RESPONSE_ALREADY_SENT works only if its module is loaded before the first listener is made.
# A good guess: a constant is the same whenever it is imported.
# Seen: imported after getRequestListener(), it is made of the Response that the library has put in place of the global one, so that the
# head of an answer that has gone out is written again: ERR_HTTP_HEADERS_SENT on standard error, after the right answer.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null && npm install --silent --no-audit --no-fund @hono/node-server@2.1.8 hono@4.13.19
cat > run.mjs <<'JS'
import { createServer } from "node:http";

const isLate = process.argv[2] === "late";
const load = () => import("@hono/node-server/utils/response");
if (!isLate) await load();
const { getRequestListener } = await import("@hono/node-server");
let marker;
const listener = getRequestListener((_request, { outgoing }) => {
  outgoing.end("hello");
  return marker;
});
({ RESPONSE_ALREADY_SENT: marker } = await load());
const server = createServer(listener);
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const answer = await fetch(`http://127.0.0.1:${server.address().port}/`);
console.log(await answer.text());
server.closeAllConnections();
server.close();
JS
early=$(node run.mjs early 2>&1 | grep -c ERR_HTTP_HEADERS_SENT || true)
late=$(node run.mjs late 2>&1 | grep -c ERR_HTTP_HEADERS_SENT || true)
echo "early: $early, late: $late"
test "$early" = 0 && test "$late" -gt 0
