#!/usr/bin/env bash
# hono 4.13.19. What a path pattern with alternatives fits depends on which other routes the app has.
# A good guess: "/:key{p[0-9]+|system}" fits "p42" and "system" and nothing else, in every app.
# Seen: alone it does. Beside "/:a/x" and "/y/:b", which RegExpRouter does not take, SmartRouter uses TrieRouter, where each alternative has only
# one of the anchors: "p42x" and "a-system" fit as well. With "(?:p[0-9]+|system)" they never do.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null && npm install --silent --no-audit --no-fund hono@4.13.19
cat > run.mjs <<'JS'
import { deepStrictEqual } from "node:assert";
import { Hono } from "hono";

const statuses = async (pattern, others = []) => {
  const app = new Hono();
  for (const path of others) app.get(path, (c) => c.text("elsewhere"));
  app.get(`/:key{${pattern}}`, (c) => c.text("here"));
  return Promise.all(["p42", "system", "p42x", "a-system"].map(async (key) => (await app.request(`/${key}`)).status));
};
const others = ["/:a/x", "/y/:b"];
const seen = {
  alone: await statuses("p[0-9]+|system"),
  beside: await statuses("p[0-9]+|system", others),
  grouped: await statuses("(?:p[0-9]+|system)", others),
};
console.log(seen);
deepStrictEqual(seen, { alone: [200, 200, 404, 404], beside: [200, 200, 200, 200], grouped: [200, 200, 404, 404] });
JS
node run.mjs
