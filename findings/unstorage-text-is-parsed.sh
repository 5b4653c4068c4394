#!/usr/bin/env bash
# unstorage 1.17.6. getItem() parses every text that looks like JSON, also one that setItem() was given as a text.
# A good guess: a text comes back as the text that was stored, or at least as JSON.parse() would read it.
# Seen: "1e3" comes back as the number 1000 and "TRUE" as true; of a JSON text, ids above 2^53 are rounded and members named
# "constructor" that hold a prototype are left out. Only setItemRaw() and getItemRaw() keep bytes as they are.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null && npm install --silent --no-audit --no-fund unstorage@1.17.6
cat > run.mjs <<'JS'
import { deepStrictEqual } from "node:assert";
import { createStorage } from "unstorage";
import fs from "unstorage/drivers/fs";

const storage = createStorage({ driver: fs({ base: "./data" }) });
const back = async (text) => {
  await storage.setItem("key", text);
  return storage.getItem("key");
};
const seen = [
  await back("1e3"),
  await back("TRUE"),
  JSON.stringify(await back('{"id":9007199254740993}')),
  JSON.stringify(await back('{"constructor":{"prototype":"oak"},"kind":"push"}')),
];
console.log(seen);
deepStrictEqual(seen, [1000, true, '{"id":9007199254740992}', '{"kind":"push"}']);
JS
node run.mjs
