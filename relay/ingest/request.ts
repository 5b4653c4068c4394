/**
 * A request as the ladder reads it. On Node and Deno the HTTP server hands over its own incoming message, which is read and answered
 * directly: web objects in front of it cost a third of the throughput. Without a socket (app.request() in tests) the web request is
 * read.
 */
import type { IncomingMessage, ServerResponse } from "node:http";

/** What @hono/node-server puts into `c.env`. */
export interface ServerBindings {
  readonly incoming?: IncomingMessage;
  readonly outgoing?: ServerResponse;
}

/** Names in lower case; characters stand for bytes (latin1). */
export type RequestHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

/** A request that came in through a socket. */
export interface SocketRequest {
  readonly headers: RequestHeaders;
  readonly socketAddress: string | undefined;
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  readonly web: null;
}

export interface WebRequest {
  readonly headers: RequestHeaders;
  readonly socketAddress: undefined;
  readonly incoming: null;
  readonly outgoing: null;
  readonly web: Request;
}

export type WebhookRequest = SocketRequest | WebRequest;

export function socketRequest(incoming: IncomingMessage, outgoing: ServerResponse): SocketRequest {
  const { headers, socket } = incoming;
  return { headers, socketAddress: socket.remoteAddress, incoming, outgoing, web: null };
}

export function webRequest(web: Request): WebRequest {
  const headers = Object.fromEntries(web.headers);
  return { headers, socketAddress: undefined, incoming: null, outgoing: null, web };
}

/** The header's value; null if it is not there or empty. */
export function headerOf(headers: RequestHeaders, name: string): string | null {
  const value = headers[name];
  return typeof value === "string" && value !== "" ? value : null;
}

/** Content-Length; null for chunked bodies. The HTTP parser has refused what is not a number. */
export function contentLengthOf(headers: RequestHeaders): number | null {
  const value = headerOf(headers, "content-length");
  return value === null ? null : Number(value);
}

/** True while the sender waits to be asked for the body. */
export function awaitsContinue(request: WebhookRequest): boolean {
  return (
    request.incoming !== null &&
    headerOf(request.headers, "expect")?.toLowerCase() === "100-continue" &&
    !request.incoming.readableDidRead
  );
}
