#!/usr/bin/env bash
# kubernetes-models 5.1.0. validate() accepts fields that the schema does not know, so a misspelt one is valid.
# A good guess: a validator built from Kubernetes' schemas finds "prots" in place of "ports", as kubectl apply --validate=strict does.
# Seen: a Service with spec.prots and no ports passes, while a port given as a text does not.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null && npm install --silent --no-audit --no-fund kubernetes-models@5.1.0
cat > run.mjs <<'JS'
import { deepStrictEqual } from "node:assert";
import { Service } from "kubernetes-models/v1";

const outcome = (spec) => {
  try {
    new Service({ metadata: { name: "relay" }, spec }).validate();
    return "valid";
  } catch (error) {
    return error.message.split(",")[0];
  }
};
const seen = { misspelt: outcome({ prots: [{ port: 80 }] }), wrongType: outcome({ ports: [{ port: "80" }] }) };
console.log(seen);
deepStrictEqual(seen, { misspelt: "valid", wrongType: "data/spec/ports/0/port must be integer" });
JS
node run.mjs
