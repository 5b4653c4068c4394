/** How an answer goes out: to the socket's own response if there is one, else as a web response. */
import type { ServerResponse } from "node:http";
import type { Clock } from "../../lib/clock.ts";
import type { Reply } from "./answer.ts";
import { discardRest } from "./unwanted.ts";
import type { SocketRequest } from "./request.ts";
import type { UnverifiedBodies } from "./unverified.ts";

/** What reading on without keeping anything takes. */
export interface Lingering {
  readonly unverified: UnverifiedBodies;
  readonly clock: Clock;
}

export function respond({ incoming, outgoing }: SocketRequest, answer: Reply, lingering: Lingering): void {
  // The sender is gone.
  if (outgoing.destroyed) return;
  writeHead(outgoing, answer);
  if (answer.connection === "drained") {
    outgoing.write(answer.body);
    void discardRest(incoming, lingering.unverified, lingering.clock).then(() => outgoing.end());
    return;
  }
  outgoing.end(answer.body);
  if (answer.connection === "skipped") incoming.resume();
}

function writeHead(outgoing: ServerResponse, answer: Reply): void {
  const length = Buffer.byteLength(answer.body);
  if (answer.connection === "kept" && answer.retryAfterSeconds === undefined) {
    outgoing.writeHead(answer.status, { "Content-Type": "application/json", "Content-Length": length });
    return;
  }
  outgoing.writeHead(answer.status, { ...extraHeaders(answer), "Content-Length": length });
}

function extraHeaders({ connection, retryAfterSeconds }: Reply): Record<string, string> {
  const isLast = connection === "closed" || connection === "drained";
  return {
    "Content-Type": "application/json",
    ...(retryAfterSeconds === undefined ? {} : { "Retry-After": String(retryAfterSeconds) }),
    ...(isLast ? { Connection: "close" } : {}),
  };
}

/** For a request that came without a socket. */
export function toResponse(answer: Reply): Response {
  return new Response(answer.body, { status: answer.status, headers: extraHeaders(answer) });
}
