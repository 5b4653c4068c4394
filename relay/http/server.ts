/**
 * The HTTP server, on Node and Deno: sockets, time-outs and limits of what comes before a request is one, and an end that
 * answers what is in flight.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { RequestError, getRequestListener, type HttpBindings } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import type { Clock } from "../../lib/clock.ts";
import { ConfigError, messageOf, systemCode } from "../../lib/errors.ts";
import { ShortLivedSet } from "../../lib/short-lived.ts";
import { errorBody, refuseConnect, refuseMalformed } from "./unparsed.ts";

/**
 * What `fetch` returns for a request that was answered from its socket. It is made while modules are loaded, and must be: the listener
 * puts its own class in the place of the global Response, and takes objects of that class for answers that are still to be written.
 */
export const ALREADY_ANSWERED = RESPONSE_ALREADY_SENT;

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
  /**
   * Asked first: true if it answers the request itself, from the socket. It never throws.
   * @default all requests go to `fetch`
   */
  readonly take?: (incoming: IncomingMessage, outgoing: ServerResponse) => boolean;
  readonly host: string;
  readonly port: number;
  readonly clock: Clock;
  readonly timeouts?: ServerTimeouts;
  /** Path and query of a request as its handler is to read them. @default as they came */
  readonly inbound?: (url: string) => string;
  /** Connections that may be open at once; read for each new one. @default no limit */
  readonly maxConnections?: () => number;
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

/** Resolves once it listens; rejects with a ConfigError if it cannot. */
export function listen(options: ServerOptions): Promise<HttpServer> {
  const timeouts = options.timeouts ?? {};
  let isClosing = false;
  const answer = getRequestListener((request, env) => options.fetch(request, env as HttpBindings), {
    // HTTP/1.0 has no Host header.
    hostname: "localhost",
    errorHandler: (error) =>
      error instanceof RequestError
        ? new Response(errorBody("malformed", "the request is not valid"), {
            status: 400,
            headers: JSON_HEADERS,
          })
        : new Response(errorBody("internal", "something went wrong"), { status: 500, headers: JSON_HEADERS }),
  });
  const inFlight = new ShortLivedSet<ServerResponse>();
  const isOver = function (this: ServerResponse): void {
    inFlight.delete(this);
  };
  const respond = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    if (isClosing) outgoing.shouldKeepAlive = false;
    if (incoming.headers.host === undefined && incoming.httpVersion === "1.1") {
      outgoing.writeHead(400, { ...JSON_HEADERS, connection: "close" });
      outgoing.end(errorBody("malformed", "HTTP/1.1 requires the header Host"));
      return;
    }
    const target = plainTarget(incoming);
    incoming.url = options.inbound?.(target) ?? target;
    inFlight.add(outgoing);
    outgoing.on("close", isOver);
    if (options.take?.(incoming, outgoing) === true) return;
    endWithReader(incoming, outgoing);
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
      // Node's own refusal has no body.
      requireHostHeader: false,
    },
    respond,
  );
  // Whether the body is wanted is decided by the headers: the body's reader asks for it.
  server.on("checkContinue", respond);
  server.on("checkExpectation", respond);
  server.on("clientError", (error, socket) => refuseMalformed(error, socket as Socket, options.clock));
  server.on("connect", (_incoming, socket) => refuseConnect(socket as Socket, options.clock));
  // A sender that closes its side behind the body still reads the answer; Node closes the connection after it, and idle ones at once.
  Object.assign(server, { httpAllowHalfOpen: true });
  const connections = new Connections(options.maxConnections ?? (() => Infinity), inFlight);
  server.on("connection", (socket) => connections.add(socket));

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

/** The whole address as a client of a proxy writes it; HTTP takes schemes in any case. */
const ABSOLUTE = /^https?:\/\/([^/?#]*)(.*)$/i;

/** Leaves path and query as the request's target: a host in it is the one that counts. */
function plainTarget(incoming: IncomingMessage): string {
  const { url = "/" } = incoming;
  if (url.startsWith("/")) return url;
  const [, host, rest] = ABSOLUTE.exec(url) ?? [];
  if (host === undefined || rest === undefined) return url;
  incoming.headers.host = host;
  return rest.startsWith("/") ? rest : `/${rest}`;
}

/** A reader of a live stream that closes its side is gone; any other sender may do so and still read its answer. */
function endWithReader(incoming: IncomingMessage, outgoing: ServerResponse): void {
  if (incoming.headers.accept?.includes("text/event-stream") !== true) return;
  const gone = (): void => void outgoing.destroy();
  incoming.socket.once("end", gone);
  outgoing.once("close", () => incoming.socket.off("end", gone));
}

/** Idle connections that are closed together where there are too many. */
const EVICTED_TOGETHER = 16;

/**
 * The open connections, the oldest first. Where there are too many, those go that have no request under way: many silent
 * connections never keep a webhook out. Where all have one, the new connection goes.
 */
class Connections {
  readonly #open = new Set<Socket>();
  readonly #limit: () => number;
  readonly #inFlight: Iterable<ServerResponse>;

  constructor(limit: () => number, inFlight: Iterable<ServerResponse>) {
    this.#limit = limit;
    this.#inFlight = inFlight;
  }

  add(socket: Socket): void {
    if (this.#open.size >= this.#limit() && !this.#evict()) {
      socket.destroy();
      return;
    }
    this.#open.add(socket);
    socket.once("close", () => this.#open.delete(socket));
  }

  #evict(): boolean {
    const busy = new Set<Socket | null>();
    for (const outgoing of this.#inFlight) busy.add(outgoing.socket);
    let evicted = 0;
    for (const socket of this.#open) {
      if (busy.has(socket)) continue;
      socket.destroy();
      this.#open.delete(socket);
      evicted += 1;
      if (evicted === EVICTED_TOGETHER) break;
    }
    return evicted > 0;
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
