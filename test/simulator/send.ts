/** One HTTP call as GitLab makes it: a connection of its own, one time limit, redirects followed the way its client does. */
import { request as httpRequest } from "node:http";
import type { IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import type { Clock } from "../../lib/clock.ts";

const MAX_REDIRECTS = 5;
const MAX_RESPONSE_BYTES = 100 * 1024 * 1024;

export interface Call {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  readonly verifyTls: boolean;
  readonly timeoutMs: number;
}

export interface Answer {
  /** Null: there was no answer, and `error` says why. */
  readonly status: number | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly error: string;
}

/** Makes the call. Never rejects: what goes wrong on the way is in the answer. */
export async function send(call: Call, clock: Clock): Promise<Answer> {
  const controller = new AbortController();
  const timer = clock.after(call.timeoutMs, () => {
    controller.abort(new Error("Net::ReadTimeout with #<TCPSocket:(closed)>"));
  });
  try {
    return await follow(call, controller.signal);
  } catch (error) {
    const reason: unknown = controller.signal.aborted ? controller.signal.reason : error;
    return {
      status: null,
      headers: {},
      body: "",
      error: reason instanceof Error ? reason.message : String(reason),
    };
  } finally {
    timer.cancel();
  }
}

async function follow(call: Call, signal: AbortSignal): Promise<Answer> {
  let url = new URL(call.url);
  let method = "POST";
  const first = url.host;
  for (let hop = 0; ; hop++) {
    const answer = await once(call, url, method, url.host === first, signal);
    const location = answer.headers["Location"];
    if (answer.status === null || ![301, 302, 303, 307, 308].includes(answer.status) || !location)
      return answer;
    if (hop >= MAX_REDIRECTS) throw new Error("HTTP redirects too deep");
    if (answer.status <= 303) method = "GET";
    url = new URL(location, url);
  }
}

function once(call: Call, url: URL, method: string, sameHost: boolean, signal: AbortSignal): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers: Record<string, string> = { ...call.headers };
    if (url.username !== "" && sameHost) {
      const pair = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
      headers["Authorization"] = `Basic ${Buffer.from(pair).toString("base64")}`;
    }
    if (method === "POST") headers["Content-Length"] = String(call.body.byteLength);
    const target = {
      protocol: url.protocol,
      hostname: url.hostname.replace(/^\[|\]$/g, ""),
      port: url.port,
      path: `${url.pathname}${url.search}`,
      method,
      headers,
      agent: false as const,
      signal,
    };
    const receive = (response: IncomingMessage): void => {
      read(response).then(resolve, reject);
    };
    const request =
      url.protocol === "https:"
        ? httpsRequest({ ...target, rejectUnauthorized: call.verifyTls }, receive)
        : httpRequest(target, receive);
    request.once("error", (error: NodeJS.ErrnoException) => {
      reject(error.code === "ECONNREFUSED" ? refused(url) : error);
    });
    request.end(method === "POST" ? call.body : undefined);
  });
}

function refused(url: URL): Error {
  return new Error(
    `Failed to open TCP connection to ${url.host} (Connection refused - connect(2) for ${url.host})`,
  );
}

async function read(response: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.byteLength;
    if (size > MAX_RESPONSE_BYTES) throw new Error("Response size too large");
    chunks.push(chunk);
  }
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(response.headers)) {
    headers[capitalized(name)] = Array.isArray(value) ? value.join(", ") : (value ?? "");
  }
  return {
    status: response.statusCode ?? null,
    headers,
    body: Buffer.concat(chunks).toString("utf8"),
    error: "",
  };
}

/** `content-type` -> `Content-Type`, as the log shows names. */
function capitalized(name: string): string {
  return name.replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase());
}
