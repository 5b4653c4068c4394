#!/usr/bin/env bash
# node:http, Node 20.20 and 24.21 (no packages). In a listener for 'clientError', `socket.end(answer)`, which Node's documentation shows, leaves the
# connection open for as long as the client keeps its side open: the server's sockets allow half-open connections.
# A good guess: end() after a bad request closes the connection, as it does after any answer with `Connection: close`.
# Seen: a second after the answer the server still counts one connection; with `socket.destroySoon()` it counts none.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
cat > run.mjs <<'JS'
import { once } from "node:events";
import { createServer } from "node:http";
import { connect } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";

async function connectionsLeft(finish) {
  const server = createServer();
  server.on("clientError", (_, socket) => finish(socket, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const client = connect({ port: server.address().port, allowHalfOpen: true }, () => client.write("this is no HTTP\r\n\r\n"));
  client.on("error", () => {});
  client.resume();
  await once(client, "end");
  await pause(1000);
  const left = await promisify(server.getConnections.bind(server))();
  client.destroy();
  server.close();
  return left;
}

const seen = {
  "end()": await connectionsLeft((socket, answer) => socket.end(answer)),
  "destroySoon()": await connectionsLeft((socket, answer) => (socket.write(answer), socket.destroySoon())),
};
console.log(process.version, seen);
if (seen["end()"] !== 1 || seen["destroySoon()"] !== 0) process.exit(1);
JS
node run.mjs
