/**
 * One POST as a target gets it: exactly these headers and bytes, redirects not followed, the beginning of the answer kept. fetch()
 * would add headers of its own.
 */
import { Agent, ProxyAgent, request, type Dispatcher } from "undici";
import { messageOf } from "../lib/errors.ts";
import { proxyFor, type ProxyEnv } from "../lib/proxy.ts";

/** Bytes of the answer that are kept; the rest is read up to a bound and dropped. */
const KEPT_BYTES = 2048;
const MAX_ANSWER_BYTES = 262_144;

export interface Posted {
  /** Null: there was no answer. */
  readonly status: number | null;
  /** Beginning of the answer's body, or why there is none. */
  readonly text: string;
  readonly durationMs: number;
}

export interface Post {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  readonly timeoutMs: number;
}

/** Sends over kept connections. Throws ConfigError if a proxy variable cannot be read. */
export class Poster {
  readonly #env: ProxyEnv;
  readonly #monotonic: () => number;
  readonly #agents = new Map<string, Dispatcher>();

  /** @param monotonic milliseconds */
  constructor(env: ProxyEnv, monotonic: () => number) {
    this.#env = env;
    this.#monotonic = monotonic;
  }

  /** Resolves whatever happens on the network. */
  async post({ url, headers, body, timeoutMs }: Post): Promise<Posted> {
    const dispatcher = this.#agentFor(url);
    const start = this.#monotonic();
    try {
      const answer = await request(url, {
        dispatcher,
        method: "POST",
        headers: { ...headers },
        body: Buffer.from(body),
        signal: AbortSignal.timeout(timeoutMs),
      });
      const text = await beginningOf(answer.body);
      return { status: answer.statusCode, text, durationMs: this.#since(start) };
    } catch (error) {
      const isLate = error instanceof Error && error.name === "TimeoutError";
      const text = isLate ? `no answer within ${timeoutMs / 1000} s` : networkMessage(error);
      return { status: null, text, durationMs: this.#since(start) };
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#agents.values()].map((agent) => agent.destroy()));
  }

  #since(start: number): number {
    return Math.round(this.#monotonic() - start);
  }

  #agentFor(url: URL): Dispatcher {
    const proxy = proxyFor(url, this.#env);
    const key = proxy?.uri ?? "";
    const known = this.#agents.get(key);
    if (known !== undefined) return known;
    const agent =
      proxy === null
        ? new Agent()
        : new ProxyAgent({
            uri: proxy.uri,
            proxyTunnel: false,
            ...(proxy.authorization === null ? {} : { token: proxy.authorization }),
          });
    this.#agents.set(key, agent);
    return agent;
  }
}

async function beginningOf(body: AsyncIterable<Buffer>): Promise<string> {
  const kept: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    if (size < KEPT_BYTES) kept.push(chunk);
    size += chunk.length;
    if (size > MAX_ANSWER_BYTES) break;
  }
  return Buffer.concat(kept).subarray(0, KEPT_BYTES).toString("utf8");
}

function networkMessage(error: unknown): string {
  const inner = error instanceof AggregateError ? error.errors[0] : error;
  return messageOf(inner) || "no answer";
}
