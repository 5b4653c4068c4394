/**
 * The HTTP server, on Node and Deno: sockets, time-outs and limits of what comes before a request is one, and an end that
 * answers what is in flight.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { RequestError, getRequestListener, type HttpBindings } from "@hono/node-server";
import type { Clock } from "../../lib/clock.ts";
import { ConfigError, messageOf, systemCode } from "../../lib/errors.ts";
import { ShortLivedSet } from "../../lib/short-lived.ts";

export interface ServerTimeouts {
  /** Milliseconds for the headers of a request to come in. @default 10_000 */
  readonly headersMs?: number;
  /** Milliseconds for a whole request to come in. @default 90_000 */
  readonly requestMs?: number;
  /** Milliseconds that an idle connection is kept. @default 65_000, above the 60 s of common proxies */
  readonly idleMs?: number;
  /** Milliseconds between two looks for connections that are over time. @default 5000 */
  readonly checkMs?: number;
}

export interface ServerOptions {
  readonly fetch: (request: Request, env: HttpBindings) => Response | Promise<Response>;
  readonly host: string;
  readonly port: number;
  readonly clock: Clock;
  readonly timeouts?: ServerTimeouts;
}

export interface HttpServer {
  /** Where it listens, such as `http://127.0.0.1:8080`. */
  readonly url: string;
  readonly port: number;
  /**
   * Takes no more connections and ends those that are idle; resolves once all requests in flight are answered, or at the
   * deadline, at which what is left is cut.
   */
  close(deadlineMs: number): Promise<void>;
}

/** GitLab's headers: a token of up to 8 KB and 20 custom headers. */
const MAX_HEADER_BYTES = 65_536;

/** Resolves once it listens; rejects with a ConfigError where it cannot. */
export function listen(options: ServerOptions): Promise<HttpServer> {
  const timeouts = options.timeouts ?? {};
  let isClosing = false;
  const answer = getRequestListener((request, env) => options.fetch(request, env as HttpBindings), {
    // HTTP/1.0 has no Host header.
    hostname: "localhost",
    errorHandler: (error) =>
      error instanceof RequestError
        ? new Response(problem("malformed", "the request is not valid"), {
            status: 400,
            headers: JSON_HEADERS,
          })
        : new Response(problem("internal", "something went wrong"), { status: 500, headers: JSON_HEADERS }),
  });
  const inFlight = new ShortLivedSet<ServerResponse>();
  const respond = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    if (isClosing) outgoing.shouldKeepAlive = false;
    inFlight.add(outgoing);
    outgoing.once("close", () => inFlight.delete(outgoing));
    void answer(incoming, outgoing);
  };
  const server = createServer(
    {
      headersTimeout: timeouts.headersMs ?? 10_000,
      requestTimeout: timeouts.requestMs ?? 90_000,
      keepAliveTimeout: timeouts.idleMs ?? 65_000,
      connectionsCheckingInterval: timeouts.checkMs ?? 5000,
      maxHeaderSize: MAX_HEADER_BYTES,
      noDelay: true,
    },
    respond,
  );
  // Whether the body is wanted is decided by the headers: the body's reader asks for it.
  server.on("checkContinue", respond);
  server.on("checkExpectation", respond);
  server.on("clientError", refuseMalformed);

  return new Promise((resolve, reject) => {
    server.once("error", (error) => reject(listenError(error, options)));
    server.listen(options.port, options.host, () => {
      const { address, port, family } = server.address() as AddressInfo;
      resolve({
        url: `http://${family === "IPv6" ? `[${address}]` : address}:${port}`,
        port,
        close: (deadlineMs) =>
          new Promise((closed) => {
            isClosing = true;
            for (const outgoing of inFlight) outgoing.shouldKeepAlive = false;
            const timer = options.clock.after(deadlineMs, () => server.closeAllConnections());
            server.close(() => {
              timer.cancel();
              closed();
            });
            server.closeIdleConnections();
          }),
      });
    });
  });
}

const JSON_HEADERS = { "content-type": "application/json" };

function problem(code: string, message: string): string {
  return JSON.stringify({ error: { code, message } });
}

/** What the parser refuses never becomes a request; the answer is written by hand, unless one has begun. */
function refuseMalformed(error: Error, stream: unknown): void {
  const socket = stream as Socket & { readonly _httpMessage?: ServerResponse | null };
  if (!socket.writable || systemCode(error) === "ECONNRESET" || socket._httpMessage?.headersSent === true) {
    socket.destroy();
    return;
  }
  const [status, code, message] = malformedAnswer(systemCode(error));
  const body = problem(code, message);
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
  );
}

function malformedAnswer(code: string | null): readonly [string, string, string] {
  switch (code) {
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return ["408 Request Timeout", "timeout", "the request did not come in time"];
    case "HPE_HEADER_OVERFLOW":
      return ["431 Request Header Fields Too Large", "headers_too_large", "the headers are too large"];
    default:
      return ["400 Bad Request", "malformed", "the request is not valid HTTP"];
  }
}

function listenError(error: Error, { host, port }: ServerOptions): Error {
  const at = `${host}:${port}`;
  switch (systemCode(error)) {
    case "EADDRINUSE":
      return new ConfigError([
        { path: "PORT (server.port)", message: `${at} is in use by another program; choose another port` },
      ]);
    case "EACCES":
      return new ConfigError([{ path: "PORT (server.port)", message: `no permission to listen on ${at}` }]);
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return new ConfigError([
        { path: "HOST (server.host)", message: `this machine has no address ${host}` },
      ]);
    default:
      return new ConfigError([
        { path: "HOST, PORT", message: `cannot listen on ${at}: ${messageOf(error)}` },
      ]);
  }
}
