/** What the simulator's own tests share: a simulator on a clock they move, a client for its API, a receiver for its webhooks. */
import { createServer } from "node:http";
import type { IncomingHttpHeaders, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { FakeClock } from "../helpers/clock.ts";
import type { SimulatorOptions } from "./options.ts";
import { createSimulator } from "./simulator.ts";
import type { Simulator } from "./simulator.ts";

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Parsed body; undefined where it is no JSON. */
  readonly body: unknown;
}

export type Api = (method: string, path: string, body?: unknown) => Promise<Reply>;

/** A client of the API. @param token null: anonymous */
export function apiOf(
  sim: Simulator,
  token: string | null = sim.token.value,
  extra: Record<string, string> = {},
): Api {
  return async (method, path, body) => {
    const headers: Record<string, string> = { ...extra };
    if (token !== null) headers["PRIVATE-TOKEN"] = token;
    const init: RequestInit = { method, headers, redirect: "manual" };
    if (body instanceof URLSearchParams || body instanceof FormData) init.body = body;
    else if (body !== undefined) {
      init.body = JSON.stringify(body);
      headers["Content-Type"] = "application/json";
    }
    const response = await fetch(`${sim.url}/api/v4${path}`, init);
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, body: parsed(text) };
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

export interface Bench {
  readonly sim: Simulator;
  readonly clock: FakeClock;
  readonly api: Api;
}

export async function startBench(options: SimulatorOptions = {}): Promise<Bench> {
  const clock = new FakeClock();
  const sim = await createSimulator({ clock, ...options });
  return { sim, clock, api: apiOf(sim) };
}

export interface Received {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Receiver {
  readonly url: string;
  readonly received: Received[];
  /** What it does with a request; by default it answers 200. */
  respond: (response: ServerResponse, request: Received) => void;
  /** Resolves when so many requests have come in. */
  arrived(count: number): Promise<void>;
  close(): Promise<void>;
}

/** A receiver of webhooks on a port of its own. */
export async function startReceiver(): Promise<Receiver> {
  const received: Received[] = [];
  const waiting = new Set<() => void>();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const item: Received = {
        method: request.method ?? "",
        url: request.url ?? "",
        headers: request.headers,
        body: Buffer.concat(chunks).toString("utf8"),
      };
      received.push(item);
      for (const check of waiting) check();
      receiver.respond(response, item);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const receiver: Receiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    received,
    respond: (response) => void response.writeHead(200).end("ok"),
    arrived: (count) =>
      new Promise((resolve) => {
        const check = (): void => {
          if (received.length < count) return;
          waiting.delete(check);
          resolve();
        };
        waiting.add(check);
        check();
      }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return receiver;
}

/** Answers every webhook with one status. */
export function always(status: number, body = ""): Receiver["respond"] {
  return (response) => void response.writeHead(status).end(body);
}
