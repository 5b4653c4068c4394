#!/usr/bin/env bash
# undici 7.30.2, EnvHttpProxyAgent. With http_proxy alone, requests to https addresses go through it too, also if https_proxy is set and
# empty; no_proxy has no networks, so 127.0.0.0/8 exempts nothing.
# A good guess: the variables mean what they mean to curl, which leaves https direct in the first two cases and knows networks in the third
# (since 7.86).
# Seen: undici asks the proxy in all three cases, curl in none.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts -E undici@7.30.2
cat > run.mjs <<'JS'
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { EnvHttpProxyAgent, request } from "undici";

/** A proxy that counts and refuses. */
async function proxy() {
  let asked = 0;
  const server = createServer((_, answer) => (asked++, answer.writeHead(502).end()));
  server.on("connect", (_, socket) => (asked++, socket.end("HTTP/1.1 502 Refused\r\n\r\n")));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { url: `http://127.0.0.1:${server.address().port}`, asked: () => asked, close: () => server.close() };
}

const CASES = [
  ["https, http_proxy alone", (proxy) => ({ http_proxy: proxy }), "https://127.0.0.1:1/"],
  ["https, https_proxy empty", (proxy) => ({ https_proxy: "", http_proxy: proxy }), "https://127.0.0.1:1/"],
  ["http, no_proxy=127.0.0.0/8", (proxy) => ({ http_proxy: proxy, no_proxy: "127.0.0.0/8" }), "http://127.0.0.1:1/"],
];

async function asks(env, send) {
  for (const name of ["http_proxy", "https_proxy", "no_proxy"])
    for (const one of [name, name.toUpperCase()]) delete process.env[one];
  const seen = await proxy();
  Object.assign(process.env, env(seen.url));
  await send();
  seen.close();
  return seen.asked() > 0;
}

async function byUndici(url) {
  const agent = new EnvHttpProxyAgent();
  await request(url, { dispatcher: agent, signal: AbortSignal.timeout(3000) }).catch(() => {});
  await agent.destroy();
}

async function byCurl(url) {
  const curl = spawn("curl", ["-s", "-m", "3", url]);
  await once(curl, "close");
}

const seen = {};
for (const [name, env, url] of CASES)
  seen[name] = { undici: await asks(env, () => byUndici(url)), curl: await asks(env, () => byCurl(url)) };
console.log(process.version, "undici 7.30.2", seen);
if (!Object.values(seen).every(({ undici, curl }) => undici && !curl)) process.exit(1);
JS
node run.mjs
