/**
 * How a request travels: undici's own client, with kept connections and the proxy that the environment names. The runtimes' fetch
 * would do, at twice the processor time and, on Node 20, past the proxy. Redirects are not followed: their status is an answer
 * like any other.
 */
import { Agent, ProxyAgent, request, type Dispatcher } from "undici";
import { proxyFor, type ProxyEnv, type ProxyServer } from "../proxy.ts";

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

/** Resolves with any answer that came whole; rejects if none did. Throws ConfigError if a proxy variable cannot be read. */
export type Transport = (url: URL, sent: Sent) => Promise<Received>;

/** No answer came, and the request was to go through a proxy. The text holds no credentials. */
export class ProxyFailure extends Error {
  override readonly name = "ProxyFailure";
  /** `host:port` of the proxy. */
  readonly proxy: string;
  /** With what the proxy refused; null: it did not answer. */
  readonly status: number | null;
  /** The system's word, such as ECONNREFUSED; null: it gave none. */
  readonly code: string | null;
  constructor(proxy: string, error: unknown) {
    super(`no way through the proxy ${proxy}`);
    this.proxy = proxy;
    const { message, code } = error as Partial<NodeJS.ErrnoException>;
    // undici has no field for it.
    const refused = /^Proxy (?:response|Authentication Required) \((\d{3})\)/.exec(message ?? "");
    this.status = refused === null ? null : Number(refused[1]);
    this.code = typeof code === "string" ? code : null;
  }
}

/** Thrown for an answer that does not end. */
export class AnswerTooLong extends Error {
  override readonly name = "AnswerTooLong";
}

/** Origins whose proxy is remembered. */
const MOST_ORIGINS = 1_000;

/** An answer beyond this is not GitLab's, bytes. */
const MAX_ANSWER_BYTES = 67_108_864;

export interface TransportOptions {
  /** Bytes of a body that are read; the rest is cut off. @default a body beyond 64 MiB is an error */
  readonly cutAt?: number;
}

export function createTransport(env: ProxyEnv = {}, { cutAt }: TransportOptions = {}): Transport {
  // The sender holds the time, body included; a second timer here would only say so later.
  const times = { headersTimeout: 0, bodyTimeout: 0 };
  const direct = new Agent(times);
  const proxied = new Map<string, ProxyAgent>();
  /** By origin: the environment does not change, and each look into it leaves the engine. */
  const proxies = new Map<string, ProxyServer | null>();

  function proxyOf(url: URL): ProxyServer | null {
    const { origin } = url;
    const known = proxies.get(origin);
    if (known !== undefined) return known;
    const proxy = proxyFor(url, env);
    if (proxies.size >= MOST_ORIGINS) proxies.clear();
    proxies.set(origin, proxy);
    return proxy;
  }

  function agentOf({ uri, authorization }: ProxyServer): ProxyAgent {
    const known = proxied.get(uri);
    if (known !== undefined) return known;
    const token = authorization === null ? {} : { token: authorization };
    // Many proxies allow CONNECT to port 443 alone: what is not encrypted is asked for by its whole address.
    const agent = new ProxyAgent({ ...times, ...token, uri, proxyTunnel: false });
    proxied.set(uri, agent);
    return agent;
  }

  return async function travel(url, sent) {
    const proxy = proxyOf(url);
    if (proxy === null) return exchange(direct, url, sent, cutAt);
    try {
      return await exchange(agentOf(proxy), url, sent, cutAt);
    } catch (error) {
      if (sent.signal.aborted || error instanceof AnswerTooLong) throw error;
      throw new ProxyFailure(proxy.shown, error);
    }
  };
}

async function exchange(
  dispatcher: Dispatcher,
  url: URL,
  sent: Sent,
  cutAt: number | undefined,
): Promise<Received> {
  const { method, headers, body, signal } = sent;
  const content = body === undefined ? {} : { body };
  const answer = await request(url, { dispatcher, method, headers: { ...headers }, signal, ...content });
  const names = Object.entries(answer.headers).map(([name, value]) => [name, String(value)]);
  return {
    status: answer.statusCode,
    headers: Object.fromEntries(names) as Record<string, string>,
    text: await textOf(answer.body, cutAt),
  };
}

async function textOf(body: AsyncIterable<Buffer>, cutAt: number | undefined): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (cutAt !== undefined && size >= cutAt) {
      // Ends the connection too: leaving the loop destroys the body.
      chunks.push(chunk.subarray(0, chunk.length - (size - cutAt)));
      break;
    }
    if (size > MAX_ANSWER_BYTES)
      throw new AnswerTooLong(`the answer is longer than ${MAX_ANSWER_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
