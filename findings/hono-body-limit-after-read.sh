#!/usr/bin/env bash
# hono 4.13.19, middleware bodyLimit. If a middleware before it has read the body with c.req.text(), a request without Content-Length is answered
# with 500: bodyLimit makes a new Request around a body that is used up.
# A good guess: c.req.text() keeps what it has read, so that whatever reads the body later gets it from there, in any order of middleware.
# Seen: TypeError in bodyLimit, status 500; 200 with the two middlewares the other way round, and with a Content-Length.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null && npm install --silent --no-audit --no-fund hono@4.13.19
cat > run.mjs <<'JS'
import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";

const read = async (c, next) => {
  await c.req.text();
  await next();
};
const limit = bodyLimit({ maxSize: 100 });

async function status(middlewares, headers) {
  const app = new Hono();
  app.onError((error, c) => c.text(error.constructor.name, 500));
  for (const middleware of middlewares) app.use(middleware);
  app.post("/", async (c) => c.text(await c.req.text()));
  const body = new ReadableStream({
    start(controller) {
      controller.enqueue(new TextEncoder().encode("hello"));
      controller.close();
    },
  });
  const answer = await app.request("/", { method: "POST", body, duplex: "half", headers });
  return `${answer.status} ${await answer.text()}`;
}

const seen = {
  "read, limit": await status([read, limit]),
  "limit, read": await status([limit, read]),
  "read, limit, with a length": await status([read, limit], { "content-length": "5" }),
};
console.log(seen);
const right = seen["read, limit"].startsWith("500") && seen["limit, read"] === "200 hello" && seen["read, limit, with a length"] === "200 hello";
if (!right) process.exit(1);
JS
node run.mjs
