/**
 * How a request travels: undici's own client, with kept connections and the proxy that the environment names. The runtimes' fetch
 * would do, at twice the processor time and, on Node 20, past the proxy. Redirects are not followed: their status is an answer
 * like any other.
 *
 * The agent comes from its own file: undici's index loads its fetch, its caches and its mocks as well, 4 MB of a small job. Proxies
 * need the index.
 */
import type { ProxyAgent } from "undici";
import Agent from "undici/lib/dispatcher/agent.js";
import { proxyFor, type ProxyEnv, type ProxyServer } from "../proxy.ts";
import type { Received, Sent } from "./exchange.ts";
import { AnswerTooLong, roundTrip } from "./round-trip.ts";

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

/** Origins whose proxy is remembered. */
const MOST_ORIGINS = 1_000;

export interface TransportOptions {
  /** Bytes of a body that are read; the rest is cut off. @default a body beyond 64 MiB is an error */
  readonly cutAt?: number;
}

export function createTransport(env: ProxyEnv = {}, { cutAt }: TransportOptions = {}): Transport {
  // The sender holds the time, body included; a second timer here would only say so later.
  const times = { headersTimeout: 0, bodyTimeout: 0 };
  const direct = new Agent(times);
  const proxied = new Map<string, Promise<ProxyAgent>>();
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

  function agentOf({ uri, authorization }: ProxyServer): Promise<ProxyAgent> {
    const known = proxied.get(uri);
    if (known !== undefined) return known;
    const token = authorization === null ? {} : { token: authorization };
    // Many proxies allow CONNECT to port 443 alone: what is not encrypted is asked for by its whole address.
    const agent = import("undici").then(
      (undici) => new undici.ProxyAgent({ ...times, ...token, uri, proxyTunnel: false }),
    );
    proxied.set(uri, agent);
    return agent;
  }

  return async function travel(url, sent) {
    const proxy = proxyOf(url);
    if (proxy === null) return roundTrip(direct, url, sent, cutAt);
    try {
      return await roundTrip(await agentOf(proxy), url, sent, cutAt);
    } catch (error) {
      if (sent.signal.aborted || error instanceof AnswerTooLong) throw error;
      throw new ProxyFailure(proxy.shown, error);
    }
  };
}
