#!/usr/bin/env bash
# undici 7.30.2. A ProxyAgent from its own file, undici/lib/dispatcher/proxy-agent.js, cannot reach anything: `connect` and `request` are put
# on the prototype of all dispatchers by undici's index.js alone. A good guess: a class works without the index of its package, as Agent from
# undici/lib/dispatcher/agent.js does with dispatch(), in 4 MB less.
# Seen: the same exchange through the same proxy answers 200 once the index was loaded, and fails before.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null && npm install --silent --no-audit --no-fund undici@7.30.2
cat > run.mjs <<'JS'
import { deepStrictEqual } from "node:assert";
import { once } from "node:events";
import { createServer } from "node:http";
import { connect } from "node:net";
import ProxyAgent from "undici/lib/dispatcher/proxy-agent.js";

const server = createServer((_, answer) => answer.end("hello"));
server.listen(0, "127.0.0.1");
const proxy = createServer();
proxy.on("connect", (_, client) => {
  const upstream = connect(server.address().port, "127.0.0.1", () => {
    client.write("HTTP/1.1 200 OK\r\n\r\n");
    client.pipe(upstream).pipe(client);
  });
  for (const socket of [client, upstream]) socket.on("error", () => socket.destroy());
});
proxy.listen(0, "127.0.0.1");
await Promise.all([once(server, "listening"), once(proxy, "listening")]);
const origin = `http://127.0.0.1:${server.address().port}`;

function exchange() {
  const agent = new ProxyAgent({ uri: `http://127.0.0.1:${proxy.address().port}`, proxyTunnel: true });
  return new Promise((resolve) => {
    agent.dispatch(
      { origin, path: "/", method: "GET" },
      {
        onRequestStart() {},
        onResponseStart: (_, status) => resolve(status),
        onResponseData() {},
        onResponseEnd() {},
        onResponseError: (_, error) => resolve(error.message),
      },
    );
  });
}

const seen = { alone: await exchange() };
await import("undici");
seen.withIndex = await exchange();
console.log(seen);
deepStrictEqual([typeof seen.alone, seen.withIndex], ["string", 200]);
process.exit(0);
JS
node run.mjs
