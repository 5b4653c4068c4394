#!/usr/bin/env bash
# smee-client 5.0.0. What reaches the local program is not the body that was sent: the client parses it and writes it anew.
# A good guess: a tunnel for webhooks hands on the bytes, so that a signature over them can be checked.
# Seen: escapes, spaces and "1.0" are written another way and an id above 2^53 is another number; the HMAC of the body differs. The
# channel here is a local event stream in the form that smee.io sends.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null && npm install --silent --no-audit --no-fund smee-client@5.0.0
cat > run.mjs <<'JS'
import { createServer } from "node:http";
import { createHmac } from "node:crypto";
import { SmeeClient } from "smee-client";

const sent = '{ "id": 9007199254740993, "note": "caf\\u00e9", "ratio": 1.0 }';
const listen = (server) => new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server.address().port)));
const sign = (body) => createHmac("sha256", "secret").update(body).digest("hex");
const channel = createServer((_request, response) => {
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.write(`event: ready\ndata: {}\n\nid: 1\ndata: ${JSON.stringify({ body: JSON.parse(sent), query: {} })}\n\n`);
});
let arrived;
const body = new Promise((resolve) => (arrived = resolve));
const program = createServer(async (request, response) => {
  const chunks = await request.toArray();
  response.end();
  arrived(Buffer.concat(chunks).toString());
});
const source = `http://127.0.0.1:${await listen(channel)}/channel`;
const target = `http://127.0.0.1:${await listen(program)}/`;
await new SmeeClient({ source, target, logger: { info() {}, error() {} } }).start();
const got = await body;
const seen = { got, isSameSignature: sign(got) === sign(sent) };
console.log(seen);
process.exit(got === '{"id":9007199254740992,"note":"café","ratio":1}' && !seen.isSameSignature ? 0 : 1);
JS
node run.mjs
