#!/usr/bin/env bash
# undici 7.30.2. headersTimeout below a second is about a second.
# A good guess: a time-out given in milliseconds ends the request after that many milliseconds, within a few.
# Seen: 50, 300 and 700 ms all end after one second, 1,000 after one and a half: the timer that undici uses for them ticks about twice a second.
# AbortSignal.timeout() is exact.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null && npm install --silent --no-audit --no-fund undici@7.30.2
cat > run.mjs <<'JS'
import { createServer } from "node:http";
import { request } from "undici";

const server = createServer(() => {});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const address = `http://127.0.0.1:${server.address().port}`;
const took = async (options) => {
  const began = performance.now();
  const name = await request(address, options).catch((error) => error.name);
  return [name, Math.round(performance.now() - began)];
};
const seen = {
  50: await took({ headersTimeout: 50 }),
  300: await took({ headersTimeout: 300 }),
  700: await took({ headersTimeout: 700 }),
  signal300: await took({ signal: AbortSignal.timeout(300) }),
};
console.log(seen);
server.closeAllConnections();
server.close();
const isLate = [50, 300, 700].every((ms) => seen[ms][0] === "HeadersTimeoutError" && seen[ms][1] >= 900);
if (!isLate || seen.signal300[1] >= 900) process.exit(1);
JS
node run.mjs
