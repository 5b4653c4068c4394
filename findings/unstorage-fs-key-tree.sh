#!/usr/bin/env bash
# unstorage 1.17.6, driver fs. A key excludes all keys below it, and the other way round.
# A good guess: a store of keys and values takes any set of keys, as the memory driver does.
# Seen: once "project" is stored, storing "project:42" is an ENOTDIR, and the other way round an
# EISDIR. The memory driver takes both, so tests on it do not show this.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null && npm install --silent --no-audit --no-fund unstorage@1.17.6
cat > run.mjs <<'JS'
import { deepStrictEqual } from "node:assert";
import { createStorage } from "unstorage";
import fs from "unstorage/drivers/fs";

const trial = async (storage) => {
  const code = (promise) => promise.then(() => "stored", (error) => error.code);
  await storage.setItem("project", "x");
  const below = await code(storage.setItem("project:42", "y"));
  await storage.setItem("group:1", "x");
  const above = await code(storage.setItem("group", "y"));
  return { below, above };
};
const seen = {
  fs: await trial(createStorage({ driver: fs({ base: "./data" }) })),
  memory: await trial(createStorage()),
};
console.log(seen);
deepStrictEqual(seen, {
  fs: { below: "ENOTDIR", above: "EISDIR" },
  memory: { below: "stored", above: "stored" },
});
JS
node run.mjs
