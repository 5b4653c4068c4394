/**
 * How a request travels: undici's own client, with kept connections and the proxy that the environment names (HTTPS_PROXY,
 * NO_PROXY). The runtimes' fetch would do, at twice the processor time and, on Node 20, past the proxy. Redirects are not
 * followed: their status is an answer like any other.
 */
import { Agent, EnvHttpProxyAgent, request } from "undici";

export interface Sent {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Ends the exchange, the reading of the body included. */
  readonly signal: AbortSignal;
}

export interface Received {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

/** Resolves with any answer that came whole; rejects where none did. */
export type Transport = (url: URL, sent: Sent) => Promise<Received>;

/** No proxy reaches these for us. */
const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/;

export function createTransport(): Transport {
  // The sender holds the time, body included; a second timer here would only say so later.
  const times = { headersTimeout: 0, bodyTimeout: 0 };
  const proxied = new EnvHttpProxyAgent(times);
  const direct = new Agent(times);
  return async function travel(url, { method, headers, body, signal }) {
    const answer = await request(url, {
      dispatcher: LOOPBACK.test(url.hostname) ? direct : proxied,
      method,
      headers: { ...headers },
      signal,
      ...(body === undefined ? {} : { body }),
    });
    const text = await answer.body.text();
    const names = Object.entries(answer.headers).map(([name, value]) => [name, String(value)]);
    return { status: answer.statusCode, headers: Object.fromEntries(names) as Record<string, string>, text };
  };
}
