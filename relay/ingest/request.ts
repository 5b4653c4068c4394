/**
 * A request as the ladder reads it. On Node and Deno the HTTP server hands over its own incoming message, which is read
 * directly: the web stream in front of it costs a third of the throughput. Without one (app.request() in tests) the web request
 * is read.
 */
import type { IncomingMessage, ServerResponse } from "node:http";

/** What @hono/node-server puts into `c.env`. */
export interface ServerBindings {
  readonly incoming?: IncomingMessage;
  readonly outgoing?: ServerResponse;
}

/** Names in lower case; characters stand for bytes (latin1). */
export type RequestHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

export interface WebhookRequest {
  readonly headers: RequestHeaders;
  readonly socketAddress: string | undefined;
  readonly incoming: IncomingMessage | null;
  readonly outgoing: ServerResponse | null;
  readonly web: Request;
}

export function webhookRequest(web: Request, env: ServerBindings | undefined): WebhookRequest {
  const incoming = env?.incoming ?? null;
  return {
    headers: incoming === null ? Object.fromEntries(web.headers) : incoming.headers,
    socketAddress: incoming?.socket.remoteAddress,
    incoming,
    outgoing: env?.outgoing ?? null,
    web,
  };
}

/** The header's value; null where it is not there or empty. */
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
    request.outgoing !== null &&
    headerOf(request.headers, "expect")?.toLowerCase() === "100-continue" &&
    !request.incoming?.readableDidRead
  );
}
