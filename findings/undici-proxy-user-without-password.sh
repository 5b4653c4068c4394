#!/usr/bin/env bash
# undici 7.30.2, ProxyAgent. `http://user@proxy:3128` sends no Proxy-Authorization; `http://user:@proxy:3128` neither. With a password it does.
# A good guess: a user name with an empty password is sent as basic authentication, as curl does; proxies that want a token as the user
# name are addressed like this.
# Seen: null, null, "Basic dXNlcjpw".
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts -E undici@7.30.2
cat > run.mjs <<'JS'
import { once } from "node:events";
import { createServer } from "node:http";
import { ProxyAgent, request } from "undici";

async function authorization(user) {
  let header = null;
  const see = (incoming) => (header = incoming.headers["proxy-authorization"] ?? null);
  const proxy = createServer((incoming, answer) => (see(incoming), answer.end()));
  proxy.on("connect", (incoming, socket) => (see(incoming), socket.end("HTTP/1.1 502 Refused\r\n\r\n")));
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  const agent = new ProxyAgent(`http://${user}@127.0.0.1:${proxy.address().port}`);
  await request("https://127.0.0.1:1/", { dispatcher: agent }).catch(() => {});
  await agent.destroy();
  proxy.close();
  return header;
}

const seen = [await authorization("user"), await authorization("user:"), await authorization("user:p")];
console.log(process.version, "undici 7.30.2", seen);
if (JSON.stringify(seen) !== JSON.stringify([null, null, "Basic dXNlcjpw"])) process.exit(1);
JS
node run.mjs
