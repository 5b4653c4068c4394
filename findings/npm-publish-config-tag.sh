#!/usr/bin/env bash
# npm 11.19.1. `npm publish` of a pre-release with `publishConfig.tag` says "with tag latest" and publishes under the tag of the manifest.
# A good guess: what the notice names, dry run included, is the tag that users get.
# Seen: npm refuses a pre-release without a tag; with `"publishConfig": {"tag": "next"}` it takes it, prints
# "Publishing to ... with tag latest", and sends `"dist-tags": {"next": "1.0.0-rc.1"}`.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null && npm install --silent --no-audit --no-fund npm@11.19.1
mkdir package && echo '{"name":"some-package","version":"1.0.0-rc.1","publishConfig":{"tag":"next"}}' > package/package.json
cat > run.mjs <<'JS'
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { json } from "node:stream/consumers";

let sent;
const server = createServer(async (request, response) => {
  if (request.method === "PUT") sent = (await json(request))["dist-tags"];
  response.writeHead(request.method === "PUT" ? 200 : 404).end("{}");
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const host = `127.0.0.1:${server.address().port}`;
writeFileSync("package/.npmrc", `registry=http://${host}/\n//${host}/:_authToken=token\n`);
const npm = spawn(process.execPath, ["../node_modules/npm/bin/npm-cli.js", "publish"], { cwd: "package" });
let text = "";
npm.stdout.resume();
npm.stderr.on("data", (chunk) => (text += chunk));
const status = await new Promise((resolve) => npm.on("exit", resolve));
const told = /with tag (\S+)/.exec(text)?.[1];
console.log({ status, told, sent });
server.close();
if (status !== 0 || told !== "latest" || sent?.next !== "1.0.0-rc.1" || "latest" in sent) process.exit(1);
JS
node run.mjs
