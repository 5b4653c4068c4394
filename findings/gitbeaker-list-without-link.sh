#!/usr/bin/env bash
# @gitbeaker/rest 43.8.0. A list is followed by the header `Link` alone, although the same response says `X-Next-Page: 2`, which the
# library itself reads for `paginationInfo.next`. Behind a proxy that drops `Link`, all() returns the first page as if it were the list.
# A good guess: whichever header announces the next page is enough.
# Seen: with Link 3 hooks, without it 2, no error.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts -E @gitbeaker/rest@43.8.0
cat > run.mjs <<'JS'
import { createServer } from "node:http";
import { ProjectHooks } from "@gitbeaker/rest";

const hooks = [1, 2, 3].map((id) => ({ id, url: `https://receiver.example/${id}` }));
let withLink = true;
const server = createServer((request, response) => {
  const url = new URL(request.url, "http://127.0.0.1");
  const page = Number(url.searchParams.get("page") ?? 1);
  const next = page === 1 ? "2" : "";
  url.searchParams.set("page", next);
  response.setHeader("content-type", "application/json");
  response.setHeader("x-next-page", next);
  if (withLink && next !== "") response.setHeader("link", `<http://127.0.0.1:${server.address().port}${url.pathname}${url.search}>; rel="next"`);
  response.end(JSON.stringify(page === 1 ? hooks.slice(0, 2) : hooks.slice(2)));
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const api = new ProjectHooks({ host: `http://127.0.0.1:${server.address().port}`, token: "none" });
const first = (await api.all(1, { perPage: 2 })).length;
withLink = false;
const second = (await api.all(1, { perPage: 2 })).length;
server.close();
console.log(`with Link: ${first} hooks; with X-Next-Page alone: ${second} hooks`);
if (first !== 3 || second !== 2) process.exit(1);
JS
node run.mjs
