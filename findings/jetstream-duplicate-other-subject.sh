#!/usr/bin/env bash
# @nats-io/jetstream 3.4.0 with nats-server 2.9 (Debian). Message ids are compared per stream, whatever the subject.
# A good guess: the same id under another subject is another message, and a message that was not stored is not acknowledged.
# Seen: the second publish resolves with the sequence of the first one and duplicate: true, and the stream holds one message. And a publish to a
# subject that no stream has says JetStreamNotEnabled, although JetStream is on. Needs nats-server.
set -euo pipefail
folder=$(mktemp -d); trap 'kill "$nats" 2>/dev/null || true; rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null && npm install --silent --no-audit --no-fund @nats-io/jetstream@3.4.0 @nats-io/transport-node@3.4.0
nats-server --jetstream --store_dir "$folder/store" --addr 127.0.0.1 --port -1 --ports_file_dir "$folder" >/dev/null 2>&1 & nats=$!
until compgen -G "$folder/*.ports" >/dev/null; do read -rt 0.05 <> <(:) || true; done
cat > run.mjs <<'JS'
import { deepStrictEqual } from "node:assert";
import { readdirSync, readFileSync } from "node:fs";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";

const ports = readdirSync(".").find((name) => name.endsWith(".ports"));
const connection = await connect({ servers: JSON.parse(readFileSync(ports, "utf8")).nats });
const manager = await jetstreamManager(connection);
await manager.streams.add({ name: "events", subjects: ["gitlab.>"] });
const stream = jetstream(connection);
await stream.publish("gitlab.push.team-a", "{}", { msgID: "event-1" });
const { seq, duplicate } = await stream.publish("gitlab.push.team-b", "{}", { msgID: "event-1" });
const { messages } = (await manager.streams.info("events")).state;
const elsewhere = await stream.publish("other.push", "{}").catch((error) => error.name);
const seen = { seq, duplicate, messages, elsewhere };
console.log(seen);
await connection.close();
deepStrictEqual(seen, { seq: 1, duplicate: true, messages: 1, elsewhere: "JetStreamNotEnabled" });
JS
node run.mjs
