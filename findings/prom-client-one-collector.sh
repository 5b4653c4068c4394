#!/usr/bin/env bash
# prom-client 15.1.3. One metric whose collect() fails costs the whole scrape.
# A good guess: that metric is left out and the others are served, as in the Go client's ContinueOnError.
# Seen: registry.metrics() rejects with that collector's error, so a gauge that asks a broken database hides every counter beside it.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null && npm install --silent --no-audit --no-fund prom-client@15.1.3
cat > run.mjs <<'JS'
import { Counter, Gauge, Registry } from "prom-client";

const registry = new Registry();
new Counter({ name: "requests_total", help: "Requests.", registers: [registry] }).inc(3);
new Gauge({
  name: "rows",
  help: "Rows.",
  registers: [registry],
  collect() {
    throw new Error("database is away");
  },
});
const seen = await registry.metrics().catch(({ message }) => `rejected: ${message}`);
console.log(seen);
if (seen !== "rejected: database is away") process.exit(1);
JS
node run.mjs
